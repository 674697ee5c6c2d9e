import assert from "node:assert/strict";
import { test } from "node:test";
import { messagesFor, pieceOf } from "../../../../api/dashboard/static/chat.js";

test("a line of the stream carries a piece of the answer", () => {
  assert.equal(pieceOf('data: {"choices": [{"delta": {"content": "7"}}]}', 200), "7");
});

test("the stream's end and its pauses carry none", () => {
  assert.deepEqual(["", ": here", "data: [DONE]"].map((line) => pieceOf(line, 200)), ["", "", ""]);
});

test("an error in the stream is thrown in its words", () => {
  assert.throws(() => pieceOf('data: {"error": {"message": "The slot was needed.", "code": "no_free_slot"}}', 200), /The slot was needed/);
});

test("each model is told its own answers", () => {
  const turns = [
    { text: "Which digit?", images: ["data:x"], answers: { a: { text: "7" }, b: { text: "1" } } },
    { text: "Sure?", images: [], answers: {} },
  ];

  assert.deepEqual(messagesFor(turns, "b"), [
    { role: "user", content: [{ type: "image_url", image_url: { url: "data:x" } }, { type: "text", text: "Which digit?" }] },
    { role: "assistant", content: "1" },
    { role: "user", content: [{ type: "text", text: "Sure?" }] },
  ]);
});

test("a question that a model has not answered is not told to it later", () => {
  const turns = [{ text: "Which digit?", images: [], answers: { a: { text: "7" } } }, { text: "Sure?", images: [], answers: {} }];

  assert.deepEqual(messagesFor(turns, "b"), [{ role: "user", content: [{ type: "text", text: "Sure?" }] }]);
});
