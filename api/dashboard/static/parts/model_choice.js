/** Names of models: those that are registered, and what was trained from them. */
import { read } from "../api.js";
import { html, useEffect, useState } from "../html.js";

/** @returns {{ids: string[], byJob: Record<string, string>, hasHub: boolean} | null}  Null until they are read. */
export function useModels() {
  const [models, setModels] = useState(/** @type {any} */ (null));
  useEffect(() => {
    const abort = new AbortController();
    const take = ([{ data }, { hub_models }]) => {
      const byJob = Object.fromEntries(data.map(({ id, fine_tuning_job_id }) => [fine_tuning_job_id, id]));
      setModels({ ids: data.map(({ id }) => id), byJob, hasHub: hub_models });
    };
    Promise.all([read("v1/models", abort.signal), read("models", abort.signal)]).then(take, () => {});
    return () => abort.abort();
  }, []);
  return models;
}

/** What is kept of a job, by step: `ft:…:ckpt-step-<N>`. @param {string | null} jobId  @returns {Record<string, string> | null} */
export function useCheckpoints(jobId) {
  const [checkpoints, setCheckpoints] = useState(/** @type {any} */ (jobId ? null : {}));
  useEffect(() => {
    if (!jobId) return;
    const abort = new AbortController();
    const take = ({ data }) => setCheckpoints(Object.fromEntries(data.map((one) => [one.step_number, one.fine_tuned_model_checkpoint])));
    read(`v1/fine_tuning/jobs/${encodeURIComponent(jobId)}/checkpoints?limit=100`, abort.signal).then(take, () => abort.signal.aborted || setCheckpoints({}));
    return () => abort.abort();
  }, [jobId]);
  return checkpoints;
}

/** A field of a spec. Any name may be typed: of a hub model, or of a checkpoint. */
export function BaseModel({ id, described, isWrong, value, set }) {
  const models = useModels();
  return html`
    <input type="text" id=${id} list=${`${id}-models`} aria-describedby=${described} aria-invalid=${isWrong ? "true" : null} autocomplete="off" spellcheck="false"
      value=${value ?? ""} placeholder=${models?.hasHub ? "Choose, or type a hub id" : "Choose one"} onChange=${(event) => set(event.target.value.trim() || undefined)} />
    <datalist id=${`${id}-models`}>${models?.ids.map((one) => html`<option key=${one} value=${one}></option>`)}</datalist>
  `;
}
