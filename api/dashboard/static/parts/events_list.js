/** What happened to a job, newest first. */
import { clock, day } from "../format.js";
import { html } from "../html.js";
import { Skeleton } from "./notes.js";

/** @param {{events: any[] | null}} props */
export function EventsList({ events }) {
  if (!events) return html`<${Skeleton} rows=${6} label="Loading events" />`;
  return html`
    <ol class="events">
      ${events.toReversed().map(({ id, created_at, attempt, type, message }) => html`
        <li key=${id} class=${/failed|skipped|storage|reduced/.test(type) ? "is-bad" : ""}>
          <time datetime=${created_at} title=${day(created_at)}>${clock(created_at)}</time>
          <span>${message}</span>
          <span class="quiet">${attempt ? `attempt ${attempt}` : ""}</span>
        </li>
      `)}
    </ol>
  `;
}
