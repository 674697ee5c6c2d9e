/** One dataset: what is in it, row by row. */
import { read, send } from "../api.js";
import { counted, moment, size } from "../format.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { useKeys } from "../keyboard.js";
import { useAsking } from "../parts/asking.js";
import { CopyButton } from "../parts/copy.js";
import { Confirm } from "../parts/dialog.js";
import { Facts } from "../parts/facts.js";
import { Icon } from "../parts/icons.js";
import { Skeleton, Trouble } from "../parts/notes.js";
import { RowView } from "../parts/row_view.js";
import { go, href, replace, route } from "../router.js";

const ROWS = 12;

/** @param {{id: string}} props */
export function DatasetPage({ id }) {
  const path = `datasets/${encodeURIComponent(id)}`;
  const place = Number(route.value.query.get("place") ?? 0) || 0;
  const { dataset, page, error } = useRows(path, place);
  useEffect(() => {
    document.title = `${dataset?.filename ?? "Dataset"} – Tuneyard`;
  }, [dataset?.filename]);
  if (error) return html`<${Trouble} error=${error} />`;
  if (!page) return html`<${Skeleton} rows=${8} label="Loading rows" />`;
  return html`
    <${Head} dataset=${dataset} path=${path} />
    <${Rows} id=${id} page=${page} place=${place} />
  `;
}

function useRows(path, place) {
  const [found, setFound] = useState(/** @type {any} */ ({}));
  useEffect(() => {
    const abort = new AbortController();
    const readBoth = Promise.all([found.dataset ?? read(path, abort.signal), read(`${path}/preview?place=${place}&limit=${ROWS}`, abort.signal)]);
    readBoth.then(([dataset, page]) => setFound({ dataset, page }), (error) => abort.signal.aborted || setFound({ error }));
    return () => abort.abort();
  }, [path, place]);
  return found;
}

function Head({ dataset, path }) {
  const [isAsked, ask] = useState(false);
  const { error, act } = useAsking();
  const remove = () => {
    ask(false);
    act(async () => {
      await send("DELETE", path);
      go(href(["datasets"]));
    }, `${dataset.filename} is deleted`);
  };
  const facts = {
    Rows: dataset.num_rows.toLocaleString("en"),
    Images: dataset.num_images.toLocaleString("en"),
    Size: size(dataset.num_bytes),
    Form: dataset.form,
    Uploaded: moment(dataset.created_at),
    ...(dataset.unused_keys.length ? { "Unused keys": dataset.unused_keys.join(", ") } : {}),
  };
  return html`
    <div class="page-head">
      <div>
        <p class="crumbs"><a href=${href(["datasets"])}>Datasets</a> / <code>${dataset.id}</code><${CopyButton} text=${dataset.id} what="id" /></p>
        <h1>${dataset.filename}</h1>
      </div>
      <div class="buttons">
        <a class="button primary" href=${href(["submit"], { dataset: dataset.id })}>Use in a job</a>
        <a class="button" href=${`${path}/rows`} download><${Icon} name="download" /> Download</a>
        <button type="button" class="button danger-quiet" onClick=${() => ask(true)}><${Icon} name="failed" /> Delete</button>
      </div>
    </div>
    ${error && html`<${Trouble} error=${error} />`}
    <${Facts} facts=${Object.entries(facts)} />
    ${isAsked && html`
      <${Confirm} title="Delete this dataset?" verb="Delete" act=${remove} close=${() => ask(false)}>
        <p>Its ${counted(dataset.num_rows, "row")} are gone then. Jobs that have ended keep what they have learned.</p>
      </${Confirm}>
    `}
  `;
}

/** Any part of a file of any size is as near as its beginning: places are bytes. */
function Rows({ id, page, place }) {
  const to = (next) => href(["datasets", id], { place: next ? String(next) : null });
  const before = useRef(/** @type {number[]} */ ([]));
  const leave = () => before.current.push(place);
  const goOn = () => page.has_more && leave() && go(to(page.next_place));
  const goBack = () => place > 0 && go(to(before.current.pop() ?? 0));
  useKeys({ j: goOn, k: goBack, ArrowRight: goOn, ArrowLeft: goBack });
  const part = page.num_bytes ? Math.round((100 * place) / page.num_bytes) : 0;
  return html`
    <div class="toolbar">
      <h2>Rows</h2>
      <label class="field-inline">From
        <input type="range" min="0" max=${page.num_bytes} step="1" value=${place} aria-valuetext=${`${part} % of the file`}
          onChange=${(event) => replace(to(Math.min(Number(event.target.value), page.num_bytes - 1)))} />
        <output>${part} %</output>
      </label>
      <div class="buttons">
        ${place > 0 && html`<a class="button small" href=${to(0)}>First rows</a>`}
        ${page.has_more && html`<a class="button small" href=${to(page.next_place)} onClick=${leave}>Next rows</a>`}
      </div>
      <span class="quiet look-hint">Keys: j for the next rows, k for those before.</span>
    </div>
    ${page.data.length === 0 && html`<p class="quiet">No row begins behind this place.</p>`}
    <ol class="chat-rows">${page.data.map((one) => html`<li class="card chat-row" key=${one.place}><${RowView} row=${one.row} name=${`the row at byte ${one.place}`} /></li>`)}</ol>
  `;
}
