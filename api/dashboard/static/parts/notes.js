/** What a page shows when it has nothing to show: not yet, not at all, or not any more. */
import { html } from "../html.js";
import { Icon } from "./icons.js";

/** @param {{rows?: number, label?: string}} props */
export const Skeleton = ({ rows = 4, label = "Loading" }) => html`
  <div class="skeleton" role="status" aria-label=${label}>
    ${Array.from({ length: rows }, (_, at) => html`<div key=${at}></div>`)}
  </div>
`;

/** @param {{title: string, children?: any}} props */
export const Empty = ({ title, children }) => html`<div class="empty"><h2>${title}</h2>${children}</div>`;

/** @param {{error: Error}} props */
export const Trouble = ({ error }) => html`
  <div class="callout bad" role="alert"><${Icon} name="warning" /><p>${error.message}</p></div>
`;
