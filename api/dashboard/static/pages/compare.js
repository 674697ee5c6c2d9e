/** Jobs beside each other: their curves in one chart, and where their specs differ. */
import { read } from "../api.js";
import { title } from "../format.js";
import { html, useEffect, useMemo, useState } from "../html.js";
import { ENDED } from "../job_state.js";
import { useNow } from "../now.js";
import { Chart } from "../parts/chart.js";
import { LookBar, useLook } from "../parts/curves_panel.js";
import { Icon } from "../parts/icons.js";
import { Empty, Skeleton, Trouble } from "../parts/notes.js";
import { lossOf } from "../parts/progress.js";
import { nameOf, shortId, Status } from "../parts/status.js";
import { href, route } from "../router.js";
import { MOST } from "../selection.js";
import { compared } from "../spec_fields.js";
import { taken } from "./jobs.js";

const LOOK_SECONDS = 3;
const MAX_POINTS = 500;

export function ComparePage() {
  const ids = [...new Set(route.value.query.get("jobs")?.split(",").filter(Boolean) ?? [])].slice(0, MOST);
  const { jobs, series, error } = useCompared(ids);
  useEffect(() => {
    document.title = "Comparing jobs – Tuneyard";
  }, []);
  if (ids.length < 2) return html`<${TooFew} />`;
  return html`
    <div class="page-head"><h1>Comparing ${ids.length} jobs</h1></div>
    ${error && html`<${Trouble} error=${error} />`}
    ${!error && (jobs ? html`
      <${Heads} jobs=${jobs} />
      <${Overlaid} jobs=${jobs} series=${series} />
      <${Fields} jobs=${jobs} />
    ` : html`<${Skeleton} rows=${6} label="Loading jobs" />`)}
  `;
}

/** Jobs and their series by id, read anew as long as one of them goes on. */
function useCompared(ids) {
  const [found, setFound] = useState(/** @type {any} */ ({}));
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const look = async () => {
      /** @type {{jobs?: any[], series?: any, error?: Error}} */
      const next = await readAll(ids, abort.signal).catch((error) => ({ error }));
      if (abort.signal.aborted) return;
      setFound(next);
      if (!next.jobs?.every(({ status }) => ENDED.has(status))) timer = setTimeout(look, LOOK_SECONDS * 1000);
    };
    look();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [ids.join()]);
  return found;
}

async function readAll(ids, abort) {
  const asked = new URLSearchParams([...ids.map((id) => ["job", id]), ["times", "true"], ["max_points", String(MAX_POINTS)]]);
  const [jobs, { data }] = await Promise.all([
    Promise.all(ids.map((id) => read(`jobs/${encodeURIComponent(id)}`, abort))),
    read(`jobs/metrics?${asked}`, abort),
  ]);
  return { jobs, series: data };
}

const Heads = ({ jobs }) => {
  const now = useNow();
  const without = (id) => jobs.map((job) => job.id).filter((one) => one !== id).join();
  return html`
    <div class="scroller" tabindex="0" role="region" aria-label="Jobs">
      <table class="table">
        <thead><tr><th scope="col">Job</th><th scope="col">Status</th><th scope="col" class="numeric">Loss</th><th scope="col">Time</th><th scope="col"><span class="unseen">Leave out</span></th></tr></thead>
        <tbody>
          ${jobs.map((job, place) => html`
            <tr key=${job.id}>
              <th scope="row"><span class=${`legend-entry series-${place + 1}`}><i></i></span> <a href=${href(["jobs", job.id])}>${nameOf(job)}</a> <span class="quiet">${shortId(job.id)}</span></th>
              <td><${Status} job=${job} /></td>
              <td class="numeric">${lossOf(job)}</td>
              <td>${taken(job, now)}</td>
              <td class="numeric"><a class="button ghost icon-only" href=${href(["compare"], { jobs: without(job.id) })} aria-label=${`Leave ${nameOf(job)} out`}><${Icon} name="failed" /></a></td>
            </tr>
          `)}
        </tbody>
      </table>
    </div>
  `;
};

function Overlaid({ jobs, series }) {
  const [look, setLook] = useLook();
  const [range, setRange] = useState(null);
  const names = useMemo(() => ordered(series), [series]);
  const curvesOf = (name) => jobs.flatMap((job, place) => {
    const found = series.find((one) => one.job_id === job.id && one.name === name);
    return found ? [{ ...sinceItsStart(found), label: labelOf(job, jobs), colour: place }] : [];
  });
  const changeAxis = (by) => {
    setRange(null);
    setLook({ by });
  };
  if (!names.length) return html`<${Empty} title="No curves yet"><p>They are drawn from the first step on.</p></${Empty}>`;
  return html`
    <${LookBar} look=${look} setLook=${setLook} changeAxis=${changeAxis} range=${range} setRange=${setRange} />
    <div class="charts">
      ${names.map((name) => html`
        <${Chart} key=${name} name=${title(name)} curves=${curvesOf(name)} ...${look} by=${look.by === "time" ? "elapsed" : "step"}
          sync="compare" range=${range} zoom=${setRange} />
      `)}
    </div>
  `;
}

/** Losses first, then scores, then how it was made. */
function ordered(series) {
  const rank = (name) => (name === "loss" ? 0 : name === "eval_loss" ? 1 : name.startsWith("eval_") ? 2 : 3);
  const names = [...new Set(series.map(({ name }) => name))].filter((name) => name !== "epoch");
  return names.sort((one, other) => rank(one) - rank(other) || one.localeCompare(other));
}

const sinceItsStart = (one) => ({ ...one, times: one.times.map((time) => time - one.times[0]) });

/** Names, with the end of the id where two are called the same. */
function labelOf(job, jobs) {
  const isOnly = jobs.filter((one) => nameOf(one) === nameOf(job)).length === 1;
  return isOnly ? nameOf(job) : `${nameOf(job)} ${job.id.slice(-4)}`;
}

function Fields({ jobs }) {
  const [showsAll, setShowsAll] = useState(false);
  const found = compared(jobs.map(({ spec }) => spec));
  const shown = showsAll ? found : found.filter(({ differs }) => differs);
  return html`
    <div class="toolbar">
      <h2>Where their specs differ</h2>
      <label class="check"><input type="checkbox" checked=${showsAll} onChange=${(event) => setShowsAll(event.target.checked)} /> All fields</label>
    </div>
    ${shown.length === 0 ? html`<${Empty} title="Their specs are the same" />` : html`
      <div class="scroller" tabindex="0" role="region" aria-label="Fields of the specs">
        <table class="table fields">
          <thead><tr><th scope="col">Field</th>${jobs.map((job) => html`<th scope="col" key=${job.id}>${labelOf(job, jobs)}</th>`)}</tr></thead>
          <tbody>
            ${shown.map(({ path, values, differs }) => html`
              <tr key=${path} class=${differs ? "differs" : ""}><th scope="row"><code>${path}</code></th>
                ${values.map((value, at) => html`<td key=${at}>${value === null ? html`<span class="quiet">–</span>` : value}</td>`)}
              </tr>
            `)}
          </tbody>
        </table>
      </div>
    `}
  `;
}

const TooFew = () => html`
  <${Empty} title="Choose two jobs or more"><p>Tick them in <a href=${href(["jobs"])}>the list of jobs</a>, then compare.</p></${Empty}>
`;
