/** A job's events as stretches of time: what it did when, attempt by attempt. */

/**
 * @typedef {{id: number, created_at: string, attempt: number, type: string, message: string, data: any}} JobEvent
 * @typedef {{attempt: number, what: string, began: number, ended: number | null}} Stretch
 */

/** @type {Record<string, string>} */
const WAITING = { job_submitted: "validating", job_validating: "validating", job_queued: "queued", job_paused: "paused" };
const ENDS = new Set(["job_succeeded", "job_failed", "job_cancelled"]);

/**
 * @param {JobEvent[]} events  Oldest first.
 * @returns {Stretch[]}  Times in milliseconds; the last one's end is null while it lasts.
 */
export function stretches(events) {
  /** @type {Stretch[]} */
  const found = [];
  const begin = (/** @type {JobEvent} */ event, /** @type {string | null} */ what) => {
    const at = Date.parse(event.created_at);
    const open = found.at(-1);
    if (open && open.ended === null) open.ended = at;
    if (what) found.push({ attempt: event.attempt, what, began: at, ended: null });
  };
  for (const event of events) {
    if (event.type === "phase_entered") begin(event, event.data.phase);
    else if (event.type === "attempt_started") begin(event, "starting");
    else if (event.type in WAITING) begin(event, WAITING[event.type]);
    else if (ENDS.has(event.type)) begin(event, null);
  }
  return found.filter((one) => one.ended === null || one.ended > one.began);
}

/** Steps from which later attempts went on. @param {JobEvent[]} events */
export function resumes(events) {
  const started = events.filter((event) => event.type === "run_started");
  return started.slice(1).map((event) => ({
    attempt: event.attempt,
    step: event.data.first_step,
    time: Date.parse(event.created_at) / 1000,
  }));
}
