/** All that is known of one job, kept as it is: what is past is read, what comes is heard. */
import { read, Unreachable } from "./api.js";
import { withPoints } from "./curves.js";
import { useEffect, useMemo } from "./html.js";
import { follow } from "./live.js";
import { signal } from "./vendor/signals.js";

const MAX_POINTS = 1000;
const DRAW_MILLISECONDS = 250;
const PAGE = 1000;
const MOST_LINES = 5000;
const LOOK_SECONDS = 10;
const AGAIN_MILLISECONDS = 2000;

export const ENDED = new Set(["succeeded", "failed", "cancelled"]);

/** @param {string} id  The state of a job as long as a component shows it. */
export function useJobState(id) {
  const state = useMemo(() => new JobState(id), [id]);
  useEffect(() => state.start(), [state]);
  return state;
}

export class JobState {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    this.path = `jobs/${encodeURIComponent(id)}`;
    this.job = signal(/** @type {any} */ (null));
    this.error = signal(/** @type {Error | null} */ (null));
    this.events = signal(/** @type {any[] | null} */ (null));
    this.series = signal(/** @type {Record<string, import("./curves.js").Series> | null} */ (null));
    this.lines = signal(/** @type {any[] | null} */ (null));
    this.hasEarlierLines = signal(false);
    this.samples = signal(/** @type {import("./samples.js").Sample[] | null} */ (null));
    this.checkpoints = signal(/** @type {any[] | null} */ (null));
    this.points = /** @type {import("./curves.js").Points[]} */ ([]);
    this.heard = /** @type {import("./curves.js").Points[] | null} */ (null);
    this.drawing = 0;
    this.close = () => {};
  }

  /** Begin to follow; gives what ends it. */
  start() {
    this.abort = new AbortController();
    this.follow();
    const looking = setInterval(() => this.lookForRetry(), LOOK_SECONDS * 1000);
    return () => {
      this.close();
      this.abort?.abort();
      clearInterval(looking);
      clearTimeout(this.drawing);
    };
  }

  follow() {
    this.close();
    this.close = follow(
      this.id,
      {
        job: (job) => this.take(job),
        event: (event) => this.takeEvent(event),
        metric: (points) => this.takePoints(points),
        log: (line) => (this.lines.value = behind(this.lines.value, [line]).slice(-MOST_LINES)),
      },
      () => this.readPast(),
    );
    this.tell(() => this.readJob());
  }

  /** What an action answered, or the stream. @param {any} job */
  take(job) {
    const goesOn = this.job.value && ENDED.has(this.job.value.status) && !ENDED.has(job.status);
    this.job.value = job;
    if (goesOn) this.follow();
  }

  readPast() {
    for (const work of ["readEvents", "readSeries", "readLines", "readCheckpoints"]) this.tell(() => this[work]());
  }

  async readJob() {
    this.take(await read(this.path, this.abort?.signal));
  }

  async readSeries() {
    const heard = (this.heard = []); // meanwhile: the answer may be older
    const { data } = await read(`${this.path}/metrics?times=true&max_points=${MAX_POINTS}`, this.abort?.signal);
    if (this.heard === heard) this.heard = null;
    this.series.value = heard.reduce(withPoints, Object.fromEntries(data.map((one) => [one.name, one])));
  }

  /** Series between two steps, finer than the whole. @param {number} first  @param {number} last */
  async readStretch(first, last) {
    const asked = `times=true&from_step=${first}&to_step=${last}&max_points=${MAX_POINTS}`;
    const { data } = await read(`${this.path}/metrics?${asked}`, this.abort?.signal);
    return Object.fromEntries(data.map((one) => [one.name, one]));
  }

  async readLines() {
    const { data, has_more } = await read(`${this.path}/logs?last=${PAGE}`, this.abort?.signal);
    this.hasEarlierLines.value = has_more;
    this.lines.value = behind(data, this.lines.value ?? []);
  }

  async readLinesBefore() {
    const first = this.lines.value?.[0]?.id ?? 0;
    const { data, has_more } = await read(`${this.path}/logs?before=${first}&last=${PAGE}`, this.abort?.signal);
    this.hasEarlierLines.value = has_more;
    this.lines.value = [...data, ...(this.lines.value ?? [])];
  }

  async readCheckpoints() {
    this.checkpoints.value = (await read(`${this.path}/checkpoints`, this.abort?.signal)).data;
  }

  /** Answers to held-out rows behind those that are known: only who looks at them needs them. */
  async readSamples() {
    const known = this.samples.value ?? [];
    const found = await this.readAll("samples?limit=100", known.at(-1)?.event_id ?? 0);
    this.samples.value = [...known, ...found];
  }

  takeEvent(event) {
    this.events.value = union(this.events.value ?? [], [event]);
    if (event.type.startsWith("checkpoint_")) this.tell(() => this.readCheckpoints());
  }

  takePoints(points) {
    this.points.push(points);
    this.heard?.push(points);
    this.drawing ||= setTimeout(() => this.draw(), DRAW_MILLISECONDS);
  }

  draw() {
    this.drawing = 0;
    const points = this.points.splice(0);
    if (!this.series.value) return; // it is being read, and what was heard is put behind it
    this.series.value = points.reduce(withPoints, this.series.value);
    const isLong = Object.values(this.series.value).some(({ steps }) => steps.length > 2 * MAX_POINTS);
    if (isLong) this.tell(() => this.readSeries());
  }

  /** An ended job's stream is closed; somebody may have it tried again. */
  lookForRetry() {
    if (!document.hidden && this.job.value && ENDED.has(this.job.value.status)) {
      this.tell(() => this.readJob());
    }
  }

  async readEvents() {
    this.events.value = union(await this.readAll(`events?limit=${PAGE}`, 0), this.events.value ?? []);
  }

  /** Page by page. @param {string} what  @param {number} after  @returns {Promise<any[]>} */
  async readAll(what, after) {
    const found = [];
    for (let hasMore = true; hasMore; ) {
      const page = await read(`${this.path}/${what}&after=${after}`, this.abort?.signal);
      found.push(...page.data);
      [after, hasMore] = [page.last_id, page.has_more];
    }
    return found;
  }

  /** Do something with the service; where it does not answer, again. @param {() => Promise<void>} work */
  async tell(work) {
    try {
      await work();
      this.error.value = null;
    } catch (error) {
      if (error instanceof Unreachable) setTimeout(() => this.abort?.signal.aborted || this.tell(work), AGAIN_MILLISECONDS);
      else if (error.name !== "AbortError") this.error.value = error;
    }
  }
}

/** Rows by id, each once. */
function union(some, others) {
  const known = new Set(some.map(({ id }) => id));
  const news = others.filter(({ id }) => !known.has(id));
  return news.length ? [...some, ...news].sort((one, other) => one.id - other.id) : some;
}

/** Lines and those that come behind the last of them. */
function behind(lines, others) {
  const last = lines?.at(-1)?.id ?? -1;
  return [...(lines ?? []), ...others.filter(({ id }) => id > last)];
}
