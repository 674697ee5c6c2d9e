/** Where one is: the address's fragment, `#/jobs/ftjob-…/logs?step=3`. */
import { signal } from "./vendor/signals.js";

/** @param {string} hash  @returns {{path: string[], query: URLSearchParams}} */
export function parse(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

/** @param {string[]} path  @param {Record<string, string | null | undefined>} [query] */
export function href(path, query = {}) {
  const asked = new URLSearchParams(Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : [])));
  return `#/${path.map(encodeURIComponent).join("/")}${asked.size ? `?${asked}` : ""}`;
}

export const route = signal(parse(globalThis.location?.hash ?? ""));

/** @param {string} to  An address that `href` made. */
export function go(to) {
  location.hash = to;
}

/** Change the address without a step in the browser's history. @param {string} to */
export function replace(to) {
  history.replaceState(null, "", to);
  route.value = parse(to);
}

globalThis.addEventListener?.("hashchange", () => (route.value = parse(location.hash)));
