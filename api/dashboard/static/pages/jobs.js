/** All jobs, newest first, as they are now. */
import { ago, ahead, duration, moment } from "../format.js";
import { html, useEffect } from "../html.js";
import { moveFocus, useKeys } from "../keyboard.js";
import { useNow } from "../now.js";
import { Command } from "../parts/copy.js";
import { Empty, Skeleton, Trouble } from "../parts/notes.js";
import { lossOf, Progress } from "../parts/progress.js";
import { nameOf, shortId, Status, STATUSES } from "../parts/status.js";
import { usePolled } from "../polling.js";
import { go, href, replace, route } from "../router.js";
import { selected, toggle } from "../selection.js";

const LOOK_SECONDS = 2;
const PAGE = 25;
const LIVE = ["validating", "queued", "running", "paused"];

export function JobsPage() {
  const { query } = route.value;
  const path = `jobs?${asked(query)}`;
  const found = usePolled(path, LOOK_SECONDS).value;
  const counts = usePolled("jobs/counts", LOOK_SECONDS).value.data;
  useKeys({ j: () => moveFocus(".job-link", 1), k: () => moveFocus(".job-link", -1) });
  useEffect(() => {
    document.title = counts?.running ? `(${counts.running}) Jobs – Tuneyard` : "Jobs – Tuneyard";
  }, [counts?.running]);
  return html`
    <div class="page-head"><h1>Jobs</h1><${Counts} counts=${counts} /><${Comparing} /><a class="button primary" href=${href(["submit"])}>New job</a></div>
    <${Filters} query=${query} counts=${counts} />
    ${found.error && html`<${Trouble} error=${found.error} />`}
    ${!found.error && (found.data ? html`<${List} page=${found.data} query=${query} isBusy=${found.path !== path} />` : html`<${Skeleton} rows=${8} label="Loading jobs" />`)}
  `;
}

function asked(query) {
  const parameters = new URLSearchParams({ limit: String(PAGE) });
  for (const status of chosen(query)) parameters.append("status", status);
  for (const name of ["search", "after"]) if (query.get(name)) parameters.set(name, query.get(name));
  return parameters;
}

const chosen = (query) => query.get("status")?.split(",").filter(Boolean) ?? [];

const Counts = ({ counts }) => html`
  <p class="quiet" aria-live="off">${counts ? `${counts.running ?? 0} running, ${counts.queued ?? 0} waiting` : ""}</p>
`;

/** What is done with the jobs that are ticked. */
function Comparing() {
  const ids = selected.value;
  if (!ids.length) return null;
  return html`
    <div class="buttons">
      ${ids.length > 1
        ? html`<a class="button primary" href=${href(["compare"], { jobs: ids.join() })}>Compare ${ids.length} jobs</a>`
        : html`<span class="quiet">Tick another job to compare them.</span>`}
      <button type="button" class="button" onClick=${() => (selected.value = [])}>Untick</button>
    </div>
  `;
}

function Filters({ query, counts }) {
  const status = query.get("status") ?? "";
  const total = Object.values(counts ?? {}).reduce((sum, count) => sum + count, 0);
  const sum = (statuses) => statuses.reduce((so_far, one) => so_far + (counts?.[one] ?? 0), 0);
  const choices = [["", "All", total], [LIVE.join(), "Live", sum(LIVE)], ...STATUSES.map((one) => [one, one, counts?.[one] ?? 0])];
  const search = (event) => replace(href(["jobs"], { status, search: event.target.value.trim() }));
  return html`
    <div class="toolbar">
      <label class="search"><span class="unseen">Search jobs by name, id or model</span>
        <input type="search" data-search placeholder="Search name, id or model  ( / )" value=${query.get("search") ?? ""} onInput=${search} />
      </label>
      <div class="choice choice-status" role="group" aria-label="Status">
        ${choices.map(([value, words, count]) => html`
          <button type="button" key=${value} aria-pressed=${status === value} onClick=${() => go(href(["jobs"], { status: value, search: query.get("search") }))}>
            ${words} <span class="count">${counts ? count : ""}</span>
          </button>
        `)}
      </div>
    </div>
  `;
}

function List({ page, query, isBusy }) {
  const now = useNow();
  const { data, has_more, last_id } = page;
  if (!data.length) return query.size ? html`<${NoneFound} />` : html`<${NoneYet} />`;
  const status = query.get("status");
  const search = query.get("search");
  return html`
    <table class="table jobs" aria-busy=${isBusy}>
      <caption class="unseen">Jobs, newest first</caption>
      <thead><tr>
        <th scope="col"><span class="unseen">Compare</span></th><th scope="col">Job</th><th scope="col">Status</th><th scope="col">Progress</th><th scope="col" class="numeric">Loss</th>
        <th scope="col">Model</th><th scope="col">Submitted</th><th scope="col">Time</th>
      </tr></thead>
      <tbody>${data.map((job) => html`<${Row} key=${job.id} job=${job} now=${now} />`)}</tbody>
    </table>
    <div class="buttons end">
      ${query.get("after") && html`<a class="button" href=${href(["jobs"], { status, search })}>Newest jobs</a>`}
      ${has_more && html`<a class="button" href=${href(["jobs"], { status, search, after: last_id })}>Older jobs</a>`}
    </div>
  `;
}

const Row = ({ job, now }) => html`
  <tr>
    <td class="cell-select"><input type="checkbox" aria-label=${`Compare ${nameOf(job)}`} checked=${selected.value.includes(job.id)} onChange=${() => toggle(job.id)} /></td>
    <th scope="row"><a class="job-link" href=${href(["jobs", job.id])}>${nameOf(job)}</a><span class="quiet id">${job.spec.suffix ? shortId(job.id) : ""}</span></th>
    <td><${Status} job=${job} /></td>
    <td class="cell-progress">${job.queue_position ? html`<${Place} job=${job} now=${now} />` : html`<${Progress} job=${job} />`}</td>
    <td class="numeric cell-loss">${lossOf(job)}</td>
    <td class="cell-model" title=${job.spec.base_model}>${job.spec.base_model}</td>
    <td class="cell-submitted" title=${moment(job.created_at)}>${ago(job.created_at, now)}</td>
    <td class="cell-time">${taken(job, now)}</td>
  </tr>
`;

/** Where a job stands in the queue, and when it is expected to start. */
export const Place = ({ job, now }) => html`
  <span>${job.queue_position >= 200 ? "200th or later" : job.queue_position === 1 ? "next" : `${job.queue_position - 1} before it`}
    ${job.expected_start_at && html`<span class="quiet">, starts ${ahead(job.expected_start_at, now)}</span>`}</span>
`;

/** How long a job has taken since it first started. */
export function taken(job, now) {
  if (!job.started_at) return "";
  return duration(((job.finished_at ? Date.parse(job.finished_at) : now) - Date.parse(job.started_at)) / 1000);
}

const NoneYet = () => html`
  <${Empty} title="No jobs yet">
    <a class="button primary" href=${href(["submit"])}>Submit one</a>
    <p>Or from a terminal; it appears here at once.</p>
    <${Command} text=${`tuneyard --url ${location.origin}${location.pathname.replace(/\/$/, "")} submit SPEC.json`} />
    <p class="quiet">The fields of a spec stand in <a href="docs">the API's documentation</a>.</p>
  </${Empty}>
`;

const NoneFound = () => html`
  <${Empty} title="No job is like this"><p><a href=${href(["jobs"])}>Show all jobs</a></p></${Empty}>
`;
