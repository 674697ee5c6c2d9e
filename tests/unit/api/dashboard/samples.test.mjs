import assert from "node:assert/strict";
import { test } from "node:test";
import { byRows, bySteps } from "../../../../api/dashboard/static/samples.js";

const answer = (output) => ({ line: 1, question: "?", target: "7", output, scores: {}, images: [] });
const sample = (event_id, step, output) => ({ event_id, attempt: 1, step, predictions: [answer(output)] });

test("a row has its answers in the order of their steps, and says which changed", () => {
  const [row] = byRows([sample(1, 10, "1"), sample(2, 20, "1"), sample(3, 30, "7")]);

  assert.deepEqual(row.answers.map(({ step, isRight, hasChanged }) => [step, isRight, hasChanged]), [
    [10, false, false],
    [20, false, false],
    [30, true, true],
  ]);
});

test("of a step that was repeated the newest evaluation counts", () => {
  assert.deepEqual(bySteps([sample(5, 10, "new"), sample(1, 10, "old")]).map(({ event_id }) => event_id), [5]);
});
