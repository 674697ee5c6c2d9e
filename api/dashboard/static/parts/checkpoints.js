/** What there is to download: the trained model, and states that the job can go on from. */
import { ago, moment, number, size, title } from "../format.js";
import { html } from "../html.js";
import { useNow } from "../now.js";
import { href } from "../router.js";
import { Icon } from "./icons.js";
import { Command } from "./copy.js";
import { Empty, Skeleton } from "./notes.js";

/** @param {{state: import("../job_state.js").JobState}} props */
export function Checkpoints({ state }) {
  const now = useNow();
  const [job, checkpoints] = [state.job.value, state.checkpoints.value];
  if (!checkpoints) return html`<${Skeleton} label="Loading checkpoints" />`;
  const names = [...new Set(checkpoints.flatMap(({ metrics }) => Object.keys(metrics)))].sort();
  const metric = `eval_${job.spec.evaluation.metric}`;
  const best = bestOf(checkpoints, metric);
  const classOf = (name) => `numeric ${name === metric ? "" : "if-wide"}`;
  return html`
    ${job.artifact && html`<${Artifact} job=${job} path=${state.path} />`}
    ${checkpoints.length === 0
      ? html`<${Empty} title="No checkpoints"><p>They are written as the spec's checkpointing says; the job goes on from the newest one.</p></${Empty}>`
      : html`
        <div class="scroller" tabindex="0" role="region" aria-label="Checkpoints">
          <table class="table">
            <thead><tr><th scope="col">Step</th><th scope="col" class="numeric if-wide">Epoch</th>${names.map((name) => html`<th scope="col" class=${classOf(name)} key=${name}>${title(name)}</th>`)}
              <th scope="col" class="numeric if-wide">Size</th><th scope="col" class="if-wide">Saved</th><th scope="col"><span class="unseen">What can be done</span></th></tr></thead>
            <tbody>
              ${checkpoints.map((one) => html`
                <tr key=${one.step}>
                  <th scope="row">${one.step.toLocaleString("en")}${one === best && html` <span class="tag"><${Icon} name="star" /> best</span>`}</th>
                  <td class="numeric if-wide">${number(one.epoch)}</td>
                  ${names.map((name) => html`<td class=${classOf(name)} key=${name}>${number(one.metrics[name])}</td>`)}
                  <td class="numeric if-wide">${size(one.num_bytes)}</td>
                  <td class="if-wide" title=${moment(one.created_at)}>${ago(one.created_at, now)}</td>
                  <td>
                    <div class="buttons">
                      <a class="button small" href=${href(["try"], { job: job.id, step: String(one.step) })}>Try<span class="unseen"> the checkpoint of step ${one.step}</span></a>
                      <a class="button small" href=${`${state.path}/checkpoints/${one.step}/archive`} download>
                        <${Icon} name="download" /> Download<span class="unseen"> the checkpoint of step ${one.step}</span></a>
                    </div>
                  </td>
                </tr>
              `)}
            </tbody>
          </table>
        </div>
      `}
  `;
}

const Artifact = ({ job, path }) => html`
  <div class="callout good">
    <${Icon} name="succeeded" />
    <div>
      <p><b>The trained model is ready.</b> ${size(job.artifact.num_bytes)} in ${job.artifact.num_files} files.</p>
      <div class="buttons">
        <a class="button primary" href=${`${path}/archive`} download><${Icon} name="download" /> Download the model</a>
        <a class="button" href=${href(["try"], { job: job.id })}>Try it</a>
      </div>
      <${Command} text=${`tuneyard download ${job.id}`} />
    </div>
  </div>
`;

/** By the spec's metric: of losses the least, of all others the greatest. */
function bestOf(checkpoints, name) {
  const measured = checkpoints.filter(({ metrics }) => metrics[name] !== undefined);
  const sign = name === "eval_loss" ? 1 : -1;
  return measured.toSorted((one, other) => sign * (one.metrics[name] - other.metrics[name]))[0];
}
