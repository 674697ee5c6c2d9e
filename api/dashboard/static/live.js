/** A job's server-sent events: a stream that comes back by itself, behind the last message that was read. */
import { isLost, read } from "./api.js";

const AGAIN_MILLISECONDS = [1000, 2000, 5000, 10000];

/**
 * Follow a job from where it is now.
 * @param {string} jobId
 * @param {Record<string, (data: any) => void>} hear  By type of message.
 * @param {() => void} opened  Called whenever the stream has been opened from where the job is now: what is past is to
 *   be read then.
 * @returns {() => void}  Ends it.
 */
export function follow(jobId, hear, opened) {
  const types = Object.keys(hear).join(",");
  /** @type {EventSource} */
  let source;
  let [lastId, failures, timer, isClosed] = ["now", 0, 0, false];

  const open = () => {
    const isFresh = lastId === "now";
    source = new EventSource(`jobs/${encodeURIComponent(jobId)}/stream?types=${types}&last_event_id=${lastId}`);
    source.addEventListener("open", () => {
      failures = 0;
      isLost.value = false;
    });
    for (const [type, told] of Object.entries(hear)) {
      source.addEventListener(type, (message) => {
        if (message.lastEventId) lastId = message.lastEventId;
        told(JSON.parse(message.data));
      });
    }
    if (isFresh) source.addEventListener("job", opened, { once: true });
    source.addEventListener("end", close);
    source.addEventListener("error", () => {
      if (isClosed) return;
      source.close();
      read(`jobs/${encodeURIComponent(jobId)}`).catch(() => {}); // tells why: the connection, or the key
      timer = setTimeout(open, AGAIN_MILLISECONDS[Math.min(failures, AGAIN_MILLISECONDS.length - 1)]);
      failures += 1;
    });
  };
  const comeBack = () => {
    if (isClosed || source.readyState === EventSource.OPEN) return;
    clearTimeout(timer);
    source.close();
    open();
  };
  const close = () => {
    isClosed = true;
    clearTimeout(timer);
    source.close();
    removeEventListener("online", comeBack);
  };
  addEventListener("online", comeBack);
  open();
  return close;
}
