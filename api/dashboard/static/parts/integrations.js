/** Whom a job is told to: trackers and the hub, how far they have taken it, and why not if they have not. */
import { send } from "../api.js";
import { ahead, moment } from "../format.js";
import { html, useState } from "../html.js";
import { useNow } from "../now.js";
import { usePolled } from "../polling.js";
import { useAsking } from "./asking.js";
import { Icon } from "./icons.js";
import { Skeleton, Trouble } from "./notes.js";
import { Badge } from "./status.js";

const LOOK_SECONDS = 5;
/** By the target's type: its name, and the field that says where there. */
const NAMES = { tensorboard: "TensorBoard", mlflow: "MLflow", wandb: "Weights & Biases", hub: "Hugging Face Hub" };
const PLACES = { mlflow: "experiment", wandb: "project", hub: "repo_id" };

/** How many a spec names. @param {any} spec */
export const numTargets = (spec) => spec.integrations.length + (spec.push_to_hub ? 1 : 0);

/** @param {{state: import("../job_state.js").JobState}} props */
export function Integrations({ state }) {
  const [turn, setTurn] = useState(0);
  const { data: found, error } = usePolled(`${state.path}/integrations`, LOOK_SECONDS, turn).value;
  const { act, isBusy, error: refused } = useAsking();
  const retry = ({ type }) => act(async () => {
    await send("POST", `${state.path}/integrations/${type}/retry`);
    setTurn(turn + 1);
  }, `${NAMES[type]} is told again`);
  if (error) return html`<${Trouble} error=${error} />`;
  if (!found) return html`<${Skeleton} rows=${2} label="Loading who is told" />`;
  return html`
    ${refused && html`<${Trouble} error=${refused} />`}
    <ul class="cards">
      ${found.data.map((told, at) => html`<li class="card target" key=${at}><${One} told=${told} state=${state} isBusy=${isBusy} retry=${() => retry(told.target)} /></li>`)}
    </ul>
  `;
}

function One({ told, state, isBusy, retry }) {
  const { target, status, url, error } = told;
  const now = useNow();
  return html`
    <div class="card-head"><h3>${NAMES[target.type]} <span class="quiet">${target[PLACES[target.type]]}</span></h3><${Standing} told=${told} /></div>
    <p class="quiet">${inWords(told, now)}</p>
    ${error && html`<pre class="words" tabindex="0" aria-label=${`What ${NAMES[target.type]} answered`}>${error}</pre>`}
    <div class="buttons">
      ${/^https?:/.test(url ?? "") && html`<a class="button small" href=${url} target="_blank" rel="noopener">Open in ${NAMES[target.type]} <${Icon} name="away" /></a>`}
      ${target.type === "tensorboard" && hasBegun(state.events.value, target) && html`
        <a class="button small" href=${`${state.path}/tensorboard`} download><${Icon} name="download" /> Event file</a>
      `}
      ${status === "given_up" && html`<button type="button" class="button small" disabled=${isBusy} onClick=${retry}><${Icon} name="retry" /> Try again</button>`}
    </div>
  `;
}

function inWords({ target, status, url, error, finished_at, next_try_at }, now) {
  const isHub = target.type === "hub";
  if (status === "given_up") return `It took nothing for three days, and was given up ${moment(finished_at)}.`;
  if (status === "told") return isHub && !url ? "Nothing was pushed: the job did not succeed." : `It was told everything, ${moment(finished_at)}.`;
  if (error) return `It did not take what it was told, and is asked again ${ahead(next_try_at, now)}.`;
  return isHub ? "The model is pushed once the job has succeeded." : "It is told what is new, as the job goes on.";
}

/** Whether there is something of the job there. */
const hasBegun = (events, { type }) => events?.some((event) => event.type === "tracking_started" && event.data.target === type);

function Standing({ told: { status, error } }) {
  if (status === "given_up") return html`<${Badge} look="failed" words="given up" />`;
  if (status === "told") return html`<${Badge} look="succeeded" words="told" />`;
  return error ? html`<${Badge} look="queued" words="tried again" />` : html`<${Badge} look="running" words="following" />`;
}
