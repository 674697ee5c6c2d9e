import assert from "node:assert/strict";
import { test } from "node:test";
import { resumes, stretches } from "../../../../api/dashboard/static/timeline.js";

const at = (second) => new Date(second * 1000).toISOString();
const event = (second, attempt, type, data = {}) => ({ id: second, created_at: at(second), attempt, type, message: "", data });

test("each phase lasts until the next one", () => {
  const found = stretches([
    event(0, 0, "job_submitted"),
    event(2, 0, "job_queued"),
    event(5, 1, "attempt_started"),
    event(6, 1, "phase_entered", { phase: "training" }),
    event(9, 1, "job_succeeded"),
  ]);

  assert.deepEqual(
    found.map(({ what, began, ended }) => [what, began / 1000, ended / 1000]),
    [["validating", 0, 2], ["queued", 2, 5], ["starting", 5, 6], ["training", 6, 9]],
  );
});

test("what still lasts has no end", () => {
  const [only] = stretches([event(1, 1, "phase_entered", { phase: "training" })]);

  assert.equal(only.ended, null);
});

test("the first attempt goes on from nothing, later ones from a step", () => {
  const found = resumes([event(1, 1, "run_started", { first_step: 0 }), event(9, 2, "run_started", { first_step: 40 })]);

  assert.deepEqual(found, [{ attempt: 2, step: 40, time: 9 }]);
});
