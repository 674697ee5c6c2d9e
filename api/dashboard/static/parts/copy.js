/** Text to take along, with a button that copies it. */
import { announce } from "../announcing.js";
import { html, useState } from "../html.js";
import { Icon } from "./icons.js";

/** @param {{text: string, what: string}} props */
export function CopyButton({ text, what }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    announce(`${what} copied`);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return html`
    <button type="button" class="button ghost icon-only" aria-label=${`Copy ${what}`} title=${`Copy ${what}`} onClick=${copy}>
      <${Icon} name=${isDone ? "succeeded" : "copy"} />
    </button>
  `;
}

/** A command line. @param {{text: string}} props */
export const Command = ({ text }) => html`
  <div class="command"><code tabindex="0">${text}</code><${CopyButton} text=${text} what="command" /></div>
`;
