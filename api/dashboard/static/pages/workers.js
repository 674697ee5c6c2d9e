/** Who carries out jobs: slots, memory, GPUs, and what runs where. */
import { ago, counted, duration, moment, size } from "../format.js";
import { html, useEffect } from "../html.js";
import { useNow } from "../now.js";
import { Empty, Skeleton, Trouble } from "../parts/notes.js";
import { shortId } from "../parts/status.js";
import { usePolled } from "../polling.js";
import { href } from "../router.js";

const LOOK_SECONDS = 3;

export function WorkersPage() {
  const found = usePolled("workers", LOOK_SECONDS).value;
  useEffect(() => {
    document.title = "Workers – Tuneyard";
  }, []);
  return html`
    <div class="page-head"><h1>Workers</h1>${found.data && html`<${Total} workers=${found.data.data} />`}</div>
    ${found.error && html`<${Trouble} error=${found.error} />`}
    ${!found.error && (found.data ? html`<${List} workers=${found.data.data} />` : html`<${Skeleton} label="Loading workers" />`)}
  `;
}

const sum = (workers, of) => workers.reduce((so_far, worker) => so_far + of(worker), 0);

const Total = ({ workers }) => html`
  <p class="quiet">${counted(workers.length, "worker")}, ${sum(workers, taken)} of ${counted(sum(workers, ({ num_slots }) => num_slots), "slot")} taken</p>
`;

/** A job takes at least one; one on several GPUs, as many. */
const taken = ({ running }) => running.reduce((so_far, { slots }) => so_far + Math.max(1, slots.length), 0);

function List({ workers }) {
  if (!workers.length) return html`<${None} />`;
  return html`<ul class="workers">${workers.map((worker) => html`<li class="card worker" key=${worker.name}><${One} worker=${worker} /></li>`)}</ul>`;
}

function One({ worker }) {
  const now = useNow();
  const facts = {
    Slots: `${taken(worker)} of ${worker.num_slots} taken`,
    Memory: size(worker.memory_bytes),
    Up: duration((now - Date.parse(worker.started_at)) / 1000),
    Seen: html`<span title=${moment(worker.last_seen_at)}>${ago(worker.last_seen_at, now)}</span>`,
  };
  return html`
    <h2>${worker.name}</h2>
    <dl class="facts">${Object.entries(facts).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${worker.gpus.length > 0 && html`
      <h3>GPUs</h3>
      <ul>${worker.gpus.map((gpu) => html`<li key=${gpu.uuid} title=${gpu.uuid}>${gpu.name} <span class="quiet">${size(gpu.num_bytes)}</span></li>`)}</ul>
    `}
    <h3>Runs now</h3>
    ${worker.running.length === 0
      ? html`<p class="quiet">Nothing: the next job that waits starts here.</p>`
      : html`<ul>${worker.running.map((one, at) => html`<li key=${one.job_id ?? at}><${Running} one=${one} now=${now} /></li>`)}</ul>`}
  `;
}

const Running = ({ one, now }) => html`
  ${one.job_id ? html`<a href=${href(["jobs", one.job_id])}>${shortId(one.job_id)}</a>` : "a job of another project"}
  <span class="quiet"> ${one.slots.length ? `on ${one.slots.join(", ")}, ` : ""}for ${duration((now - Date.parse(one.started_at)) / 1000)}</span>
`;

const None = () => html`
  <${Empty} title="No worker has been seen lately">
    <p>Jobs wait until one comes. If none does, its log says why.</p>
  </${Empty}>
`;
