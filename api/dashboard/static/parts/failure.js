/** Why a job failed, and which rows are wrong where rows are what is wrong. */
import { counted } from "../format.js";
import { html } from "../html.js";
import { Icon } from "./icons.js";

/** @param {{failure: {code: string, message: string, faults: any[]}}} props */
export function Failure({ failure: { code, message, faults } }) {
  const isToldAlready = faults.length === 1 && message.includes(faults[0].detail);
  return html`
    <div class="callout bad" role="alert">
      <${Icon} name="failed" />
      <div>
        <p><code>${code}</code> ${message}</p>
        ${faults.length > 0 && !isToldAlready && html`
          <details open>
            <summary>${counted(faults.length, "fault")} in the rows</summary>
            <ul class="faults">${faults.map((fault, at) => html`<li key=${at}>${place(fault)}${fault.detail}</li>`)}</ul>
          </details>
        `}
      </div>
    </div>
  `;
}

/** `line 3, message 0, image 1`, as logs and the command line write it. */
function place({ file, line, message_index, image_index }) {
  const places = Object.entries({ file, line, message: message_index, image: image_index });
  const words = places.filter(([, index]) => index !== null && index !== undefined).map(([noun, index]) => `${noun} ${index}`);
  return words.length ? html`<b>${words.join(", ")}:</b> ` : null;
}
