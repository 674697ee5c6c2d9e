/** What is looked at again and again while the page is seen. The browser asks by ETag, so what is unchanged is small. */
import { read, Unreachable } from "./api.js";
import { useEffect, useSignal } from "./html.js";

/**
 * @param {string | null} path  Null looks at nothing.
 * @param {number} seconds  Between two looks.
 * @param {number} [turn]  Another number looks at once: something was changed.
 * @returns {import("./vendor/signals.js").Signal<{path?: string, data?: any, error?: Error}>}
 *   What was read last; an error if the service refused. While it does not answer, the last answer stays.
 */
export function usePolled(path, seconds, turn = 0) {
  const found = useSignal(/** @type {{path?: string, data?: any, error?: Error}} */ ({}));
  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    let timer = 0;
    if (found.value.error) found.value = {};
    const look = async () => {
      clearTimeout(timer);
      if (!document.hidden) await take(path, found, abort.signal);
      if (!abort.signal.aborted) timer = setTimeout(look, seconds * 1000);
    };
    const lookIfSeen = () => document.hidden || look();
    document.addEventListener("visibilitychange", lookIfSeen);
    look();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", lookIfSeen);
    };
  }, [path, seconds, turn]);
  return found;
}

async function take(path, found, abort) {
  try {
    const data = await read(path, abort);
    if (!abort.aborted) found.value = { path, data };
  } catch (error) {
    if (!abort.aborted && !(error instanceof Unreachable)) found.value = { path, error };
  }
}
