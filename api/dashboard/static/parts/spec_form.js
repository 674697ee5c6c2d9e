/** A spec as a form: what people change stands in front, the rest under "More". */
import { title } from "../format.js";
import { html, useEffect, useId, useRef } from "../html.js";
import { at, changed } from "../spec_schema.js";

/** Where fields stand; the last section takes what no other holds, so that no field of a spec is missing. */
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
  { title: "Name and turn", holds: ["suffix", "seed", "priority"], front: ["suffix", "seed", "priority"] },
  { title: "Everything else", holds: [], front: [] },
];
/** One word of a path says too little. */
const LABELS = { "method.type": "Method", "objective.type": "Objective", eval_dataset: "Held-out rows", train_dataset: "Training rows" };

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
    return html`<${Field} key=${name} field=${field} value=${at(spec, field.path)} set=${set} fault=${faults[name]} Control=${special[name] ?? CONTROLS[field.kind]} />`;
  };
  return SECTIONS.map((section) => {
    const own = bySection.get(section) ?? [];
    const isFront = ({ path }) => section.front.includes(path.join("."));
    const [front, more] = [own.filter(isFront), own.filter((field) => !isFront(field))];
    return html`
      <fieldset class="card spec-section" key=${section.title}>
        <legend>${section.title}</legend>
        ${front.length > 0 && html`<div class="spec-fields">${front.toSorted((one, other) => rank(section, one) - rank(section, other)).map(shown)}</div>`}
        ${more.length > 0 && html`
          <${More} holdsFault=${more.some(({ path }) => path.join(".") in faults)} count=${more.length}>
            <div class="spec-fields">${more.map(shown)}</div>
          </${More}>
        `}
      </fieldset>
    `;
  });
}

const rank = ({ front }, { path }) => front.indexOf(path.join("."));

/** Opens by itself where something in it is wrong, and stays open while that is put right. */
function More({ holdsFault, count, children }) {
  const details = useRef(null);
  useEffect(() => {
    if (holdsFault) details.current.open = true;
  }, [holdsFault]);
  return html`<details ref=${details}><summary>More (${count})</summary>${children}</details>`;
}

function Field({ field, value, set, fault, Control }) {
  const id = useId();
  const [first] = field.words.split("\n\n");
  const described = [first && `${id}-words`, fault && `${id}-fault`].filter(Boolean).join(" ") || null;
  const control = html`<${Control} id=${id} field=${field} value=${value} set=${set} described=${described} isWrong=${Boolean(fault)} />`;
  return html`
    <div class=${`spec-field kind-${field.kind} ${fault ? "is-wrong" : ""}`}>
      <label for=${id}>${labelOf(field)}</label>
      ${control}
      ${first && html`<p class="quiet" id=${`${id}-words`}>${first.replaceAll("`", "")}</p>`}
      ${fault && html`<p class="fault" id=${`${id}-fault`} role="alert">${fault}</p>`}
    </div>
  `;
}

function labelOf({ path }) {
  return LABELS[path.join(".")] ?? title(path.length > 2 || path[0] === path.at(-1) ? path.slice(-2).join("/") : path.at(-1));
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
  <div class="checks" role="group" ...${told(props)}>
    ${props.field.choices.map((one) => {
      const chosen = props.value ?? props.field.preset ?? [];
      const toggle = (event) => props.set(props.field.choices.filter((each) => (each === one ? event.target.checked : chosen.includes(each))));
      return html`<label class="check" key=${one}><input type="checkbox" checked=${chosen.includes(one)} onChange=${toggle} /> ${one.replaceAll("_", " ")}</label>`;
    })}
  </div>
`;

const unless = (value, { preset }) => (value === preset ? undefined : value);

const CONTROLS = { choice: Choice, check: Check, checks: Checks, integer: Typed, number: Typed, text: Typed, interval: Typed, list: Typed };
