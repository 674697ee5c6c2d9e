/** Names with their values: what one wants to know at first sight. */
import { html } from "../html.js";

/** @param {{facts: [string, any][]}} props */
export const Facts = ({ facts }) => html`
  <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
`;
