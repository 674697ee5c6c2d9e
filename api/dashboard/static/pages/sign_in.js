/** Signing in with a key of the service. */
import { signIn } from "../api.js";
import { html, useState } from "../html.js";
import { Command } from "../parts/copy.js";
import { Trouble } from "../parts/notes.js";
import { Connection } from "../parts/shell.js";

export function SignInPage() {
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    await signIn(event.target.elements.key.value.trim()).catch(setError);
    setBusy(false);
  };
  return html`
    <${Connection} />
    <main class="alone" id="main">
      <h1><img src="dashboard/icon.svg" alt="" width="32" height="32" /> Tuneyard</h1>
      <form class="card sign-in" onSubmit=${submit}>
        <label for="key">Key of this service</label>
        <input id="key" name="key" type="password" required autofocus autocomplete="current-password" spellcheck="false" placeholder="ty_…" />
        ${error && html`<${Trouble} error=${error} />`}
        <button class="button primary" disabled=${isBusy}>Sign in</button>
      </form>
      <p class="quiet">Whoever runs the service makes keys with this command. The browser keeps yours where no script can read it.</p>
      <${Command} text="tuneyard admin keys create NAME" />
    </main>
  `;
}
