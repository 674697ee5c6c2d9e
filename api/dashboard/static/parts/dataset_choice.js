/** Datasets to choose from, and a place to drop another one at. */
import { counted } from "../format.js";
import { html, useState } from "../html.js";
import { usePolled } from "../polling.js";
import { Upload } from "./upload.js";

const LOOK_SECONDS = 10;
const MOST = 100;
const HELD_OUT = "held out";
const USUAL_PART = 0.1;

/** The newest, and at once those that were uploaded here. */
function useDatasets(uploaded = []) {
  const found = usePolled(`datasets?limit=${MOST}`, LOOK_SECONDS).value.data?.data ?? [];
  return [...uploaded.filter(({ id }) => !found.some((one) => one.id === id)), ...found];
}

export function TrainRows({ id, described, isWrong, value, set }) {
  const [uploaded, setUploaded] = useState(/** @type {any[]} */ ([]));
  const done = (dataset) => {
    setUploaded([dataset, ...uploaded]);
    set(dataset.id);
  };
  return html`
    <${Datasets} id=${id} described=${described} isWrong=${isWrong} value=${value ?? ""} choose=${(chosen) => set(chosen || undefined)}
      first=${["", "Choose a dataset"]} uploaded=${uploaded} />
    <${Upload} done=${done} />
  `;
}

export function HeldOutRows({ id, described, isWrong, value, set }) {
  const fraction = value?.fraction;
  const choose = (chosen) => set(chosen === HELD_OUT ? { fraction: USUAL_PART } : chosen || undefined);
  return html`
    <${Datasets} id=${id} described=${described} isWrong=${isWrong} value=${fraction === undefined ? (value ?? "") : HELD_OUT} choose=${choose}
      first=${["", "None"]} second=${[HELD_OUT, "A part of the training rows"]} />
    ${fraction !== undefined && html`
      <label class="field-inline">Part of the rows
        <input type="number" min="0.01" max="0.5" step="0.01" value=${fraction} onChange=${(event) => set({ fraction: Number(event.target.value) })} />
      </label>
    `}
  `;
}

function Datasets({ id, described, isWrong, value, choose, first, second, uploaded }) {
  const datasets = useDatasets(uploaded);
  const isKnown = [first[0], second?.[0], ...datasets.map((one) => one.id)].includes(value);
  const choices = [first, ...(second ? [second] : []), ...(isKnown ? [] : [[value, value]]), ...datasets.map((one) => [one.id, inWords(one)])];
  return html`
    <select id=${id} aria-describedby=${described} aria-invalid=${isWrong ? "true" : null} value=${value} onChange=${(event) => choose(event.target.value)}>
      ${choices.map(([key, words]) => html`<option key=${key} value=${key} selected=${key === value}>${words}</option>`)}
    </select>
  `;
}

const inWords = ({ id, filename, num_rows }) => `${filename}, ${counted(num_rows, "row")} (…${id.slice(-6)})`;
