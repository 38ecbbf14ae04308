/** What this browser keeps between visits. One that keeps nothing works all the same, until the page is left. */

const now = new Map();

export function recall(key) {
  try {
    return localStorage.getItem(key) ?? now.get(key) ?? "";
  } catch {
    return now.get(key) ?? "";
  }
}

/** An empty value is forgotten. */
export function remember(key, value) {
  now.set(key, value);
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
  } catch {
    // `now` has it
  }
}
