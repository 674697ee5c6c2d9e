/** Keys for people who do not reach for the mouse. A page says what it hears by `useKeys`. */
import { useEffect } from "./html.js";

/**
 * Hear keys as long as a component is there; not while somebody types.
 * @param {Record<string, (event: KeyboardEvent) => void>} keys  By `KeyboardEvent.key`.
 */
export function useKeys(keys) {
  useEffect(() => {
    const hear = (/** @type {KeyboardEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector("dialog[open]")) return;
      keys[event.key]?.(event);
    };
    addEventListener("keydown", hear);
    return () => removeEventListener("keydown", hear);
  });
}

/** Move the focus among the elements of a list. @param {string} selector  @param {number} by */
export function moveFocus(selector, by) {
  const found = [...document.querySelectorAll(selector)];
  if (!found.length) return;
  const at = found.indexOf(/** @type {Element} */ (document.activeElement));
  const next = at < 0 ? (by > 0 ? 0 : found.length - 1) : Math.min(found.length - 1, Math.max(0, at + by));
  /** @type {HTMLElement} */ (found[next]).focus();
}

function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
