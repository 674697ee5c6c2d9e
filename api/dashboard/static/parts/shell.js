/** What stands around each page: head line, connection, keys, words for screen readers. */
import { isLost, session, signOut } from "../api.js";
import { announced } from "../announcing.js";
import { html, useEffect, useState } from "../html.js";
import { useKeys } from "../keyboard.js";
import { href, route } from "../router.js";
import { isDark, switchTheme } from "../theme.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";

const KEYS = [
  ["/", "Search"],
  ["j", "Next in the list"],
  ["k", "Previous in the list"],
  ["Enter", "Open"],
  ["?", "These keys"],
];

/** @param {{places: {name: string, title: string}[], here: string, children?: any}} props */
export function Shell({ places, here, children }) {
  const [showsKeys, setShowsKeys] = useState(false);
  const focusSearch = (event) => {
    event.preventDefault();
    /** @type {HTMLElement | null} */ (document.querySelector("[data-search]"))?.focus();
  };
  useKeys({ "?": () => setShowsKeys(true), "/": focusSearch });
  useFocusOnNewPage();
  const skip = (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  };
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="head">
      <a class="brand" href=${href(["jobs"])}><img src="dashboard/icon.svg" alt="" width="22" height="22" /> Tuneyard</a>
      <nav aria-label="Main">
        ${places.map(({ name, title }) => html`<a key=${name} href=${href([name])} aria-current=${here === name ? "page" : null}>${title}</a>`)}
      </nav>
      <${Account} showKeys=${() => setShowsKeys(true)} />
    </header>
    <${Connection} />
    <main id="main" tabindex="-1">${children}</main>
    <div class="unseen" role="status" aria-live="polite">${announced.value}</div>
    ${showsKeys && html`<${Keys} close=${() => setShowsKeys(false)} />`}
  `;
}

function Account({ showKeys }) {
  const { project_name, key_name, requires_keys } = session.value;
  const other = isDark.value ? "light" : "dark";
  return html`
    <div class="account">
      <span class="quiet account-name" title=${key_name ? `Signed in by the key ${key_name}` : "This service asks for no keys"}>${project_name}</span>
      <button type="button" class="button ghost icon-only keys-button" aria-label="Keys" title="Keys (?)" onClick=${showKeys}><${Icon} name="keyboard" /></button>
      <button type="button" class="button ghost icon-only" aria-label=${`Switch to ${other} colours`} title=${`Switch to ${other} colours`}
        onClick=${switchTheme}><${Icon} name=${isDark.value ? "sun" : "moon"} /></button>
      ${requires_keys && html`<button type="button" class="button ghost" onClick=${signOut}>Sign out</button>`}
    </div>
  `;
}

/** A calm bar as long as the service does not answer. */
export const Connection = () => html`
  <div class="connection" role="status">
    ${isLost.value && html`<p><${Icon} name="warning" /> The connection is lost. What you see is the last that was heard; the page tries again by itself.</p>`}
  </div>
`;

const Keys = ({ close }) => html`
  <${Dialog} title="Keys" close=${close}>
    <dl class="keys">${KEYS.map(([key, words]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${words}</dd></div>`)}</dl>
    <div class="buttons end"><button type="button" class="button" autofocus onClick=${close}>Close</button></div>
  </${Dialog}>
`;

/** A new page is read from its beginning, by screen readers too. */
function useFocusOnNewPage() {
  const page = route.value.path.slice(0, 2).join("/");
  const [first] = useState(page);
  useEffect(() => {
    scrollTo(0, 0);
    if (page !== first) document.getElementById("main").focus({ preventScroll: true });
  }, [page]);
}
