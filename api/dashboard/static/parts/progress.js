/** How far a job is. */
import { duration, number } from "../format.js";
import { html } from "../html.js";

/** @param {{job: any}} props */
export function Progress({ job }) {
  const { progress, status } = job;
  if (!progress) return null;
  const part = Math.min(1, progress.step / progress.total_steps);
  const told = `step ${progress.step.toLocaleString("en")} of ${progress.total_steps.toLocaleString("en")}`;
  return html`
    <div class="progress">
      <div class=${`progress-bar progress-${status}`} role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"
        aria-valuenow=${Math.floor(100 * part)} aria-valuetext=${told}>
        <div style=${{ width: `${100 * part}%` }}></div>
      </div>
      <span class="quiet">${told}${status === "running" && progress.remaining_seconds > 0
        ? `, ${duration(progress.remaining_seconds)} left` : ""}</span>
    </div>
  `;
}

/** @param {any} job */
export const lossOf = (job) => (job.progress ? number(job.progress.loss) : "–");
