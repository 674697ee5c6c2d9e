/** What a job did when: a bar of its phases, an attempt a row. */
import { clock, duration, title } from "../format.js";
import { html } from "../html.js";
import { useNow } from "../now.js";
import { stretches } from "../timeline.js";

/** Shorter ones than one in so many could not be seen. */
const MOST_SHOWN = 2000;

/** @param {{events: any[]}} props */
export function TimelineBar({ events }) {
  const now = useNow();
  const found = stretches(events);
  if (!found.length) return null;
  const end = (one) => one.ended ?? now;
  const began = found[0].began;
  const whole = Math.max(1, end(found.at(-1)) - began);
  const rows = Object.entries(Object.groupBy(found, ({ attempt }) => String(attempt)));
  const share = (from, to) => `${(100 * (to - from)) / whole}%`;
  return html`
    <section class="timeline" aria-labelledby="timeline-title">
      <h2 id="timeline-title" class="unseen">Timeline</h2>
      ${rows.map(([attempt, stretched]) => html`
        <div class="timeline-row" key=${attempt}>
          <span class="quiet">${attempt === "0" ? "Before" : `Attempt ${attempt}`}</span>
          <ol>
            ${stretched.filter((one) => end(one) - one.began > whole / MOST_SHOWN).map((one) => html`
              <li key=${`${one.what}${one.began}`} class=${`phase phase-${one.what}`}
                style=${{ insetInlineStart: share(began, one.began), width: share(one.began, end(one)) }}
                title=${describe(one, end(one))}><span class="phase-name" aria-hidden="true">${title(one.what)}</span><span class="unseen">${title(one.what)}: ${duration((end(one) - one.began) / 1000)}</span></li>
            `)}
          </ol>
        </div>
      `)}
      <${Sums} found=${found} end=${end} />
    </section>
  `;
}

/** How long each phase took in all. */
function Sums({ found, end }) {
  const sums = Object.entries(Object.groupBy(found, ({ what }) => what)).map(([what, some]) => ({
    what,
    seconds: some.reduce((sum, one) => sum + end(one) - one.began, 0) / 1000,
  }));
  return html`
    <ul class="legend">
      ${sums.map(({ what, seconds }) => html`
        <li key=${what} class=${`legend-entry phase phase-${what}`}><i></i>${title(what)} <b>${duration(seconds)}</b></li>
      `)}
    </ul>
  `;
}

const describe = (one, ended) =>
  `${title(one.what)}, ${clock(one.began)} to ${one.ended ? clock(ended) : "now"}: ${duration((ended - one.began) / 1000)}`;
