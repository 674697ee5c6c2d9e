/** A place to drop a dataset at: how much has arrived, and which rows are wrong if it is refused. */
import { announce } from "../announcing.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { upload } from "../uploads.js";
import { Failure } from "./failure.js";
import { Trouble } from "./notes.js";

const ACCEPTED = ".jsonl,.json,.parquet,.tar,.zip";

/** @param {{done: (dataset: any) => void}} props */
export function Upload({ done }) {
  const [state, setState] = useState(/** @type {any} */ ({}));
  const stop = useRef(() => {});
  useEffect(() => () => stop.current(), []);
  const take = async ([file]) => {
    if (!file) return;
    stop.current();
    setState({ file, part: 0 });
    const arriving = upload(`datasets?filename=${encodeURIComponent(file.name)}`, file, (part) => setState({ file, part }));
    stop.current = arriving.stop;
    try {
      const dataset = await arriving.answer;
      setState({});
      announce(`${file.name} is uploaded`);
      done(dataset);
    } catch (error) {
      setState(error.name === "AbortError" ? {} : { file, error });
    }
  };
  return html`
    <div class="upload">
      <${Drop} take=${take} accept=${ACCEPTED} words="Drop a dataset here, or choose a file" hint="JSONL, JSON, Parquet, WebDataset or zip" />
      ${state.part !== undefined && html`<${Arriving} ...${state} stop=${() => stop.current()} />`}
      ${state.error && html`<${WhyNot} file=${state.file} error=${state.error} />`}
    </div>
  `;
}

/** @param {{take: (files: File[]) => void, accept: string, words: string, hint?: string}} props */
export function Drop({ take, accept, words, hint }) {
  const [isOver, setOver] = useState(false);
  const over = (event) => {
    event.preventDefault();
    setOver(true);
  };
  const dropped = (event) => {
    event.preventDefault();
    setOver(false);
    take([...event.dataTransfer.files]);
  };
  const chosen = (event) => {
    take([...event.currentTarget.files]);
    event.currentTarget.value = "";
  };
  return html`
    <label class=${`drop ${isOver ? "is-over" : ""}`} onDragOver=${over} onDragLeave=${() => setOver(false)} onDrop=${dropped}>
      <input type="file" class="unseen" accept=${accept} onChange=${chosen} />
      <b>${words}</b>${hint && html` <span class="quiet">${hint}</span>`}
    </label>
  `;
}

const Arriving = ({ file, part, stop }) => html`
  <div class="arriving" role="status">
    <span>${file.name}: ${part < 1 ? `${Math.floor(part * 100)} %` : "its rows are checked"}</span>
    <progress max="1" value=${part} aria-label=${`Upload of ${file.name}`}></progress>
    <button type="button" class="button small" onClick=${stop}>Stop</button>
  </div>
`;

/** A refused file tells its faults as a failed job does. */
function WhyNot({ file, error }) {
  if (error.code !== "invalid_dataset") return html`<${Trouble} error=${error} />`;
  return html`<${Failure} failure=${{ code: error.code, message: `${file.name}: ${error.message}`, faults: error.errors }} />`;
}
