/** An address that leads nowhere. */
import { html } from "../html.js";
import { Empty } from "../parts/notes.js";
import { href } from "../router.js";

export const NotFoundPage = () => html`
  <${Empty} title="There is no such page"><p><a href=${href(["jobs"])}>All jobs</a></p></${Empty}>
`;
