/** One chart: uPlot in the page's colours, with marks, a live legend, and its numbers as a table for who sees no curves. */
import { smooth, summary } from "../curves.js";
import { clock, duration, measured, title } from "../format.js";
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { isDark } from "../theme.js";
import uPlot from "../vendor/uplot.js";

const HEIGHT = 220;
const NUM_COLOURS = 8;
/** @type {any[]} */
const NONE = [];

/**
 * @typedef {import("../curves.js").Series & {label?: string, colour?: number}} Curve
 * @param {{name: string, curves: Curve[], by: "step" | "time" | "elapsed", isLog: boolean, smoothing: number, marks?: any[],
 *   sync: string, range: [number, number] | null, zoom: (range: [number, number] | null) => void}} props
 */
export function Chart({ name, curves, by, isLog, smoothing, marks = NONE, sync, range, zoom }) {
  const frame = useRef(null);
  const plot = useRef(null);
  const latest = useRef({});
  latest.current = { marks, zoom, by };
  const [at, setAt] = useState(null);
  const data = useMemo(() => aligned(curves, by, smoothing, isLog), [curves, by, smoothing, isLog]);
  const shape = `${curves.map((curve) => curve.label ?? curve.name)}|${by}|${isLog}|${smoothing > 0}|${isDark.value}`;

  useEffect(() => {
    const options = optionsOf({ curves, by, isLog, smoothing, sync, width: frame.current.clientWidth, latest, setAt });
    plot.current = new uPlot(options, data, frame.current);
    const resizing = new ResizeObserver(([entry]) => {
      plot.current.setSize({ width: Math.floor(entry.contentRect.width), height: HEIGHT });
    });
    resizing.observe(frame.current);
    return () => {
      resizing.disconnect();
      plot.current.destroy();
    };
  }, [shape]);
  useEffect(() => {
    plot.current.batch(() => {
      plot.current.setData(data, range === null);
      if (range !== null) plot.current.setScale("x", { min: range[0], max: range[1] });
    });
  }, [shape, data, range, marks]);

  return html`
    <figure class="chart" aria-label=${`${name}, a chart; its numbers stand below`}>
      <figcaption><h3>${name}</h3><${Legend} curves=${curves} at=${at} by=${by} /></figcaption>
      <div class="chart-frame" ref=${frame} aria-hidden="true"></div>
      <${Numbers} curves=${curves} name=${name} marks=${marks} />
    </figure>
  `;
}

/** @param {{curves: Curve[], at: number | null, by: string}} props */
function Legend({ curves, at, by }) {
  return html`
    <div class="legend">
      ${at !== null && html`<span class="quiet">${placeInWords(at, by)}</span>`}
      ${curves.map((curve, place) => html`
        <span key=${curve.label ?? curve.name} class=${`legend-entry series-${colourOf(curve, place)}`}>
          <i></i>${curve.label ?? (curves.length > 1 ? title(curve.name) : "")} <b>${measured(curve.name, valueAt(curve, at, by))}</b>
        </span>
      `)}
    </div>
  `;
}

/** @param {{curves: Curve[], name: string, marks: any[]}} props */
const Numbers = ({ curves, name, marks }) => html`
  <details class="numbers">
    <summary>Numbers</summary>
    <table>
      <caption class="unseen">${name}: last, least and greatest</caption>
      <thead><tr><th scope="col">Series</th><th scope="col">Last</th><th scope="col">Least</th><th scope="col">Greatest</th></tr></thead>
      <tbody>
        ${curves.map((curve) => {
          const { last, least, greatest } = summary(curve);
          return html`
            <tr key=${curve.label ?? curve.name}><th scope="row">${curve.label ?? title(curve.name)}</th>
              ${[last, least, greatest].map(({ step, value }) => html`<td>${measured(curve.name, value)} <span class="quiet">at ${step}</span></td>`)}
            </tr>
          `;
        })}
      </tbody>
    </table>
    ${marks.map(({ attempt, step }) => html`<p key=${attempt} class="quiet">Attempt ${attempt} went on behind step ${step}.</p>`)}
  </details>
`;

/**
 * One list of places for all curves, as uPlot wants it. What is not above 0 has no place on a scale of powers.
 * @returns {import("../vendor/uplot.js").default.AlignedData}
 */
function aligned(curves, by, smoothing, isLog) {
  const drawable = (values) => (isLog ? values.map((value) => (value > 0 ? value : null)) : values);
  const tables = curves.flatMap((curve) => {
    const places = placesOf(curve, by);
    const table = [places, drawable(smooth(curve.values, smoothing))];
    return smoothing > 0 ? [[places, drawable(curve.values)], table] : [table];
  });
  return tables.length ? uPlot.join(tables) : [[]];
}

/** @returns {import("../vendor/uplot.js").default.Options} */
function optionsOf({ curves, by, isLog, smoothing, sync, width, latest, setAt }) {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  const line = (curve, place) => {
    const stroke = colour(`--series-${colourOf(curve, place)}`);
    const solid = { stroke, width: 1.75, spanGaps: true, points: { show: curve.steps.length < 40 ? undefined : false, size: 5 } };
    return smoothing > 0 ? [{ ...solid, width: 1, stroke: `${stroke}55`, points: { show: false } }, solid] : [solid];
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: sync }, drag: { x: true, y: false, setScale: false }, focus: { prox: 24 }, y: false },
    scales: { x: { time: by === "time" }, y: isLog ? { distr: 3 } : { range: heights } },
    padding: [8, 12, 0, 0],
    axes: [
      { ...axis, size: 30, ...(by === "time" ? {} : { values: (_, places) => places.map((place) => tick(place, by)) }) },
      { ...axis, size: 56, values: (_, values) => values.map((value) => (value === null ? "" : measured(curves[0].name, value))) },
    ],
    series: [{}, ...curves.flatMap(line)],
    hooks: {
      draw: [(plot) => drawMarks(plot, latest.current, colour("--mark"))],
      setCursor: [(plot) => setAt(plot.cursor.idx === null || plot.cursor.idx === undefined ? null : (plot.data[0][plot.cursor.idx] ?? null))],
      setSelect: [(plot) => select(plot, latest.current.zoom)],
    },
    plugins: [{ hooks: { ready: (plot) => plot.over.addEventListener("dblclick", () => latest.current.zoom(null)) } }],
  };
}

/** What is drawn between: a flat line has room around it. @returns {[number, number]} */
function heights(_, least, greatest) {
  if (least === null) return [0, 1];
  if (least !== greatest) return uPlot.rangeNum(least, greatest, 0.1, true);
  return least === 0 ? [0, 1] : [least - Math.abs(least) / 10, least + Math.abs(least) / 10];
}

function select(plot, zoom) {
  const { left, width } = plot.select;
  if (width < 4) return;
  zoom([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
  plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
}

/** A broken line where an attempt went on. */
function drawMarks(plot, { marks, by }, stroke) {
  const { ctx, bbox } = plot;
  ctx.save();
  Object.assign(ctx, { strokeStyle: stroke, fillStyle: stroke, lineWidth: devicePixelRatio, textAlign: "left", font: `${10 * devicePixelRatio}px system-ui` });
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const mark of marks) {
    const left = plot.valToPos(by === "step" ? mark.step : mark.time, "x", true);
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(`attempt ${mark.attempt}`, left + 4 * devicePixelRatio, bbox.top + 10 * devicePixelRatio);
  }
  ctx.restore();
}

/** Of the point at or before a place; of the last one where there is no place. */
function valueAt(curve, at, by) {
  const places = placesOf(curve, by);
  if (at === null) return curve.values.at(-1);
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low ? curve.values[low - 1] : null;
}

const placesOf = (curve, by) => (by === "step" ? curve.steps : curve.times);

function placeInWords(place, by) {
  if (by === "step") return `step ${place.toLocaleString("en")}`;
  return by === "time" ? clock(place * 1000) : duration(place);
}

function tick(place, by) {
  if (by === "elapsed") return duration(place).replace(/ 0 \w+$/, "");
  return Number.isInteger(place) ? place.toLocaleString("en") : "";
}

const colourOf = (curve, place) => ((curve.colour ?? place) % NUM_COLOURS) + 1;
