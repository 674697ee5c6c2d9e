/** What the trainer wrote, as it writes it. It follows as long as one is at its end. */
import { clock } from "../format.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { ENDED } from "../job_state.js";
import { Empty, Skeleton } from "./notes.js";

/** @param {{state: import("../job_state.js").JobState}} props */
export function LogsPanel({ state }) {
  const lines = state.lines.value;
  const box = useRef(null);
  const [follows, setFollows] = useState(true);
  const [wanted, setWanted] = useState("");
  useEffect(() => {
    if (follows && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follows, wanted]);
  if (!lines) return html`<${Skeleton} rows=${6} label="Loading the log" />`;
  if (!lines.length) return html`<${NoLines} hasEnded=${ENDED.has(state.job.value?.status)} />`;
  const shown = wanted ? lines.filter(({ line }) => line.toLowerCase().includes(wanted.toLowerCase())) : lines;
  const isAtEnd = () => box.current.scrollHeight - box.current.scrollTop - box.current.clientHeight < 24;
  const readEarlier = () => {
    setFollows(false);
    state.tell(() => state.readLinesBefore());
  };
  return html`
    <div class="toolbar">
      <label class="search"><span class="unseen">Find in the log</span>
        <input type="search" data-search placeholder="Find in the log" value=${wanted} onInput=${(event) => setWanted(event.target.value)} />
      </label>
      <span class="quiet">${shown.length.toLocaleString("en")} ${shown.length === 1 ? "line" : "lines"}</span>
      <label class="check"><input type="checkbox" checked=${follows} onChange=${(event) => setFollows(event.target.checked)} /> Follow</label>
      ${state.hasEarlierLines.value && html`<button type="button" class="button small" onClick=${readEarlier}>Earlier lines</button>`}
    </div>
    <div class="log" ref=${box} role="log" aria-label="Log" tabindex="0" onScroll=${() => setFollows(isAtEnd())}>
      ${shown.map(({ id, created_at, attempt, line }) => html`
        <div key=${id}><time datetime=${created_at} title=${`attempt ${attempt}`}>${clock(created_at)}</time><span>${line}</span></div>
      `)}
    </div>
  `;
}

const NoLines = ({ hasEnded }) => html`
  <${Empty} title=${hasEnded ? "No lines" : "No lines yet"}>
    <p>${hasEnded ? "The trainer wrote nothing to its log." : "What the trainer writes to its log appears here."}</p>
  </${Empty}>
`;
