import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, ahead, counted, duration, measured, modelInWords, number, size, title } from "../../../../api/dashboard/static/format.js";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const cases = [
  ["a size", size(4_100_000), "4.1 MB"],
  ["a small size", size(12), "12 B"],
  ["seconds", duration(34.4), "34 s"],
  ["minutes", duration(129), "2 min 9 s"],
  ["hours", duration(3 * 3600 + 240), "3 h 4 min"],
  ["days", duration(90_000), "1 d 1 h"],
  ["a loss", number(0.167_812), "0.1678"],
  ["a learning rate", number(1.08e-7), "1.08e-7"],
  ["a round learning rate", number(5e-4), "5e-4"],
  ["a million", number(1e6), "1e6"],
  ["a count", number(1400), "1,400"],
  ["no number", number(null), "–"],
  ["memory", measured("peak_memory_bytes", 1.25e9), "1.3 GB"],
  ["a part", measured("feature_cache_hits", 0.5), "50%"],
  ["one", counted(1, "time"), "1 time"],
  ["many", counted(2, "time"), "2 times"],
  ["a moment ago", ago("2026-01-01T11:59:20Z", NOW), "40 s ago"],
  ["hours ago", ago("2026-01-01T09:00:00Z", NOW), "3 h ago"],
  ["in a while", ahead("2026-01-01T12:05:00Z", NOW), "in 5 min 0 s"],
  ["what is past and has not come", ahead("2026-01-01T11:00:00Z", NOW), "any moment"],
  ["a metric", title("learning_rate"), "Learning rate"],
  ["a score", title("eval_token_f1"), "Token F1"],
  ["a base model", modelInWords("organisation/name"), "organisation/name"],
  ["a trained model", modelInWords("ft:a/b:proj_x:digits:01m8hyvg4kgbk7"), "digits, from a/b (…4kgbk7)"],
  ["a checkpoint without a name", modelInWords("ft:a/b:proj_x::01m8hyvg4kgbk7:ckpt-step-24"), "a model, step 24, from a/b (…4kgbk7)"],
  ["the held-out loss", title("eval_loss"), "Held-out loss"],
];

for (const [what, told, expected] of cases) test(`${what} is told as ${expected}`, () => assert.equal(told, expected));
