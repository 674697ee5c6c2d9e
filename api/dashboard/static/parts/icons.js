/** Icons, drawn on 16 × 16 in the colour of the text around them. They say nothing to screen readers. */
import { html } from "../html.js";

const SHAPES = {
  validating: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.4 10.4 14 14",
  queued: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 3v3.2l2.2 1.4",
  running: "M5 3.2v9.6L13 8 5 3.2Z",
  paused: "M5.5 3v10M10.5 3v10",
  succeeded: "M2.8 8.6 6.4 12l6.8-7.6",
  failed: "M4 4l8 8M12 4l-8 8",
  cancelled: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM3.9 3.9l8.2 8.2",
  download: "M8 2v8M4.8 7 8 10.2 11.2 7M2.5 13.5h11",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3Z",
  away: "M6.5 3.5h-3v9h9v-3M9 3h4v4M13 3 7.5 8.5",
  stop: "M4 4h8v8H4z",
  retry: "M13 8a5 5 0 1 1-1.5-3.5M13 2v3h-3",
  warning: "M8 2 14.5 13.5h-13L8 2ZM8 6.5v3M8 11.6v.1",
  star: "M8 2l1.8 3.8 4.2.5-3.1 2.9.8 4.1L8 11.2l-3.7 2.1.8-4.1L2 6.3l4.2-.5L8 2Z",
  keyboard: "M1.5 4.5h13v8h-13zM4 7h.01M6.7 7h.01M9.3 7h.01M12 7h.01M5 10h6",
};

/** @param {{name: keyof typeof SHAPES}} props */
export const Icon = ({ name }) => html`
  <svg class=${`icon icon-${name}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${SHAPES[name]} /></svg>
`;
