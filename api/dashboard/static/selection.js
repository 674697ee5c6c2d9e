/** Jobs that were chosen to be compared. */
import { signal } from "./vendor/signals.js";

/** That are told apart by their colours. */
export const MOST = 8;

/** @type {import("./vendor/signals.js").Signal<string[]>} */
export const selected = signal([]);

/** @param {string} id */
export function toggle(id) {
  const [known, others] = [selected.value, selected.value.filter((/** @type {string} */ one) => one !== id)];
  selected.value = others.length < known.length ? others : [...known, id].slice(-MOST);
}
