/** A job's server-sent events: a stream that comes back by itself, behind the last message that was read. */
import { isLost, read, Refused } from "./api.js";

const AGAIN_MILLISECONDS = [1000, 2000, 5000, 10000];
/** A stream that says nothing for so long may have lost its other end without a word. */
const SILENCE_MILLISECONDS = 45000;

/**
 * Follow a job from where it is now.
 * @param {string} jobId
 * @param {Record<string, (data: any) => void>} hear  By type of message.
 * @param {() => void} opened  Called whenever the stream has been opened from where the job is now: what is past is to
 *   be read then.
 * @returns {() => void}  Ends it.
 */
export function follow(jobId, hear, opened) {
  const path = `jobs/${encodeURIComponent(jobId)}`;
  const types = Object.keys(hear).join(",");
  /** @type {EventSource} */
  let source;
  let [lastId, failures, isClosed] = ["now", 0, false];
  let [again, silence] = [0, 0];

  const open = () => {
    const isFresh = lastId === "now";
    source = new EventSource(`${path}/stream?types=${types}&last_event_id=${lastId}`);
    source.addEventListener("open", () => {
      [failures, isLost.value] = [0, false];
      heard();
    });
    for (const [type, told] of Object.entries(hear)) {
      source.addEventListener(type, (message) => {
        if (message.lastEventId) lastId = message.lastEventId;
        heard();
        told(JSON.parse(message.data));
      });
    }
    if (isFresh) source.addEventListener("job", opened, { once: true });
    source.addEventListener("end", close);
    source.addEventListener("error", breakOff);
  };
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(breakOff, SILENCE_MILLISECONDS);
  };
  /** Asking for the job tells why: the connection, or the key. */
  const breakOff = () => {
    if (isClosed) return;
    source.close();
    read(path).then(comeBack, (error) => isFinal(error) || comeBack());
  };
  const comeBack = () => {
    clearTimeout(again);
    if (isClosed || source.readyState !== EventSource.CLOSED) return;
    again = setTimeout(open, AGAIN_MILLISECONDS[Math.min(failures, AGAIN_MILLISECONDS.length - 1)]);
    failures += 1;
  };
  const close = () => {
    isClosed = true;
    source.close();
    for (const timer of [again, silence]) clearTimeout(timer);
    for (const change of ["online", "offline"]) removeEventListener(change, breakOff);
  };
  for (const change of ["online", "offline"]) addEventListener(change, breakOff);
  open();
  return close;
}

/** Whether asking again brings nothing else: no key, no right, no job. */
const isFinal = (/** @type {Error} */ error) => error instanceof Refused && [401, 403, 404].includes(error.status);
