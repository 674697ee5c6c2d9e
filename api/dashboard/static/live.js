/** A job's server-sent events: a stream that comes back by itself, behind the last message that was read. */
import { isLost, read, Refused } from "./api.js";

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
      read(`jobs/${encodeURIComponent(jobId)}`).then(openAgain, (error) => isFinal(error) || openAgain());
    });
  };
  const openAgain = () => {
    if (isClosed || source.readyState !== EventSource.CLOSED) return;
    timer = setTimeout(open, AGAIN_MILLISECONDS[Math.min(failures, AGAIN_MILLISECONDS.length - 1)]);
    failures += 1;
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

/** Whether asking again brings nothing else: no key, no right, no job. */
const isFinal = (/** @type {Error} */ error) => error instanceof Refused && [401, 403, 404].includes(error.status);
