/** Answers to held-out rows: image, question, target, and what the model said at each evaluation. */
import { here } from "../api.js";
import { counted, number, title } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { byRows, bySteps } from "../samples.js";
import { Dialog } from "./dialog.js";
import { Empty, Skeleton } from "./notes.js";

/** @param {{state: import("../job_state.js").JobState}} props */
export function Gallery({ state }) {
  const [chosen, choose] = useState(/** @type {number | null} */ (null));
  const [isOnlyChanged, setOnlyChanged] = useState(false);
  const samples = state.samples.value;
  const numEvaluations = state.events.value?.filter(({ type }) => type === "evaluation_completed").length;
  useEffect(() => {
    if (numEvaluations !== undefined) state.tell(() => state.readSamples());
  }, [numEvaluations]);
  if (!samples) return html`<${Skeleton} label="Loading samples" />`;
  if (!samples.length) return html`<${NoSamples} spec=${state.job.value?.spec} />`;
  const steps = bySteps(samples).map(({ step }) => step);
  const step = chosen ?? steps.at(-1);
  const rows = byRows(samples).filter((row) => !isOnlyChanged || row.answers.some(({ hasChanged }) => hasChanged));
  const right = rows.filter((row) => answerAt(row, step)?.isRight).length;
  return html`
    <div class="toolbar">
      <label class="field-inline">Evaluation at step
        <input type="range" min="0" max=${steps.length - 1} step="1" value=${steps.indexOf(step)} disabled=${steps.length < 2}
          aria-valuetext=${`step ${step}`}
          onInput=${(event) => choose(Number(event.target.value) === steps.length - 1 ? null : steps[Number(event.target.value)])} />
        <output>${step.toLocaleString("en")}</output>
      </label>
      <label class="check"><input type="checkbox" checked=${isOnlyChanged} onChange=${(event) => setOnlyChanged(event.target.checked)} /> Only answers that changed</label>
      <span class="quiet">${right} of ${rows.length} exactly right</span>
    </div>
    <ul class="gallery">${rows.map((row) => html`<${Card} key=${row.line} row=${row} step=${step} />`)}</ul>
  `;
}

function Card({ row, step }) {
  const [isLarge, setLarge] = useState(false);
  const answer = answerAt(row, step);
  const alt = (at) => `Image ${at + 1} of row ${row.line}`;
  return html`
    <li class="card sample">
      ${row.images.length > 0 && html`
        <button type="button" class="sample-images" aria-label=${`Enlarge the images of row ${row.line}`} onClick=${() => setLarge(true)}>
          ${row.images.map((url, at) => html`<img key=${at} src=${here(url)} alt=${alt(at)} loading="lazy" />`)}
        </button>
      `}
      <p class="sample-question">${row.question}</p>
      <dl>
        <dt>Target</dt><dd>${row.target}</dd>
        <dt>Answer</dt>
        <dd class=${answer?.isRight ? "is-right" : "is-wrong"}>${answer ? answer.output || "(nothing)" : "not asked"}
          ${answer && html`<span class="verdict">${answer.isRight ? "✓ equals the target" : "≠ target"}</span>`}
        </dd>
      </dl>
      ${answer && Object.keys(answer.scores).length > 0 && html`
        <p class="quiet">${Object.entries(answer.scores).map(([name, value]) => `${title(name)} ${number(value)}`).join(" · ")}</p>
      `}
      ${row.answers.length > 1 && html`<${Changes} row=${row} step=${step} />`}
      ${isLarge && html`
        <${Dialog} title=${`Row ${row.line}`} close=${() => setLarge(false)}>
          ${row.images.map((url, at) => html`<img class="large" key=${at} src=${here(url)} alt=${alt(at)} />`)}
          <p>${row.question}</p>
          <div class="buttons end"><button type="button" class="button" onClick=${() => setLarge(false)}>Close</button></div>
        </${Dialog}>
      `}
    </li>
  `;
}

/** The answers one after the other; those that stayed the same are told once. */
function Changes({ row, step }) {
  const runs = row.answers.filter((answer, at) => at === 0 || answer.hasChanged);
  const last = (at) => (at + 1 < runs.length ? runs[at + 1].step : Infinity);
  return html`
    <details open=${runs.length > 1 && runs.length < 5}>
      <summary>${runs.length === 1 ? "The same at each evaluation" : `Changed ${counted(runs.length - 1, "time")}`}</summary>
      <ol class="changes">
        ${runs.map((answer, at) => html`
          <li key=${answer.step} class=${`${answer.isRight ? "is-right" : ""} ${step >= answer.step && step < last(at) ? "is-current" : ""}`}>
            <span class="quiet">step ${answer.step}</span> ${answer.output || "(nothing)"}${answer.isRight ? " ✓" : ""}
          </li>
        `)}
      </ol>
    </details>
  `;
}

function NoSamples({ spec }) {
  const isAsked = spec?.eval_dataset && spec?.evaluation.generation?.num_samples;
  return html`
    <${Empty} title="No sample predictions">
      <p>${isAsked
        ? "They appear after the first evaluation."
        : "Set eval_dataset and evaluation.generation in the spec, and each evaluation keeps some answers to look at."}</p>
    </${Empty}>
  `;
}

const answerAt = (row, step) => row.answers.findLast((answer) => answer.step <= step) ?? null;
