/** The dashboard: composition root. */
import { lookAtSession, session, signIn } from "./api.js";
import { html, render } from "./html.js";
import { ComparePage } from "./pages/compare.js";
import { DatasetPage } from "./pages/dataset.js";
import { DatasetsPage } from "./pages/datasets.js";
import { JobPage } from "./pages/job.js";
import { JobsPage } from "./pages/jobs.js";
import { NotFoundPage } from "./pages/not_found.js";
import { SignInPage } from "./pages/sign_in.js";
import { SubmitPage } from "./pages/submit.js";
import { TryPage } from "./pages/try.js";
import { WorkersPage } from "./pages/workers.js";
import { Skeleton } from "./parts/notes.js";
import { Shell } from "./parts/shell.js";
import { href, replace, route } from "./router.js";
import "./theme.js";

/** By the first word of the address. */
const PAGES = {
  jobs: ({ path }) => (path[1] ? html`<${JobPage} key=${path[1]} id=${path[1]} tab=${path[2] ?? "curves"} />` : html`<${JobsPage} />`),
  compare: () => html`<${ComparePage} />`,
  submit: () => html`<${SubmitPage} key=${route.value.query.toString()} />`,
  datasets: ({ path }) => (path[1] ? html`<${DatasetPage} key=${path[1]} id=${path[1]} />` : html`<${DatasetsPage} />`),
  try: () => html`<${TryPage} />`,
  workers: () => html`<${WorkersPage} />`,
};
const KEY = /^#key=(.+)$/;
/** What stands in the head line. */
const PLACES = [
  { name: "jobs", title: "Jobs" },
  { name: "datasets", title: "Datasets" },
  { name: "try", title: "Try" },
  { name: "workers", title: "Workers" },
];

function App() {
  const { path } = route.value;
  if (session.value === undefined) return html`<main class="alone"><${Skeleton} label="Looking who you are" /></main>`;
  if (session.value === null) return html`<${SignInPage} />`;
  const page = PAGES[path[0]];
  return html`<${Shell} places=${PLACES} here=${path[0]}>${page ? page({ path }) : html`<${NotFoundPage} />`}</${Shell}>`;
}

/** `#key=…` signs in; the key leaves the address before anything else is done with it. */
async function begin() {
  const key = KEY.exec(location.hash)?.[1];
  if (key || !location.hash) replace(href(["jobs"]));
  if (key) await signIn(decodeURIComponent(key)).catch(() => (session.value = null));
  else await lookAtSession();
}

render(html`<${App} />`, document.getElementById("app"));
begin();
addEventListener("hashchange", () => KEY.test(location.hash) && begin()); // a link that is opened where the page is open already
