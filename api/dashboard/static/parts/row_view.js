/** A row of a dataset as a chat: a conversation, or a question with the answer that is preferred and the one that is not. */
import { here } from "../api.js";
import { html } from "../html.js";

/** @param {{row: any, name: string}} props  `row` is in OpenAI's format, its images addresses of this service. */
export function RowView({ row, name }) {
  if (row.messages) return html`<${Messages} messages=${row.messages} name=${name} />`;
  return html`
    <${Messages} messages=${row.input.messages} name=${name} />
    <p class="pair-head">✓ Preferred</p><${Messages} messages=${row.preferred_output} name=${name} />
    <p class="pair-head">✗ Not preferred</p><${Messages} messages=${row.non_preferred_output} name=${name} />
  `;
}

const Messages = ({ messages, name }) => messages.map((message, at) => html`
  <div class=${`message message-${message.role}`} key=${at}>
    <b class="message-role">${message.role}${message.weight === 0 && html` <span class="quiet">not learned</span>`}</b>
    ${partsOf(message.content).map((part, place) => html`<${Part} key=${place} part=${part} name=${`Image ${place + 1} of message ${at + 1} of ${name}`} />`)}
    ${message.tool_calls?.map(({ id, function: called }) => html`<pre key=${id} tabindex="0" aria-label="Call of a tool">${called.name}(${called.arguments})</pre>`)}
  </div>
`);

const partsOf = (content) => (typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []));

function Part({ part, name }) {
  if (part.type === "text") return html`<p class="message-text">${part.text}</p>`;
  return html`<img class="message-image" src=${here(part.image_url.url)} alt=${name} loading="lazy" />`;
}
