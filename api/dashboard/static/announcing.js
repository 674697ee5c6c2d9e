/** Words for screen readers: what has changed without being asked for. */
import { signal } from "./vendor/signals.js";

export const announced = signal("");

/** @param {string} words */
export function announce(words) {
  announced.value = words;
}
