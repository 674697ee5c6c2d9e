/** A job's spec as it was submitted. */
import { html } from "../html.js";
import { CopyButton } from "./copy.js";

/** @param {{job: any}} props */
export function SpecView({ job }) {
  const text = JSON.stringify(job.spec, null, 2);
  return html`
    <div class="code-block">
      <${CopyButton} text=${text} what="spec" />
      <pre tabindex="0" aria-label="Spec">${text}</pre>
    </div>
  `;
}
