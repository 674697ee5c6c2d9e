/** Series of numbers: how they are put together, smoothed and grouped. It knows neither the page nor the service. */
import { title } from "./format.js";

/**
 * @typedef {{name: string, num_points: number, steps: number[], values: number[], times: number[]}} Series
 * @typedef {{attempt: number, step: number, created_at: string, values: Record<string, number>}} Points
 * @typedef {{key: string, title: string, names: string[]}} Chart
 */

const PLAIN = [
  { key: "throughput", title: "Throughput", of: (/** @type {string} */ name) => /_per_second$/.test(name) },
  { key: "learning_rate", title: "Learning rate", of: (/** @type {string} */ name) => name === "learning_rate" },
  { key: "grad_norm", title: "Gradient norm", of: (/** @type {string} */ name) => name === "grad_norm" },
  { key: "memory", title: "Memory", of: (/** @type {string} */ name) => /memory.*bytes/.test(name) },
  { key: "cache", title: "Cache hits", of: (/** @type {string} */ name) => /cache|hits/.test(name) },
];
const LOSS = { key: "loss", title: "Loss", of: (/** @type {string} */ name) => name === "loss" || name === "eval_loss" };
const REWARDS = { key: "rewards", title: "Rewards", of: (/** @type {string} */ name) => /rewards\//.test(name) };
const SCORES = { key: "scores", title: "Scores on held-out rows", of: (/** @type {string} */ name) => name.startsWith("eval_") };
const HIDDEN = new Set(["epoch"]);

/**
 * Which charts there are, and what is drawn in each; series of a kind share one, and units are never mixed.
 * @param {string[]} names  @returns {Chart[]}
 */
export function charts(names) {
  let left = names.filter((name) => !HIDDEN.has(name));
  const found = [];
  for (const { key, title, of } of [LOSS, REWARDS, SCORES, ...PLAIN]) {
    const mine = left.filter(of);
    left = left.filter((name) => !of(name));
    if (key === "throughput") found.push(...mine.map((name) => alone(name)));
    else if (mine.length) found.push({ key, title, names: key === "loss" ? mine.sort().reverse() : mine });
  }
  return [...found, ...left.map(alone)];
}

/** @param {string} name  @returns {Chart} */
const alone = (name) => ({ key: name, title: title(name), names: [name] });

/**
 * Exponential moving average, corrected for its start as TensorBoard does, so that the first value is not favoured.
 * @param {number[]} values  @param {number} weight  0 leaves them as they are; towards 1 they become smoother.
 */
export function smooth(values, weight) {
  if (weight <= 0) return values;
  let [mean, part] = [0, 0];
  return values.map((value) => {
    mean = weight * mean + (1 - weight) * value;
    part = weight * part + (1 - weight);
    return mean / part;
  });
}

/**
 * Series with the points of a step behind them. A newer attempt that goes on from a checkpoint repeats steps: what was
 * there from its first step on is forgotten.
 * @param {Record<string, Series>} series  @param {Points} points  @returns {Record<string, Series>}
 */
export function withPoints(series, points) {
  const grown = { ...series };
  for (const [name, value] of Object.entries(points.values)) {
    const was = before(series[name] ?? { name, num_points: 0, steps: [], values: [], times: [] }, points.step);
    grown[name] = {
      name,
      num_points: was.num_points + 1,
      steps: [...was.steps, points.step],
      values: [...was.values, value],
      times: [...was.times, Date.parse(points.created_at) / 1000],
    };
  }
  return grown;
}

/** @param {Series} series  @param {number} step  @returns {Series} */
function before(series, step) {
  let kept = series.steps.length;
  while (kept && series.steps[kept - 1] >= step) kept -= 1;
  if (kept === series.steps.length) return series;
  const cut = (/** @type {number[]} */ list) => list.slice(0, kept);
  const num_points = Math.max(kept, series.num_points - (series.steps.length - kept));
  return { ...series, num_points, steps: cut(series.steps), values: cut(series.values), times: cut(series.times) };
}

/** Last, least and greatest: what a curve says without being seen. @param {Series} series */
export function summary({ steps, values }) {
  let [least, greatest] = [0, 0];
  values.forEach((value, at) => {
    if (value < values[least]) least = at;
    if (value > values[greatest]) greatest = at;
  });
  const last = values.length - 1;
  const point = (/** @type {number} */ at) => ({ step: steps[at], value: values[at] });
  return { last: point(last), least: point(least), greatest: point(greatest) };
}
