/** All that is known of one job, kept as it is: what is past is read, what comes is heard. */
import { read, Unreachable } from "./api.js";
import { withPoints } from "./curves.js";
import { useEffect, useMemo } from "./html.js";
import { follow } from "./live.js";
import { batch, signal } from "./vendor/signals.js";

const MAX_POINTS = 1000;
const DRAW_MILLISECONDS = 250;
const PAGE = 1000;
const MOST_LINES = 5000;
const LOOK_SECONDS = 10;

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
    this.samples = signal(/** @type {any[] | null} */ (null));
    this.checkpoints = signal(/** @type {any[] | null} */ (null));
    this.points = /** @type {import("./curves.js").Points[]} */ ([]);
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
        sample: (sample) => (this.samples.value = [...(this.samples.value ?? []), sample]),
      },
      () => this.readPast(),
    );
    this.tell(read(this.path, this.abort?.signal).then((job) => this.job.value ?? this.take(job)));
  }

  /** What an action answered, or the stream. @param {any} job */
  take(job) {
    const goesOn = this.job.value && ENDED.has(this.job.value.status) && !ENDED.has(job.status);
    this.job.value = job;
    if (goesOn) this.follow();
  }

  readPast() {
    this.tell(this.readAll("events").then((events) => {
      this.events.value = union(events, this.events.value ?? []);
      this.samples.value = events.filter((event) => event.data.predictions?.length).map(asSample);
    }));
    this.tell(this.readSeries());
    this.tell(this.readLines());
    this.tell(this.readCheckpoints());
  }

  async readSeries() {
    const { data } = await read(`${this.path}/metrics?times=true&max_points=${MAX_POINTS}`, this.abort?.signal);
    this.series.value = Object.fromEntries(data.map((one) => [one.name, one]));
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

  takeEvent(event) {
    this.events.value = union(this.events.value ?? [], [event]);
    if (event.type.startsWith("checkpoint_")) this.tell(this.readCheckpoints());
  }

  takePoints(points) {
    this.points.push(points);
    this.drawing ||= setTimeout(() => this.draw(), DRAW_MILLISECONDS);
  }

  draw() {
    this.drawing = 0;
    const points = this.points.splice(0);
    batch(() => (this.series.value = points.reduce(withPoints, this.series.value ?? {})));
    const isLong = Object.values(this.series.value ?? {}).some(({ steps }) => steps.length > 2 * MAX_POINTS);
    if (isLong) this.tell(this.readSeries());
  }

  /** An ended job's stream is closed; somebody may have it tried again. */
  lookForRetry() {
    if (!document.hidden && this.job.value && ENDED.has(this.job.value.status)) {
      this.tell(read(this.path, this.abort?.signal).then((job) => this.take(job)));
    }
  }

  async readAll(what) {
    const found = [];
    for (let [after, hasMore] = [0, true]; hasMore; ) {
      const page = await read(`${this.path}/${what}?limit=${PAGE}&after=${after}`, this.abort?.signal);
      found.push(...page.data);
      [after, hasMore] = [page.last_id, page.has_more];
    }
    return found;
  }

  tell(work) {
    work.then(
      () => (this.error.value = null),
      (error) => {
        if (error.name !== "AbortError" && !(error instanceof Unreachable)) this.error.value = error;
      },
    );
  }
}

const asSample = ({ id, attempt, created_at, data }) => ({ event_id: id, attempt, created_at, ...data });

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
