/** Who carries out jobs: slots, memory, GPUs, what runs where, and who takes nothing new. */
import { send, session } from "../api.js";
import { ago, counted, duration, moment, size } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { useNow } from "../now.js";
import { useAsking } from "../parts/asking.js";
import { Dialog } from "../parts/dialog.js";
import { Facts } from "../parts/facts.js";
import { Icon } from "../parts/icons.js";
import { Empty, Skeleton, Trouble } from "../parts/notes.js";
import { Badge, shortId } from "../parts/status.js";
import { usePolled } from "../polling.js";
import { href } from "../router.js";

const LOOK_SECONDS = 3;
/** The name that stands for every worker, as the API has it. */
const EVERY = "*";

export function WorkersPage() {
  const [turn, setTurn] = useState(0);
  const isOperator = session.value.scope === "admin";
  const found = usePolled("workers", LOOK_SECONDS, turn).value;
  const asked = usePolled(isOperator ? "drains" : null, LOOK_SECONDS, turn).value.data?.data.map(({ worker }) => worker);
  useEffect(() => {
    document.title = "Workers – Tuneyard";
  }, []);
  const drains = { isOperator: Boolean(asked), asked: new Set(asked), look: () => setTurn(turn + 1) };
  return html`
    <div class="page-head"><h1>Workers</h1>${found.data && html`<${Total} workers=${found.data.data} />`}<${DrainButton} name=${EVERY} drains=${drains} /></div>
    ${found.error && html`<${Trouble} error=${found.error} />`}
    ${!found.error && (found.data ? html`<${List} workers=${found.data.data} drains=${drains} />` : html`<${Skeleton} label="Loading workers" />`)}
  `;
}

const sum = (workers, of) => workers.reduce((so_far, worker) => so_far + of(worker), 0);

const Total = ({ workers }) => html`
  <p class="quiet">${counted(workers.length, "worker")}, ${sum(workers, taken)} of ${counted(sum(workers, ({ num_slots }) => num_slots), "slot")} taken</p>
`;

/** A job takes at least one; one on several GPUs, as many. */
const taken = ({ running }) => running.reduce((so_far, { slots }) => so_far + Math.max(1, slots.length), 0);

function List({ workers, drains }) {
  if (!workers.length) return html`<${None} />`;
  return html`<ul class="cards">${workers.map((worker) => html`<li class="card worker" key=${worker.name}><${One} worker=${worker} drains=${drains} /></li>`)}</ul>`;
}

function One({ worker, drains }) {
  const now = useNow();
  const { draining_since } = worker;
  const facts = {
    Slots: `${taken(worker)} of ${worker.num_slots} taken`,
    Memory: size(worker.memory_bytes),
    Up: duration((now - Date.parse(worker.started_at)) / 1000),
    Seen: html`<span title=${moment(worker.last_seen_at)}>${ago(worker.last_seen_at, now)}</span>`,
    ...(draining_since ? { "Asked to drain": html`<span title=${moment(draining_since)}>${ago(draining_since, now)}</span>` } : {}),
  };
  return html`
    <div class="card-head"><h2>${worker.name}</h2><${Standing} worker=${worker} /></div>
    <${Facts} facts=${Object.entries(facts)} />
    ${worker.gpus.length > 0 && html`
      <h3>GPUs</h3>
      <ul>${worker.gpus.map((gpu) => html`<li key=${gpu.uuid} title=${gpu.uuid}>${gpu.name} <span class="quiet">${size(gpu.num_bytes)}</span></li>`)}</ul>
    `}
    <h3>Runs now</h3>
    ${worker.running.length === 0
      ? html`<p class="quiet">${draining_since ? "Nothing, and no job starts here until it is resumed." : "Nothing: the next job that waits starts here."}</p>`
      : html`<ul>${worker.running.map((one, at) => html`<li key=${one.job_id ?? at}><${Running} one=${one} now=${now} /></li>`)}</ul>`}
    ${!drains.asked.has(EVERY) && html`<${DrainButton} name=${worker.name} drains=${drains} />`}
  `;
}

function Standing({ worker: { draining_since, running } }) {
  if (draining_since) return html`<${Badge} look="paused" words=${running.length ? "draining" : "drained"} />`;
  return running.length ? html`<${Badge} look="running" words="busy" />` : html`<${Badge} look="succeeded" words="free" />`;
}

const Running = ({ one, now }) => html`
  ${one.job_id ? html`<a href=${href(["jobs", one.job_id])}>${shortId(one.job_id)}</a>` : "a job of another project"}
  <span class="quiet"> ${one.slots.length ? `on ${one.slots.join(", ")}, ` : ""}for ${duration((now - Date.parse(one.started_at)) / 1000)}</span>
`;

/** For operators: has one worker, or all of them, take nothing new, or go on. */
function DrainButton({ name, drains }) {
  const [isAsked, ask] = useState(false);
  const { act, isBusy, error } = useAsking();
  const path = `drains/${encodeURIComponent(name)}`;
  const told = name === EVERY ? "All workers" : name;
  const change = (method, query, done) => act(async () => {
    await send(method, path + query);
    drains.look();
  }, done);
  const drain = (givesBack) => {
    ask(false);
    change("PUT", `?gives_back=${givesBack}`, `${told}: takes nothing new`);
  };
  if (!drains.isOperator) return null;
  const ofAll = name === EVERY ? " all" : "";
  return html`
    ${error && html`<${Trouble} error=${error} />`}
    <div class="buttons">
      ${drains.asked.has(name)
        ? html`<button type="button" class="button small" disabled=${isBusy} onClick=${() => change("DELETE", "", `${told}: takes jobs again`)}><${Icon} name="running" /> Resume${ofAll}</button>`
        : html`<button type="button" class="button small" disabled=${isBusy} onClick=${() => ask(true)}><${Icon} name="paused" /> Drain${ofAll}</button>`}
    </div>
    ${isAsked && html`<${DrainDialog} told=${name === EVERY ? "all workers" : name} drain=${drain} close=${() => ask(false)} />`}
  `;
}

function DrainDialog({ told, drain, close }) {
  const [givesBack, setGivesBack] = useState(false);
  const choice = (value, words) => html`
    <label class="check"><input type="radio" name="running" checked=${givesBack === value} onChange=${() => setGivesBack(value)} /> ${words}</label>
  `;
  return html`
    <${Dialog} title=${`Have ${told} take nothing new?`} close=${close}>
      <p>Jobs are taken all the while; they wait until a worker is resumed. Jobs that run now</p>
      ${choice(false, "go on to their ends")}
      ${choice(true, "save, and go back to the queue")}
      <div class="buttons end">
        <button type="button" class="button" autofocus onClick=${close}>Leave it</button>
        <button type="button" class="button primary" onClick=${() => drain(givesBack)}>Drain</button>
      </div>
    </${Dialog}>
  `;
}

const None = () => html`
  <${Empty} title="No worker has been seen lately">
    <p>Jobs wait until one comes. If none does, its log says why.</p>
  </${Empty}>
`;
