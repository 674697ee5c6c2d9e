/** What is known about a job before it is submitted. */
import { counted, duration, size, title } from "../format.js";
import { html } from "../html.js";
import { Facts } from "./facts.js";
import { Failure } from "./failure.js";
import { Icon } from "./icons.js";

/** @param {{report: any}} props */
export const Report = ({ report }) => html`
  <div class="report">
    ${report.problem && html`<${Failure} failure=${report.problem} />`}
    ${report.is_valid && html`<div class="callout good"><${Icon} name="succeeded" /><p><b>The job would run.</b> Nothing is queued yet.</p></div>`}
    ${report.warnings.length > 0 && html`
      <div class="callout wait"><${Icon} name="warning" /><ul>${report.warnings.map((words) => html`<li key=${words}>${words}</li>`)}</ul></div>
    `}
    ${report.estimate && html`<${Estimate} estimate=${report.estimate} />`}
    ${report.train && html`<${Rows} report=${report} />`}
    ${report.preview.length > 0 && html`<${Preview} samples=${report.preview} />`}
  </div>
`;

/** Parts of the memory in the order in which they are told. */
const PARTS = ["weights", "adapter", "gradient", "optimizer", "activation", "logits"];

function Estimate({ estimate }) {
  const { memory } = estimate;
  const isTooLarge = memory.device_bytes !== null && memory.total_bytes > memory.device_bytes;
  const facts = {
    Time: estimate.seconds === null ? "known after a first job" : duration(estimate.seconds),
    Steps: `${estimate.total_steps.toLocaleString("en")}, ${estimate.steps_per_epoch.toLocaleString("en")} an epoch`,
    Disk: size(estimate.disk_bytes),
    Trained: `${estimate.num_trainable_parameters.toLocaleString("en")} of ${counted(estimate.num_parameters, "parameter")}`,
  };
  const parts = PARTS.filter((name) => memory[`${name}_bytes`] > 0);
  return html`
    <section class="card report-part" aria-label="Estimate">
      <h3>Estimate</h3>
      <${Facts} facts=${Object.entries(facts)} />
      <p class=${isTooLarge ? "fault" : ""}>Memory: <b>${size(memory.total_bytes)}</b>${memory.device_bytes !== null && ` of ${size(memory.device_bytes)}`}${isTooLarge && ", more than the device has"}</p>
      <div class="memory-bar" aria-hidden="true">
        ${parts.map((name) => html`<i key=${name} class=${`series-${PARTS.indexOf(name) + 1}`} style=${{ flexGrow: memory[`${name}_bytes`] }}></i>`)}
        ${memory.device_bytes !== null && html`<span style=${{ flexGrow: Math.max(0, memory.device_bytes - memory.total_bytes) }}></span>`}
      </div>
      <p class="legend">${parts.map((name) => html`<span class=${`legend-entry series-${PARTS.indexOf(name) + 1}`} key=${name}><i></i>${title(name)} <b>${size(memory[`${name}_bytes`])}</b></span>`)}</p>
    </section>
  `;
}

/** @type {[string, (rows: any) => number][]} */
const COLUMNS = [
  ["Rows", (one) => one.num_rows],
  ["Samples", (one) => one.num_samples],
  ["Images", (one) => one.num_images],
  ["Images made smaller", (one) => one.num_shrunk_images],
  ["Tokens, all", (one) => one.tokens.total],
  ["Tokens that are learned", (one) => one.num_supervised_tokens],
  ["Tokens of images", (one) => one.num_image_tokens],
  ["Shortest sample", (one) => one.tokens.shortest],
  ["Median sample", (one) => one.tokens.median],
  ["95 of 100 are shorter than", (one) => one.tokens.p95],
  ["Longest sample", (one) => one.tokens.longest],
  ["Duplicates", (one) => one.num_duplicates],
];

function Rows({ report }) {
  const kinds = [["Training", report.train], ["Held out", report.evaluation]].filter(([, rows]) => rows);
  return html`
    <section class="card report-part" aria-label="Rows">
      <h3>Rows</h3>
      <table class="numbers-table">
        <thead><tr><th scope="col"><span class="unseen">What</span></th>${kinds.map(([name]) => html`<th scope="col" class="numeric" key=${name}>${name}</th>`)}</tr></thead>
        <tbody>
          ${COLUMNS.map(([name, of]) => html`
            <tr key=${name}><th scope="row">${name}</th>${kinds.map(([kind, rows]) => html`<td class="numeric" key=${kind}>${of(rows).toLocaleString("en")}</td>`)}</tr>
          `)}
        </tbody>
      </table>
      ${report.evaluation && html`<p class=${report.num_leaked_rows ? "fault" : "quiet"}>${report.num_leaked_rows ? counted(report.num_leaked_rows, "held-out row") : "No held-out row"} ${report.num_leaked_rows > 1 ? "are" : "is"} among the training rows too.</p>`}
    </section>
  `;
}

/** What is learned is coloured and underlined, so that it is told without colour too. */
const Preview = ({ samples }) => html`
  <section class="card report-part" aria-label="Rows as the model reads them">
    <h3>Rows as the model reads them</h3>
    <p class="quiet"><mark class="learned">Underlined</mark> is what is learned: the loss is taken there.</p>
    <ol class="rendered">
      ${samples.map((sample, place) => html`
        <li key=${place}>
          <p class="quiet">Line ${sample.line}: ${counted(sample.num_tokens, "token")}, ${sample.num_supervised_tokens} learned${sample.images.map(imageInWords)}</p>
          <pre tabindex="0" aria-label=${`Line ${sample.line}, rendered`}>${sample.pieces.map((piece, at) => (piece.is_trained ? html`<mark class="learned" key=${at}>${piece.text}</mark>` : piece.text))}</pre>
        </li>
      `)}
    </ol>
  </section>
`;

const imageInWords = ({ width, height, num_tokens, pixels_kept }) => `; image ${width} × ${height} in ${counted(num_tokens, "token")}${pixels_kept < 0.95 ? `, ${Math.round(pixels_kept * 100)} % of its pixels` : ""}`;
