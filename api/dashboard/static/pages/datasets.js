/** All datasets, newest first, and a place to drop another one at. */
import { ago, moment, size } from "../format.js";
import { html, useEffect } from "../html.js";
import { moveFocus, useKeys } from "../keyboard.js";
import { useNow } from "../now.js";
import { Command } from "../parts/copy.js";
import { Empty, Skeleton, Trouble } from "../parts/notes.js";
import { shortId } from "../parts/status.js";
import { Upload } from "../parts/upload.js";
import { usePolled } from "../polling.js";
import { go, href, route } from "../router.js";

const LOOK_SECONDS = 5;
const PAGE = 25;

export function DatasetsPage() {
  const after = route.value.query.get("after");
  const found = usePolled(`datasets?${new URLSearchParams({ limit: String(PAGE), ...(after ? { after } : {}) })}`, LOOK_SECONDS).value;
  useKeys({ j: () => moveFocus(".job-link", 1), k: () => moveFocus(".job-link", -1) });
  useEffect(() => {
    document.title = "Datasets – Tuneyard";
  }, []);
  return html`
    <div class="page-head"><h1>Datasets</h1></div>
    <${Upload} done=${({ id }) => go(href(["datasets", id]))} />
    ${found.error && html`<${Trouble} error=${found.error} />`}
    ${!found.error && (found.data ? html`<${List} page=${found.data} after=${after} />` : html`<${Skeleton} rows=${6} label="Loading datasets" />`)}
  `;
}

function List({ page, after }) {
  const now = useNow();
  if (!page.data.length) return html`<${NoneYet} />`;
  return html`
    <div class="scroller" tabindex="0" role="region" aria-label="Datasets">
      <table class="table">
        <thead><tr><th scope="col">Dataset</th><th scope="col" class="numeric">Rows</th><th scope="col" class="numeric if-wide">Images</th>
          <th scope="col" class="numeric if-wide">Size</th><th scope="col" class="if-wide">Form</th><th scope="col">Uploaded</th></tr></thead>
        <tbody>
          ${page.data.map((one) => html`
            <tr key=${one.id}>
              <th scope="row"><a class="job-link" href=${href(["datasets", one.id])}>${one.filename}</a><span class="quiet id">${shortId(one.id)}</span></th>
              <td class="numeric">${one.num_rows.toLocaleString("en")}</td>
              <td class="numeric if-wide">${one.num_images.toLocaleString("en")}</td>
              <td class="numeric if-wide">${size(one.num_bytes)}</td>
              <td class="if-wide">${one.form}</td>
              <td title=${moment(one.created_at)}>${ago(one.created_at, now)}</td>
            </tr>
          `)}
        </tbody>
      </table>
    </div>
    <div class="buttons end">
      ${after && html`<a class="button" href=${href(["datasets"])}>Newest datasets</a>`}
      ${page.has_more && html`<a class="button" href=${href(["datasets"], { after: page.last_id })}>Older datasets</a>`}
    </div>
  `;
}

const NoneYet = () => html`
  <${Empty} title="No datasets yet">
    <p>Drop a file above, or upload one from a terminal.</p>
    <${Command} text=${`tuneyard --url ${location.origin}${location.pathname.replace(/\/$/, "")} upload train.jsonl`} />
    <p class="quiet">A row is a conversation: a question, perhaps with images, and the answer to learn.</p>
  </${Empty}>
`;
