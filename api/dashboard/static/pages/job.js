/** One job: what it is doing, and all that it has told. */
import { announce } from "../announcing.js";
import { ahead, ago, duration, moment, number } from "../format.js";
import { html, useEffect, useMemo, useRef } from "../html.js";
import { useJobState } from "../job_state.js";
import { useNow } from "../now.js";
import { Actions } from "../parts/actions.js";
import { Checkpoints } from "../parts/checkpoints.js";
import { CopyButton } from "../parts/copy.js";
import { CurvesPanel } from "../parts/curves_panel.js";
import { EventsList } from "../parts/events_list.js";
import { Facts } from "../parts/facts.js";
import { Failure } from "../parts/failure.js";
import { Gallery } from "../parts/gallery.js";
import { Integrations, numTargets } from "../parts/integrations.js";
import { LogsPanel } from "../parts/logs_panel.js";
import { Skeleton, Trouble } from "../parts/notes.js";
import { Progress } from "../parts/progress.js";
import { SpecView } from "../parts/spec_view.js";
import { nameOf, Status } from "../parts/status.js";
import { TimelineBar } from "../parts/timeline_bar.js";
import { href } from "../router.js";
import { resumes } from "../timeline.js";
import { Place, taken } from "./jobs.js";

const TABS = { curves: "Curves", samples: "Samples", checkpoints: "Checkpoints", logs: "Logs", events: "Events", integrations: "Integrations", spec: "Spec" };

/** @param {{id: string, tab: string}} props */
export function JobPage({ id, tab }) {
  const state = useJobState(id);
  const [job, error] = [state.job.value, state.error.value];
  const tabs = useCurrentSeen(tab, Boolean(job));
  useStatusTold(job);
  if (!job) return error ? html`<${Trouble} error=${error} />` : html`<${Skeleton} rows=${8} label="Loading the job" />`;
  return html`
    <${Head} job=${job} state=${state} />
    ${error && html`<${Trouble} error=${error} />`}
    ${job.failure && html`<${Failure} failure=${job.failure} />`}
    <${JobFacts} job=${job} />
    <${TimelineBar} events=${state.events.value ?? []} />
    <nav class="tabs" aria-label="Of this job" ref=${tabs}>
      ${Object.entries(TABS).filter(([name]) => name !== "integrations" || numTargets(job.spec) > 0).map(([name, title]) => html`
        <a key=${name} href=${href(["jobs", id, name])} aria-current=${tab === name ? "page" : null}>${title} <${Count} state=${state} name=${name} /></a>
      `)}
    </nav>
    <section class="tab" aria-label=${TABS[tab]}><${Tab} state=${state} tab=${tab} /></section>
  `;
}

function Tab({ state, tab }) {
  const events = state.events.value;
  const marks = useMemo(() => resumes(events ?? []), [events]);
  if (tab === "samples") return html`<${Gallery} state=${state} />`;
  if (tab === "checkpoints") return html`<${Checkpoints} state=${state} />`;
  if (tab === "logs") return html`<${LogsPanel} state=${state} />`;
  if (tab === "events") return html`<${EventsList} events=${events} />`;
  if (tab === "integrations") return html`<${Integrations} state=${state} />`;
  if (tab === "spec") return html`<${SpecView} job=${state.job.value} />`;
  return html`<${CurvesPanel} state=${state} marks=${marks} />`;
}

function Head({ job, state }) {
  return html`
    <div class="page-head job-head">
      <div>
        <p class="crumbs"><a href=${href(["jobs"])}>Jobs</a> / <code>${job.id}</code><${CopyButton} text=${job.id} what="id" /></p>
        <h1>${nameOf(job)} <${Status} job=${job} /></h1>
      </div>
      <${Actions} job=${job} path=${state.path} took=${(answered) => state.take(answered)} />
    </div>
    <${Progress} job=${job} />
  `;
}

function JobFacts({ job }) {
  const now = useNow();
  const { spec, progress } = job;
  const facts = [
    job.queue_position && ["Queue", html`<${Place} job=${job} now=${now} />`],
    progress && ["Loss", number(progress.loss)],
    progress && ["Epoch", `${number(progress.epoch)} of ${spec.hyperparameters.num_epochs}`],
    job.started_at && ["Time", taken(job, now)],
    job.status === "running" && progress && ["Left", progress.remaining_seconds > 0 ? duration(progress.remaining_seconds) : "ending"],
    job.expected_end_at && job.status !== "running" && ["Expected end", ahead(job.expected_end_at, now)],
    ["Model", spec.base_model],
    ["Method", spec.method.type === "lora" ? `LoRA, rank ${spec.method.rank}` : "full"],
    ["Submitted", html`<span title=${moment(job.created_at)}>${ago(job.created_at, now)}</span>`],
    job.attempt > 0 && ["Attempts", String(job.attempt)],
    job.worker && ["Worker", job.worker],
    ...Object.entries(spec.metadata),
  ].filter(Boolean);
  return html`<${Facts} facts=${facts} />`;
}

function Count({ state, name }) {
  const counts = { checkpoints: state.checkpoints.value?.length, events: state.events.value?.length, integrations: numTargets(state.job.value.spec) };
  return counts[name] ? html`<span class="count">${counts[name]}</span>` : null;
}

/** On phones the tabs are wider than the window: the current one is brought into it. */
function useCurrentSeen(tab, isThere) {
  const tabs = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const current = /** @type {HTMLElement | null} */ (tabs.current?.querySelector("[aria-current]"));
    if (current) tabs.current.scrollLeft = current.offsetLeft - (tabs.current.clientWidth - current.offsetWidth) / 2;
  }, [tab, isThere]);
  return tabs;
}

/** Changes of status are told to screen readers and in the window's title. */
function useStatusTold(job) {
  useEffect(() => {
    if (!job) return;
    document.title = `${nameOf(job)}: ${job.status} – Tuneyard`;
    announce(`${nameOf(job)} is ${job.status}`);
  }, [job?.id, job?.status]);
}
