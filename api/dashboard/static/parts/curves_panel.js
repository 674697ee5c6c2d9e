/** A job's curves, and what they are looked at with: smoothing, scale, axis, stretch. */
import { charts } from "../curves.js";
import { html, useEffect, useMemo, useState } from "../html.js";
import { ENDED } from "../job_state.js";
import { Chart } from "./chart.js";
import { Empty, Skeleton } from "./notes.js";

const KEPT = "tuneyard-curves";
const AS_IT_COMES = { by: "step", isLog: false, smoothing: 0 };

/** @param {{state: import("../job_state.js").JobState, marks: any[]}} props */
export function CurvesPanel({ state, marks }) {
  const [look, setLook] = useLook();
  const [range, setRange] = useState(/** @type {[number, number] | null} */ (null));
  const whole = state.series.value;
  const shown = useFiner(state, whole, range, look.by);
  const found = useMemo(() => charts(Object.keys(whole ?? {}).sort()), [Object.keys(whole ?? {}).sort().join()]);
  const changeAxis = (by) => {
    setRange(null);
    setLook({ by });
  };
  if (!whole) return html`<${Skeleton} rows=${3} label="Loading curves" />`;
  if (!found.length) return html`<${NoCurves} hasEnded=${ENDED.has(state.job.value?.status)} />`;
  return html`
    <${LookBar} look=${look} setLook=${setLook} changeAxis=${changeAxis} range=${range} setRange=${setRange} />
    <div class="charts">
      ${found.map(({ key, title, names }) => html`
        <${Chart} key=${key} name=${title} curves=${names.map((name) => shown[name]).filter((one) => one?.steps.length)} ...${look} marks=${marks}
          sync=${state.id} range=${range} zoom=${setRange} />
      `)}
    </div>
  `;
}

const NoCurves = ({ hasEnded }) => html`
  <${Empty} title=${hasEnded ? "No curves" : "No curves yet"}>
    <p>${hasEnded ? "The job ended before its first step." : "They are drawn from the first step on."}</p>
  </${Empty}>
`;

/** How curves are looked at; kept for the next visit. */
export function useLook() {
  const [look, setLook] = useState(() => ({ ...AS_IT_COMES, ...JSON.parse(localStorage.getItem(KEPT) ?? "{}") }));
  const change = (/** @type {Partial<typeof look>} */ changed) => {
    const next = { ...look, ...changed };
    localStorage.setItem(KEPT, JSON.stringify(next));
    setLook(next);
  };
  return /** @type {const} */ ([look, change]);
}

/** @param {any} props */
export function LookBar({ look, setLook, changeAxis, range, setRange }) {
  return html`
    <div class="look" role="group" aria-label="How curves are drawn">
      <label class="field-inline">Smoothing
        <input type="range" min="0" max="0.99" step="0.01" value=${look.smoothing} aria-valuetext=${look.smoothing.toFixed(2)}
          onInput=${(event) => setLook({ smoothing: Number(event.target.value) })} />
        <output>${look.smoothing.toFixed(2)}</output>
      </label>
      <${Choice} label="Axis" value=${look.by} choices=${{ step: "Step", time: "Time" }} choose=${changeAxis} />
      <${Choice} label="Scale" value=${look.isLog ? "log" : "linear"} choices=${{ linear: "Linear", log: "Log" }}
        choose=${(scale) => setLook({ isLog: scale === "log" })} />
      ${look.by === "step" && html`<${Stretch} range=${range} setRange=${setRange} />`}
      ${range && html`<button type="button" class="button small" onClick=${() => setRange(null)}>Whole run</button>`}
      <span class="quiet look-hint">Drag to zoom, double-click for the whole run.</span>
    </div>
  `;
}

/** One of a few words. @param {any} props */
export const Choice = ({ label, value, choices, choose }) => html`
  <div class="choice" role="group" aria-label=${label}>
    ${Object.entries(choices).map(([key, words]) => html`
      <button type="button" key=${key} aria-pressed=${value === key} onClick=${() => choose(key)}>${words}</button>
    `)}
  </div>
`;

/** Zooming for who has no mouse. */
function Stretch({ range, setRange }) {
  const change = (event) => {
    const [from, to] = [...event.currentTarget.elements].map((input) => Number(input.value));
    setRange(to > from ? [from, to] : null);
  };
  const field = (name, value) => html`
    <label>${name} <input type="number" min="0" name=${name} value=${value === undefined ? "" : Math.round(value)} /></label>
  `;
  return html`
    <form class="field-inline" onChange=${change} onSubmit=${(event) => event.preventDefault()}>
      Steps ${field("from", range?.[0])} ${field("to", range?.[1])}
    </form>
  `;
}

/** Where a long run was thinned, the stretch that is looked at is read again in all its detail. */
function useFiner(state, whole, range, by) {
  const [finer, setFiner] = useState(null);
  const isThinned = Object.values(whole ?? {}).some((one) => one.num_points > one.steps.length);
  const key = range && isThinned ? `${by}:${range}` : null;
  useEffect(() => {
    setFiner(null);
    if (key === null) return;
    const [first, last] = by === "time" ? stepsAt(whole, range) : range;
    let isWanted = true;
    const read = () => state.readStretch(Math.max(0, Math.floor(first)), Math.max(0, Math.ceil(last)));
    const timer = setTimeout(() => read().then((found) => isWanted && setFiner(found), () => {}), 150);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [key]);
  return finer ?? whole ?? {};
}

function stepsAt(whole, [began, ended]) {
  const { steps, times } = Object.values(whole).reduce((most, one) => (one.steps.length > most.steps.length ? one : most));
  const inside = steps.filter((_, at) => times[at] >= began && times[at] <= ended);
  return [inside[0] ?? 0, inside.at(-1) ?? 0];
}
