import assert from "node:assert/strict";
import { test } from "node:test";
import { href, parse } from "../../../../api/dashboard/static/router.js";

test("an address is read as it was made", () => {
  const { path, query } = parse(href(["jobs", "a b/c"], { search: "x&y", after: null }));

  assert.deepEqual([path, [...query]], [["jobs", "a b/c"], [["search", "x&y"]]]);
});
