/** What may be asked of a job, by its status. */
import { send } from "../api.js";
import { html, useState } from "../html.js";
import { href } from "../router.js";
import { useAsking } from "./asking.js";
import { Confirm } from "./dialog.js";
import { Icon } from "./icons.js";
import { Trouble } from "./notes.js";
import { pending } from "./status.js";

const WAITS = ["validating", "queued", "paused"];
const ACTIONS = [
  { verb: "pause", title: "Pause", icon: "paused", when: (job) => ["queued", "running"].includes(job.status) && !pending(job) },
  { verb: "resume", title: "Resume", icon: "running", when: (job) => job.status === "paused" || pending(job) === "pausing" },
  { verb: "retry", title: "Retry", icon: "retry", when: (job) => ["failed", "cancelled"].includes(job.status) },
  {
    verb: "stop-and-save",
    title: "Stop and save",
    icon: "stop",
    when: (job) => job.status === "running" && !pending(job) && job.progress,
    question: "Stop training now?",
    words: "The job ends after its current step and keeps what it has learned. The steps that are left are not trained.",
  },
  {
    verb: "cancel",
    title: "Cancel",
    icon: "failed",
    when: (job) => WAITS.includes(job.status) || (job.status === "running" && !job.cancel_requested_at),
    question: "Cancel this job?",
    words: "It ends without a trained model. It can be tried again later, from its last checkpoint.",
  },
];

/** @param {{job: any, path: string, took: (job: any) => void}} props */
export function Actions({ job, path, took }) {
  const [asked, ask] = useState(/** @type {any} */ (null));
  const { isBusy, error, act } = useAsking();
  const go = ({ verb, title }) => {
    ask(null);
    act(async () => took(await send("POST", `${path}/${verb}`)), `${title}: asked for`);
  };
  return html`
    <div class="actions">
      <div class="buttons">
        ${ACTIONS.filter(({ when }) => when(job)).map((action) => html`
          <button type="button" key=${action.verb} disabled=${isBusy} class=${`button ${action.verb === "cancel" ? "danger-quiet" : ""}`}
            onClick=${() => (action.question ? ask(action) : go(action))}><${Icon} name=${action.icon} /> ${action.title}</button>
        `)}
        <a class="button" href=${href(["submit"], { from: job.id })}><${Icon} name="copy" /> Clone</a>
      </div>
      ${error && html`<${Trouble} error=${error} />`}
      ${asked && html`<${Confirm} title=${asked.question} verb=${asked.title} act=${() => go(asked)} close=${() => ask(null)}><p>${asked.words}</p></${Confirm}>`}
    </div>
  `;
}
