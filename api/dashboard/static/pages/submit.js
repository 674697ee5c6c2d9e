/** A job to be submitted: a form and its JSON in step, and what is known about it before anything is queued. */
import { announce } from "../announcing.js";
import { read, Refused, send } from "../api.js";
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { HeldOutRows, TrainRows } from "../parts/dataset_choice.js";
import { BaseModel } from "../parts/model_choice.js";
import { Skeleton, Trouble } from "../parts/notes.js";
import { Report } from "../parts/report.js";
import { SpecForm } from "../parts/spec_form.js";
import { go, href, route } from "../router.js";
import { fieldsOf, named, told } from "../spec_schema.js";

const SPECIAL = { base_model: BaseModel, train_dataset: TrainRows, eval_dataset: HeldOutRows };
const WAIT_SECONDS = 20;

/** Another address is another draft: it wants a `key`. */
export function SubmitPage() {
  const { query } = route.value;
  const [begun, setBegun] = useState(/** @type {any} */ ({}));
  useEffect(() => {
    document.title = "New job – Tuneyard";
    const abort = new AbortController();
    begin(query, abort.signal).then(setBegun, (error) => abort.signal.aborted || setBegun({ error }));
    return () => abort.abort();
  }, []);
  return html`
    <div class="page-head"><h1>New job</h1>${query.get("from") && html`<p class="quiet">As <a href=${href(["jobs", query.get("from")])}>an earlier one</a></p>`}</div>
    ${begun.error && html`<${Trouble} error=${begun.error} />`}
    ${begun.schemas ? html`<${Draft} ...${begun} />` : !begun.error && html`<${Skeleton} rows=${8} label="Loading the form" />`}
  `;
}

/** The fields there are, and what the address asks to begin with. */
async function begin(query, abort) {
  const from = query.get("from");
  const [document, job] = await Promise.all([read("openapi.json", abort), from && read(`jobs/${encodeURIComponent(from)}`, abort)]);
  const { schemas } = document.components;
  const asked = { base_model: query.get("model"), train_dataset: query.get("dataset") };
  const chosen = Object.fromEntries(Object.entries(asked).filter(([, value]) => value));
  return { schemas, first: { ...(job ? told(schemas, job.spec) : {}), ...chosen } };
}

function Draft({ schemas, first }) {
  const [draft, setDraft] = useState(() => written(first));
  const fields = useMemo(() => fieldsOf(schemas, draft.spec), [schemas, draft.spec]);
  const key = useMemo(newKey, [draft.text]);
  const [trouble, setTrouble] = useState(/** @type {Error | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const checking = useReport(draft.spec, setTrouble);
  const faults = useMemo(() => faultsOf(trouble, fields), [trouble, fields]);
  const change = (next) => {
    setTrouble(null);
    setDraft(next);
  };
  const submit = async () => {
    setBusy(true);
    try {
      const job = await send("POST", "jobs", draft.spec, { headers: { "Idempotency-Key": key } });
      announce("The job is submitted");
      go(href(["jobs", job.id]));
    } catch (error) {
      setTrouble(error);
      setBusy(false);
    }
  };
  const cannot = isBusy || Boolean(draft.error);
  return html`
    <form class="draft" onSubmit=${(event) => event.preventDefault()}>
      <div class="draft-fields"><${SpecForm} fields=${fields} spec=${draft.spec} change=${(spec) => change(written(spec))} faults=${faults} special=${SPECIAL} /></div>
      <div class="draft-side">
        <div class="card draft-actions">
          <div class="buttons">
            <button type="button" class="button" disabled=${cannot || checking.isBusy} onClick=${checking.check}>${checking.isBusy ? "Checking…" : "Check"}</button>
            <button type="button" class="button primary" disabled=${cannot} onClick=${submit}>Submit</button>
          </div>
          <p class="quiet" role="status">${checking.isBusy ? "Its rows and its model are looked at." : "Check tells whether it would run, what it takes and how its rows are read. It queues nothing."}</p>
        </div>
        ${trouble && html`<${Trouble} error=${trouble} />`}
        ${checking.report && html`<${Report} report=${checking.report} />`}
        <${Json} draft=${draft} change=${change} />
      </div>
    </form>
  `;
}

/** @param {any} spec */
const written = (spec) => ({ spec, text: JSON.stringify(spec, null, 2), error: null });

function Json({ draft, change }) {
  const typed = (event) => {
    const text = event.target.value;
    try {
      const spec = JSON.parse(text);
      const error = spec === null || typeof spec !== "object" || Array.isArray(spec) ? "A spec is a JSON object." : null;
      change(error ? { ...draft, text, error } : { spec, text, error });
    } catch (error) {
      change({ ...draft, text, error: error.message });
    }
  };
  return html`
    <section class="card draft-json">
      <label for="draft-json"><b>The spec as JSON</b> <span class="quiet">It stays in step with the form.</span></label>
      <textarea id="draft-json" rows="14" spellcheck="false" value=${draft.text} onInput=${typed} aria-invalid=${draft.error ? "true" : null} aria-describedby="draft-json-fault"></textarea>
      <p class="fault" id="draft-json-fault" role="status">${draft.error && `${draft.error} The form shows the last that could be read.`}</p>
    </section>
  `;
}

/** A report on this very spec; another spec has none yet. */
function useReport(spec, setTrouble) {
  const [state, setState] = useState(/** @type {any} */ ({}));
  const running = useRef(new AbortController());
  useEffect(() => () => running.current.abort(), [spec]);
  const check = async () => {
    const abort = new AbortController();
    running.current.abort();
    running.current = abort;
    setTrouble(null);
    setState({ spec, isBusy: true });
    try {
      const report = await reportOn(spec, abort.signal);
      setState({ spec, report });
      announce(report.is_valid ? "The job would run" : "The job would fail");
    } catch (error) {
      if (abort.signal.aborted) return;
      setState({});
      setTrouble(error);
    }
  };
  return { check, ...(state.spec === spec ? state : {}) };
}

async function reportOn(spec, abort) {
  let { id, report } = await send("POST", `jobs/validate?wait=${WAIT_SECONDS}`, spec, { signal: abort });
  while (report === null) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    abort.throwIfAborted();
    ({ report } = await read(`reports/${id}`, abort));
  }
  return report;
}

/** What a refusal says, by field. */
function faultsOf(trouble, fields) {
  if (!(trouble instanceof Refused)) return {};
  const places = { unknown_model: "base_model", unknown_dataset: "train_dataset" };
  const placed = trouble.errors.filter(({ location }) => location).map(({ location, detail }) => [named(location, fields), detail]);
  const known = trouble.code in places && !placed.length ? [[places[trouble.code], trouble.message]] : [];
  return Object.fromEntries([...placed, ...known]);
}

/** A name for this very request: sending it again submits no second job. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
