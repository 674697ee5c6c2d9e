import assert from "node:assert/strict";
import { test } from "node:test";
import { charts, smooth, summary, withPoints } from "../../../../api/dashboard/static/curves.js";

const points = (attempt, step, values) => ({ attempt, step, created_at: "2026-01-01T00:00:00Z", values });

test("loss and held-out loss share a chart, and units are never mixed", () => {
  const found = charts(["epoch", "eval_loss", "eval_anls", "grad_norm", "learning_rate", "loss", "rows_per_second", "tokens_per_second"]);

  assert.deepEqual(found.map(({ names }) => names), [
    ["loss", "eval_loss"],
    ["eval_anls"],
    ["rows_per_second"],
    ["tokens_per_second"],
    ["learning_rate"],
    ["grad_norm"],
  ]);
});

test("a metric that is not known has a chart of its own", () => {
  assert.deepEqual(charts(["odd/one"]), [{ key: "odd/one", title: "Odd: one", names: ["odd/one"] }]);
});

test("smoothing does not favour the first value", () => {
  assert.deepEqual(smooth([4, 4, 4], 0.9).map((value) => value.toFixed(9)), ["4.000000000", "4.000000000", "4.000000000"]);
});

test("without weight nothing is smoothed", () => {
  assert.deepEqual(smooth([1, 9], 0), [1, 9]);
});

test("points are put behind those that are there", () => {
  const grown = [points(1, 1, { loss: 3 }), points(1, 2, { loss: 2 })].reduce(withPoints, {});

  assert.deepEqual([grown.loss.steps, grown.loss.values, grown.loss.num_points], [[1, 2], [3, 2], 2]);
});

test("an attempt that goes on from a checkpoint replaces the steps that it repeats", () => {
  const told = [points(1, 1, { loss: 3 }), points(1, 2, { loss: 2 }), points(1, 3, { loss: 1 }), points(2, 2, { loss: 5 })];

  const { loss } = told.reduce(withPoints, {});

  assert.deepEqual([loss.steps, loss.values, loss.times.length], [[1, 2], [3, 5], 2]);
});

test("points that are told twice are there once", () => {
  const { loss } = [points(1, 1, { loss: 3 }), points(1, 1, { loss: 3 })].reduce(withPoints, {});

  assert.deepEqual(loss.steps, [1]);
});

test("a curve's last, least and greatest are told with their steps", () => {
  assert.deepEqual(summary({ steps: [1, 2, 3], values: [5, 1, 2] }), {
    last: { step: 3, value: 2 },
    least: { step: 2, value: 1 },
    greatest: { step: 1, value: 5 },
  });
});
