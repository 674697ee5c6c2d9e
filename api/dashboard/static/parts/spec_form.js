/** A spec as a form: what people change stands in front, the rest under "More". */
import { html, useEffect, useId, useRef, useState } from "../html.js";
import { changed, same, valueAt } from "../spec_schema.js";
import { Icon } from "./icons.js";

/** Where fields stand, and which in front; the last section takes what no other holds, so that no field of a spec is missing. */
const SECTIONS = [
  { title: "Model", holds: ["base_model", "revision", "method", "objective"], front: ["base_model", "method.type", "method.rank", "method.alpha", "method.quantization", "objective.type", "objective.beta"] },
  { title: "Rows", holds: ["train_dataset", "eval_dataset"], front: ["train_dataset", "eval_dataset"] },
  {
    title: "Training",
    holds: ["hyperparameters"],
    front: ["num_epochs", "max_steps", "batch_size", "gradient_accumulation_steps", "learning_rate", "max_tokens"].map((name) => `hyperparameters.${name}`),
  },
  {
    title: "Evaluation",
    holds: ["evaluation"],
    front: ["every", "metric", "generation", "generation.max_rows", "generation.max_new_tokens", "generation.num_samples"].map((name) => `evaluation.${name}`),
  },
  { title: "Name and turn", holds: ["suffix", "priority", "metadata", "seed"], front: ["suffix", "priority", "metadata"] },
  { title: "Checkpoints", holds: ["checkpointing"], front: [] },
  { title: "Trained model", holds: ["export", "push_to_hub"], front: [] },
  { title: "Resources", holds: ["resources"], front: [] },
  { title: "Trackers", holds: ["integrations"], front: [] },
  { title: "Everything else", holds: [], front: [] },
];

/**
 * @param {{fields: import("../spec_schema.js").Field[], spec: any, change: (spec: any) => void, faults: Record<string, string>,
 *   special: Record<string, any>}} props  `special`: components for fields that are chosen from what there is.
 */
export function SpecForm({ fields, spec, change, faults, special }) {
  const sectionOf = ({ path }) => SECTIONS.find(({ holds }) => holds.includes(path[0])) ?? SECTIONS.at(-1);
  const bySection = Map.groupBy(fields, sectionOf);
  const shown = (field) => {
    const name = field.path.join(".");
    const set = (value) => change(changed(spec, field.path, value));
    return html`<${Field} key=${name} field=${field} value=${valueAt(spec, field.path)} set=${set} fault=${faults[name]} Control=${special[name] ?? CONTROLS[field.kind]} />`;
  };
  return SECTIONS.map((section) => {
    const own = bySection.get(section);
    if (!own) return null;
    const isFront = ({ path }) => section.front.includes(path.join("."));
    const [front, more] = [own.filter(isFront), own.filter((field) => !isFront(field))];
    return html`
      <fieldset class="card spec-section" key=${section.title}>
        <legend class=${front.length ? "" : "unseen"}>${section.title}</legend>
        ${front.length > 0 && html`<div class="spec-fields">${front.toSorted((one, other) => rank(section, one) - rank(section, other)).map(shown)}</div>`}
        ${more.length > 0 && html`
          <${More} holdsFault=${more.some(({ path }) => path.join(".") in faults)} title=${front.length ? `More (${more.length})` : section.title}>
            <div class="spec-fields">${more.map(shown)}</div>
          </${More}>
        `}
      </fieldset>
    `;
  });
}

const rank = ({ front }, { path }) => front.indexOf(path.join("."));

/** Opens by itself where something in it is wrong, and stays open while that is put right. */
function More({ holdsFault, title, children }) {
  const details = useRef(null);
  useEffect(() => {
    if (holdsFault) details.current.open = true;
  }, [holdsFault]);
  return html`<details ref=${details}><summary>${title}</summary>${children}</details>`;
}

function Field({ field, value, set, fault, Control }) {
  const id = useId();
  const [first] = field.words.split("\n\n");
  const described = [first && `${id}-words`, fault && `${id}-fault`].filter(Boolean).join(" ") || null;
  const control = html`<${Control} id=${id} field=${field} value=${value} set=${set} described=${described} isWrong=${Boolean(fault)} />`;
  return html`
    <div class=${`spec-field kind-${field.kind} ${fault ? "is-wrong" : ""}`}>
      <label for=${id}>${field.title}</label>
      ${control}
      ${first && html`<p class="quiet" id=${`${id}-words`}>${first.replaceAll("`", "")}</p>`}
      ${fault && html`<p class="fault" id=${`${id}-fault`} role="alert">${fault}</p>`}
    </div>
  `;
}

/** What every control is told. */
const told = ({ id, described, isWrong }) => ({ id, "aria-describedby": described, "aria-invalid": isWrong ? "true" : null });
const presetOf = ({ preset }) => (preset === null ? "" : String(preset));

const Choice = (props) => html`
  <select ...${told(props)} value=${props.value ?? props.field.preset} onChange=${(event) => props.set(unless(event.target.value, props.field))}>
    ${props.field.choices.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
  </select>
`;

const Check = (props) => html`
  <input type="checkbox" ...${told(props)} checked=${Boolean(props.value ?? props.field.preset)} onChange=${(event) => props.set(checkedAs(event.target.checked, props.field))} />
`;

const checkedAs = (isChecked, field) => (field.opens ? (isChecked ? {} : undefined) : unless(isChecked, field));

/** Read when one leaves the field: half a number is none. */
const Typed = (props) => html`
  <input type="text" inputmode=${props.field.kind === "text" ? null : "decimal"} ...${told(props)} autocomplete="off" spellcheck="false"
    value=${shownAs(props.value)} placeholder=${presetOf(props.field)} onChange=${(event) => props.set(typedAs(event.target.value.trim(), props.field))} />
`;

const shownAs = (value) => (value === undefined || value === null ? "" : Array.isArray(value) ? value.join(", ") : String(value));

/** What is no number stays what was typed; the service says what is wrong with it. */
function typedAs(text, { kind }) {
  if (text === "") return undefined;
  if (kind === "list") return text.split(",").map((one) => one.trim()).filter(Boolean);
  return kind === "text" || Number.isNaN(Number(text)) ? text : Number(text);
}

const Checks = (props) => html`
  <div class="checks" role="group" aria-label=${props.field.title} ...${told(props)}>
    ${props.field.choices.map((one) => {
      const chosen = props.value ?? props.field.preset ?? [];
      const toggle = (event) => props.set(props.field.choices.filter((each) => (each === one ? event.target.checked : chosen.includes(each))));
      return html`<label class="check" key=${one}><input type="checkbox" checked=${chosen.includes(one)} onChange=${toggle} /> ${one.replaceAll("_", " ")}</label>`;
    })}
  </div>
`;

/** Names and values. A row without a name is not in the spec yet. */
function Pairs(props) {
  const [typed, setTyped] = useState(/** @type {[string, string][]} */ ([]));
  const named = (rows) => Object.fromEntries(rows.filter(([name]) => name));
  const value = props.value ?? {};
  const rows = same(named(typed), value) ? typed : Object.entries(value);
  const change = (next) => {
    setTyped(next);
    props.set(unless(named(next), props.field));
  };
  const write = (at, place, text) => change(rows.with(at, /** @type {[string, string]} */ (rows[at].with(place, text.trim()))));
  const cell = (at, place, words) => html`
    <input type="text" aria-label=${`${words} ${at + 1}`} placeholder=${words} autocomplete="off" spellcheck="false" value=${rows[at][place]}
      onChange=${(event) => write(at, place, event.target.value)} />
  `;
  return html`
    <div class="pairs" role="group" aria-label=${props.field.title} ...${told(props)}>
      ${rows.map((_, at) => html`
        <div class="pair" key=${at}>${cell(at, 0, "Name")}${cell(at, 1, "Value")}
          <button type="button" class="button ghost icon-only" aria-label=${`Remove ${rows[at][0] || `row ${at + 1}`}`} onClick=${() => change(rows.toSpliced(at, 1))}><${Icon} name="failed" /></button></div>
      `)}
      <button type="button" class="button small" onClick=${() => setTyped([...rows, ["", ""]])}>Add</button>
    </div>
  `;
}

/** Kinds that are ticked, each with the fields of its own. */
function Targets(props) {
  const items = Array.isArray(props.value) ? props.value : [];
  const set = (next) => props.set(unless(next, props.field));
  const toggle = (type, isWanted) => set(isWanted ? [...items, { type }] : items.filter((item) => item?.type !== type));
  return html`
    <div class="targets" role="group" aria-label=${props.field.title} ...${told(props)}>
      ${props.field.choices.map((type) => html`
        <label class="check" key=${type}><input type="checkbox" checked=${items.some((item) => item?.type === type)} onChange=${(event) => toggle(type, event.target.checked)} /> ${type}</label>
      `)}
      ${items.map((item, at) => props.field.fieldsOf(item).length > 0 && html`
        <fieldset class="targeted" key=${at}><legend>${item.type}</legend>
          <div class="spec-fields">
            ${props.field.fieldsOf(item).map((field) => html`
              <${Field} key=${field.path.join(".")} field=${field} value=${valueAt(item, field.path)} set=${(value) => set(items.with(at, changed(item, field.path, value)))} Control=${CONTROLS[field.kind]} />
            `)}
          </div>
        </fieldset>
      `)}
    </div>
  `;
}

const unless = (value, { preset }) => (same(value, preset) ? undefined : value);

const CONTROLS = { choice: Choice, check: Check, checks: Checks, integer: Typed, number: Typed, text: Typed, interval: Typed, list: Typed, pairs: Pairs, targets: Targets };
