/** A job's status: an icon, a word and a colour, and what was asked of it. */
import { html } from "../html.js";
import { Icon } from "./icons.js";

export const STATUSES = ["validating", "queued", "running", "paused", "succeeded", "failed", "cancelled"];

/** @param {{job: any}} props */
export function Status({ job }) {
  const asked = pending(job);
  return html`
    <span class=${`status status-${job.status}`}>
      <${Icon} name=${job.status} /><span>${asked ?? job.status}</span>
      ${!asked && job.phase && job.phase !== "training" && html`<span class="status-phase">${job.phase}</span>`}
    </span>
  `;
}

/** How something else than a job stands, in the look of a job's status. @param {{look: string, words: string}} props */
export const Badge = ({ look, words }) => html`<span class=${`status status-${look}`}><${Icon} name=${look} /><span>${words}</span></span>`;

/** What somebody has asked and what has not come yet, in a word. @param {any} job */
export function pending(job) {
  if (job.status !== "running") return null;
  if (job.cancel_requested_at) return "cancelling";
  if (job.finish_requested_at) return "finishing";
  return job.pause_requested_at ? "pausing" : null;
}

/** @param {any} job */
export const nameOf = (job) => job.spec.suffix ?? shortId(job.id);

/** The end of an id, which is what tells ids apart. @param {string} id */
export const shortId = (id) => (id.length > 18 ? `${id.slice(0, id.indexOf("-") + 1)}…${id.slice(-6)}` : id);
