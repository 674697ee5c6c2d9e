import assert from "node:assert/strict";
import { test } from "node:test";
import { compared } from "../../../../api/dashboard/static/spec_fields.js";

test("fields are told by their paths, and those that differ are marked", () => {
  const found = compared([{ seed: 0, method: { type: "full" } }, { seed: 1, method: { type: "full" } }]);

  assert.deepEqual(found, [
    { path: "seed", values: ["0", "1"], differs: true },
    { path: "method.type", values: ["full", "full"], differs: false },
  ]);
});

test("a field that one spec has not is told as missing", () => {
  const found = compared([{ method: { type: "full" } }, { method: { type: "lora", rank: 8 } }]);

  assert.deepEqual(found.at(-1), { path: "method.rank", values: [null, "8"], differs: true });
});

test("a group that some specs leave out is told by its fields alone", () => {
  const found = compared([{ evaluation: null, metadata: {} }, { evaluation: { every: 5 }, metadata: { team: "a" } }]);

  assert.deepEqual(found.map(({ path, values }) => [path, ...values]), [
    ["evaluation.every", null, "5"],
    ["metadata.team", null, "a"],
  ]);
});

test("a value that stands where others have fields is told", () => {
  const found = compared([{ rows: "file-1" }, { rows: { fraction: 0.1 } }]);

  assert.deepEqual(found.map(({ path }) => path), ["rows", "rows.fraction"]);
});

test("an empty object and a list are values", () => {
  assert.deepEqual(compared([{ metadata: {}, parts: ["a"] }])[1], { path: "parts", values: ['["a"]'], differs: false });
});
