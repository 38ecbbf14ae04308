"""The engine: preprocesses, infers and postprocesses for one model on one device. Only here do these three steps meet."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framehop.errors import ClosedError, InvalidArgumentError
from framehop.inference import Model, OnnxSession, Provider, SessionOptions, finite_rows, load_model
from framehop.inference.postprocess import NO_OBJECTS, Objects, Postprocessor, Wanted
from framehop.inference.preprocess import InputTensor
from framehop.inference.tiling import Tiling
from framehop.types import BatchTimings, Detections, ModelInfo

__all__ = ["BAD_OUTPUT", "Engine", "load_model"]

BAD_OUTPUT = "bad_output"

Size = tuple[int, int]


class Engine:
    """Finds objects in pictures; it is a :class:`framehop.protocols.Detector`. Use from one thread at a time.

    with Engine(load_model("coco-ssd")) as engine:
        [found] = engine.detect([decode_jpeg(data)])
    """

    def __init__(
        self,
        model: Model,
        *,
        provider: Provider = "auto",
        threads: int = 0,
        max_batch: int = 8,
        device: int = 0,
        engine_cache: Path | None = None,
        conf: float | None = None,
        classes: Sequence[str] = (),
        class_conf: Mapping[str, float] = MappingProxyType({}),
        exclude: Sequence[str] = (),
        tiles: str = "",
    ) -> None:
        """Load and warm up `model`. `provider`, `threads`, `device`, `engine_cache`: see SessionOptions. `max_batch`: pictures
        per run of the network, 1–256; the input tensor has room for as many. `conf`: the least score of a box, 0–1; None means
        the model's own. `class_conf`: the same for single labels. `classes`: the only labels to look for, by name or label id;
        empty means all. `exclude`: labels to leave out. `tiles`: cut each picture, as `3x2`; see Tiles.parse. Empty: do not.

        Raises MissingExtraError without ONNX Runtime, ModelError, ConfigError, InvalidArgumentError.
        """
        if not 1 <= max_batch <= 256 or threads < 0:
            raise InvalidArgumentError(f"max_batch must be 1 to 256 and threads 0 or more: {max_batch}, {threads}")
        options = SessionOptions(provider=provider, threads=threads, device=device, engine_cache=engine_cache)
        self._model = model = model if model.sha256 else model.checked()
        self._max_batch = max_batch
        wanted = Wanted.of(model.labels, conf, classes, class_conf=class_conf, exclude=exclude)
        self._tiling = Tiling.of(tiles, model.sidecar.nms, max_objects=model.sidecar.max_objects)
        self._post = Postprocessor(model.sidecar, wanted)
        self._input = InputTensor(model.sidecar.input, model.sidecar.resize, max_batch=max_batch)
        session = OnnxSession(model, options, outputs=self._post.outputs, max_batch=max_batch)
        self._provider = session.provider
        self._session: OnnxSession | None = session
        self._warm_up(session)
        self._one_by_one = session.one_by_one

    @property
    def info(self) -> ModelInfo:
        """The name and version from the sidecar, the network's SHA-256, and the provider that really runs it."""
        model = self._model
        return ModelInfo(name=model.name, version=model.version, sha256=model.sha256, provider=self._provider)

    @property
    def labels(self) -> Mapping[int, str]:
        return self._model.labels

    @property
    def max_batch(self) -> int:
        return self._max_batch

    @property
    def one_by_one(self) -> bool:
        """Whether the network takes only one picture at a time, so that a batch takes as long as its pictures one by one."""
        return self._one_by_one

    @property
    def min_width(self) -> int:
        """Width in pixels below which a decoder should not scale down; see Model.min_decode_size. Tiles make it larger."""
        return self._tiling.decode_size(self._model.min_decode_size)[0]

    @property
    def min_height(self) -> int:
        return self._tiling.decode_size(self._model.min_decode_size)[1]

    @property
    def runs_per_picture(self) -> int:
        """The number of pictures that the network sees for one picture, at most: 1 without tiles."""
        return self._tiling.runs

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], source_sizes: Sequence[Size] | None = None
    ) -> list[Detections]:
        """Return one result per picture, in order.

        `pictures`: uint8 [H, W, 3], RGB, borrowed for the call. `source_sizes`: (width, height) of each picture before the
        decoder scaled it; boxes are in these pixels. None if no picture was scaled. More than `max_batch` pictures run in several
        batches. A picture whose outputs hold NaN or infinity gets the error `bad_output`; the others are not affected.
        Raises InvalidArgumentError for a picture of another shape or dtype, ModelError when the runtime fails, ClosedError.
        """
        if self._session is None:
            raise ClosedError("the engine is closed")
        _check_pictures(pictures)
        sizes = [_size(picture) for picture in pictures] if source_sizes is None else source_sizes
        if len(sizes) != len(pictures):
            raise InvalidArgumentError(f"{len(pictures)} pictures, but {len(sizes)} source sizes")
        return self._tiling.detect(pictures, sizes, partial(self._detect_all, self._session))

    def _detect_all(
        self, session: OnnxSession, pictures: Sequence[NDArray[np.uint8]], sizes: Sequence[Size]
    ) -> list[Detections]:
        results: list[Detections] = []
        for first in range(0, len(pictures), self._max_batch):
            part = slice(first, first + self._max_batch)
            results += self._detect_batch(session, pictures[part], sizes[part])
        return results

    def _detect_batch(
        self, session: OnnxSession, pictures: Sequence[NDArray[np.uint8]], sizes: Sequence[Size]
    ) -> list[Detections]:
        began = time.perf_counter_ns()
        batch, transforms = self._input.fill(pictures)
        filled = time.perf_counter_ns()
        outputs = session.run(batch)
        ran = time.perf_counter_ns()
        found = self._objects(outputs, transforms, [_size(picture) for picture in pictures], sizes)
        timings = _timings(len(pictures), began, filled, ran, time.perf_counter_ns())
        return [_detections(objects, timings) for objects in found]

    def _objects(
        self,
        outputs: Mapping[str, NDArray[np.float32]],
        transforms: NDArray[np.float64],
        picture_sizes: Sequence[Size],
        source_sizes: Sequence[Size],
    ) -> list[Objects | None]:
        """Return the objects of each picture, or None if its outputs are not finite."""
        usable = finite_rows(outputs)
        return [
            self._post.objects(
                {name: rows[i] for name, rows in outputs.items()},
                transforms[i],
                picture_size=picture_sizes[i],
                source_size=source_sizes[i],
            )
            if usable[i]
            else None
            for i in range(len(picture_sizes))
        ]

    def _warm_up(self, session: OnnxSession) -> None:
        """Run a batch of one and the largest batch. This allocates, and shows whether the head can read the outputs and whether the
        network takes a batch, which small batches would hide until the load is high. A GPU plans anew for each batch size."""
        self._read_blank(session.run(self._input.blank(1)), 1)
        self._read_blank(session.try_batch(self._input.blank(self._max_batch)), self._max_batch)

    def _read_blank(self, outputs: Mapping[str, NDArray[np.float32]], count: int) -> None:
        size = self._model.min_decode_size
        self._objects(outputs, np.tile([1.0, 1.0, 0.0, 0.0], (count, 1)), [size] * count, [size] * count)

    def close(self) -> None:
        """Free the network; `detect` then raises ClosedError. Closing twice is harmless."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _check_pictures(pictures: object) -> None:
    """Raise a message of its own for each common mistake of a first call. The kernel checks the rest."""
    if not isinstance(pictures, Sequence) or isinstance(pictures, str | bytes):
        raise InvalidArgumentError(
            f"detect takes a list of pictures, as in detect([picture]), not what is {_kind(pictures)}"
        )
    for index, picture in enumerate(pictures):
        if not isinstance(picture, np.ndarray):
            raise InvalidArgumentError(
                f"pictures[{index}] is {_kind(picture)}, not pixels: give uint8 [H, W, 3] in RGB, for a JPEG"
                " framehop.decode_jpeg(path.read_bytes())"
            )
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise InvalidArgumentError(
                f"pictures[{index}] is {picture.dtype} {list(picture.shape)}, and must be uint8 [H, W, 3], RGB"
            )


def _kind(value: object) -> str:
    """Return a short description of `value` for a message."""
    return repr(value[:64]) if isinstance(value, str) else f"of type {type(value).__name__}"


def _size(picture: NDArray[np.uint8]) -> Size:
    return picture.shape[1], picture.shape[0]


def _timings(batch_size: int, began_ns: int, filled_ns: int, ran_ns: int, done_ns: int) -> BatchTimings:
    return BatchTimings(
        batch_size=batch_size,
        preprocess_us=(filled_ns - began_ns) // 1000,
        infer_us=(ran_ns - filled_ns) // 1000,
        postprocess_us=(done_ns - ran_ns) // 1000,
    )


def _detections(objects: Objects | None, timings: BatchTimings) -> Detections:
    boxes, scores, label_ids = objects or NO_OBJECTS
    error = "" if objects is not None else BAD_OUTPUT
    return Detections(boxes=boxes, scores=scores, label_ids=label_ids, error=error, timings=timings)
