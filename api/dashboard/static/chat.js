/** Asking a model: an answer that comes piece by piece. */
import { Refused, session, Unreachable } from "./api.js";

/**
 * @param {any} asked  As `/v1/chat/completions` takes it, but for `stream`.
 * @param {AbortSignal} abort
 * @param {(text: string) => void} heard  The next piece.
 */
export async function ask(asked, abort, heard) {
  const response = await fetch("v1/chat/completions", {
    method: "POST",
    signal: abort,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...asked, stream: true }),
  }).catch((error) => {
    throw error.name === "AbortError" ? error : new Unreachable();
  });
  if (!response.ok) throw await refusal(response);
  for await (const text of pieces(response.body.pipeThrough(new TextDecoderStream()), response.status)) heard(text);
}

async function refusal(response) {
  if (response.status === 401) session.value = null;
  const { error } = await response.json().catch(() => ({}));
  return new Refused(response.status, { detail: error?.message, code: error?.code });
}

async function* pieces(stream, status) {
  let rest = "";
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + part.value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const text = pieceOf(line, status);
      if (text) yield text;
    }
  }
}

/** The text that a line of the stream carries. @param {string} line  @param {number} status */
export function pieceOf(line, status) {
  if (!line.startsWith("data: ") || line === "data: [DONE]") return "";
  const { error, choices } = JSON.parse(line.slice("data: ".length));
  if (error) throw new Refused(status, { detail: error.message, code: error.code });
  return choices?.[0]?.delta.content ?? "";
}

/**
 * What is said to one of several models: the questions that it has answered, its own answers, and the last question.
 * @param {any[]} turns  @param {string} model
 */
export function messagesFor(turns, model) {
  const heard = turns.filter((turn, at) => at === turns.length - 1 || turn.answers[model]?.text);
  return heard.flatMap(({ text, images, answers }) => {
    const content = [...images.map((url) => ({ type: "image_url", image_url: { url } })), ...(text ? [{ type: "text", text }] : [])];
    const answer = answers[model]?.text;
    return [{ role: "user", content }, ...(answer ? [{ role: "assistant", content: answer }] : [])];
  });
}
