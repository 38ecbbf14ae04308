/** Draws a picture with the boxes of its event. */

import { clip, percent } from "./format.js";

/** Colours that stand out from pictures and from each other, each readable with the dark text of its label. */
const COLOURS = ["#ffb224", "#3ddbd9", "#ff8fa3", "#8ce99a", "#74c0fc", "#d0a9ff", "#ffe066", "#ff9e64", "#63e6be", "#f4a6ff"];
const INK = "#0b0f14";

/** The same colour for the same label, on every page and every day. */
export function colourOf(label) {
  let hash = 7;
  for (let i = 0; i < label.length && i < 64; i += 1) hash = (hash * 31 + label.charCodeAt(i)) >>> 0;
  return COLOURS[hash % COLOURS.length];
}

/** Fills the canvas at the screen's own resolution, the picture centred with its sides kept. */
export function drawFrame(canvas, bitmap, event) {
  const scale = Math.min(2, devicePixelRatio || 1);
  fit(canvas, Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale));
  const place = placeOf(canvas, bitmap);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, place.x, place.y, place.width, place.height);
  for (const found of event?.objects ?? []) drawBox(context, found, place, event, scale);
}

function fit(canvas, width, height) {
  if (canvas.width !== width) canvas.width = Math.max(1, width);
  if (canvas.height !== height) canvas.height = Math.max(1, height);
}

function placeOf(canvas, bitmap) {
  const zoom = Math.min(canvas.width / bitmap.width, canvas.height / bitmap.height);
  const [width, height] = [bitmap.width * zoom, bitmap.height * zoom];
  return { x: (canvas.width - width) / 2, y: (canvas.height - height) / 2, width, height };
}

/** Boxes are in pixels of the source, whatever size the picture came in. */
function drawBox(context, found, place, event, scale) {
  if (!Array.isArray(found.box) || !(event.width > 0 && event.height > 0)) return;
  const [x1, y1, x2, y2] = [
    place.x + (found.box[0] / event.width) * place.width, place.y + (found.box[1] / event.height) * place.height,
    place.x + (found.box[2] / event.width) * place.width, place.y + (found.box[3] / event.height) * place.height,
  ];
  const colour = colourOf(found.label ?? "");
  context.lineWidth = 4 * scale;
  context.strokeStyle = "rgb(11 15 20 / 45%)";
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  context.lineWidth = 2 * scale;
  context.strokeStyle = colour;
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  drawLabel(context, labelOf(found), x1, y1, colour, scale);
}

function labelOf(found) {
  const track = Number.isInteger(found.track_id) ? ` #${found.track_id}` : "";
  return `${clip(found.label, 24)}${track} ${percent(found.confidence)}`;
}

/** Stands on its box, or inside where there is no room above. */
function drawLabel(context, text, x, y, colour, scale) {
  const height = 17 * scale;
  context.font = `600 ${11.5 * scale}px system-ui, sans-serif`;
  const width = context.measureText(text).width + 10 * scale;
  const top = y - height < 0 ? y : y - height;
  const left = Math.max(0, Math.min(x - scale, context.canvas.width - width));
  context.fillStyle = colour;
  context.fillRect(left, top, width, height);
  context.fillStyle = INK;
  context.textBaseline = "middle";
  context.fillText(text, left + 5 * scale, top + height / 2 + 0.5 * scale);
}

const WIDTHS = [320, 480, 640, 960, 1280, 1920];

/** The width to ask for: one of a few, so that all who look at a stream share the server's work. */
export function widthFor(canvas) {
  const wanted = canvas.clientWidth * Math.min(2, devicePixelRatio || 1);
  return WIDTHS.find((width) => width >= wanted) ?? WIDTHS.at(-1);
}
