/** Trying a model: a chat with it, an image dropped in, and what another model says beside it. */
import { announce } from "../announcing.js";
import { ask, messagesFor } from "../chat.js";
import { modelInWords } from "../format.js";
import { html, useEffect, useId, useRef, useState } from "../html.js";
import { useCheckpoints, useModels } from "../parts/model_choice.js";
import { Empty, Skeleton, Trouble } from "../parts/notes.js";
import { Drop } from "../parts/upload.js";
import { href, route } from "../router.js";

const PRESET = { max_completion_tokens: 128, temperature: 0 };
const NO_ANSWER = { text: "", isAsked: true, error: null };

export function TryPage() {
  const { query } = route.value;
  const models = useModels();
  const checkpoints = useCheckpoints(query.get("job"));
  useEffect(() => {
    document.title = "Try a model – Tuneyard";
  }, []);
  const wanted = models && checkpoints && (checkpoints[query.get("step")] ?? models.byJob[query.get("job")]);
  const ids = models && checkpoints && [...models.ids, ...Object.values(checkpoints)];
  return html`
    <div class="page-head"><h1>Try a model</h1></div>
    ${!ids && html`<${Skeleton} label="Loading models" />`}
    ${ids?.length === 0 && html`<${Empty} title="No model yet"><p>Models that jobs have trained can be tried here. <a href=${href(["submit"])}>Train one</a>.</p></${Empty}>`}
    ${ids?.length > 0 && html`<${Chat} key=${query.toString()} ids=${ids} first=${wanted ?? newest(ids)} />`}
  `;
}

/** Trained models are told newest first. */
const newest = (ids) => ids.find((id) => id.startsWith("ft:")) ?? ids[0];

function Chat({ ids, first }) {
  const [model, setModel] = useState(first);
  const [beside, setBeside] = useState("");
  const [settings, setSettings] = useState(PRESET);
  const [turns, setTurns] = useState(/** @type {any[]} */ ([]));
  const running = useRef(/** @type {AbortController | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  useEffect(() => () => running.current?.abort(), []);
  const models = [...new Set([model, beside].filter(Boolean))];

  /** Change the last turn's answer of one model. */
  const answer = (name, change) => {
    setTurns((before) => before.map((turn, at) => (at < before.length - 1 ? turn : { ...turn, answers: { ...turn.answers, [name]: change(turn.answers[name]) } })));
  };
  /** One after the other: a worker answers one chat at a time. */
  const askAll = async (asked) => {
    const abort = new AbortController();
    running.current = abort;
    setBusy(true);
    for (const name of models) {
      answer(name, () => NO_ANSWER);
      const error = await ask({ ...settings, model: name, messages: messagesFor(asked, name) }, abort.signal, (text) => {
        answer(name, (before) => ({ ...before, text: before.text + text }));
      }).then(() => null, (refused) => refused);
      answer(name, (before) => ({ ...before, isAsked: false, isStopped: abort.signal.aborted, error: abort.signal.aborted ? null : error }));
      if (abort.signal.aborted) break;
    }
    setBusy(false);
    if (!abort.signal.aborted) announce("Answered");
  };
  const say = (turn) => {
    const next = [...turns, { ...turn, answers: {} }];
    setTurns(next);
    askAll(next);
  };
  const askAgain = () => askAll([...turns.slice(0, -1), { ...turns.at(-1), answers: {} }]);
  return html`
    <div class="try">
      <div class="card try-settings">
        <${ModelField} label="Model" ids=${ids} value=${model} choose=${setModel} />
        <${ModelField} label="Beside it" ids=${["", ...ids.filter((id) => id !== model)]} value=${beside} choose=${setBeside} />
        <${NumberField} label="Most tokens" min="1" max="4096" step="1" value=${settings.max_completion_tokens} set=${(value) => setSettings({ ...settings, max_completion_tokens: value })} />
        <${NumberField} label="Temperature" min="0" max="2" step="0.1" value=${settings.temperature} set=${(value) => setSettings({ ...settings, temperature: value })} />
        <button type="button" class="button" disabled=${isBusy || !turns.length} onClick=${() => setTurns([])}>New chat</button>
        <p class="quiet">The first answer waits until the model is loaded. Jobs go first: where they have every slot, there is none for a chat.</p>
      </div>
      <div class="try-chat">
        ${turns.length > 0 && html`<ol class="turns">${turns.map((turn, at) => html`<${Turn} key=${at} turn=${turn} again=${at === turns.length - 1 && !isBusy ? askAgain : null} />`)}</ol>`}
        <${Question} say=${say} isBusy=${isBusy} stop=${() => running.current?.abort()} />
      </div>
    </div>
  `;
}

function ModelField({ label, ids, value, choose }) {
  const id = useId();
  return html`
    <div class="try-field"><label for=${id}>${label}</label>
      <select id=${id} value=${value} onChange=${(event) => choose(event.target.value)}>${ids.map((one) => html`<option key=${one} value=${one} selected=${one === value} title=${one}>${one ? modelInWords(one) : "nothing"}</option>`)}</select>
    </div>
  `;
}

function NumberField({ label, value, set, ...range }) {
  const id = useId();
  return html`
    <div class="try-field"><label for=${id}>${label}</label>
      <input type="number" id=${id} ...${range} value=${value} onChange=${(event) => event.target.value !== "" && set(Number(event.target.value))} />
    </div>
  `;
}

function Turn({ turn, again }) {
  return html`
    <li class="turn">
      <div class="card message message-user">
        <b class="message-role">You</b>
        ${turn.images.map((url, at) => html`<img class="message-image" key=${at} src=${url} alt=${`Image ${at + 1} of the question`} />`)}
        <p class="message-text">${turn.text}</p>
      </div>
      <div class="answers">
        ${Object.entries(turn.answers).map(([name, { text, isAsked, isStopped, error }]) => html`
          <div class="card message message-assistant" key=${name}>
            <b class="message-role" title=${name}>${modelInWords(name)}</b>
            <p class="message-text">${text}${!text && !isAsked && !isStopped && !error && html`<span class="quiet">(nothing)</span>`}${isAsked && html`<span class="quiet">${text ? " …" : "waits for the model …"}</span>`}</p>
            ${isStopped && html`<p class="quiet">Stopped.</p>`}
            ${error && html`<${Trouble} error=${error} />`}
          </div>
        `)}
      </div>
      ${again && Object.values(turn.answers).some(({ error }) => error) && html`<button type="button" class="button" onClick=${again}>Ask again</button>`}
    </li>
  `;
}

function Question({ say, isBusy, stop }) {
  const [text, setText] = useState("");
  const [images, setImages] = useState(/** @type {string[]} */ ([]));
  const take = async (files) => setImages([...images, ...(await Promise.all(files.filter(({ type }) => type.startsWith("image/")).map(asUrl)))]);
  const send = (event) => {
    event.preventDefault();
    if (isBusy || (!text.trim() && !images.length)) return;
    say({ text: text.trim(), images });
    setText("");
    setImages([]);
  };
  const onEnter = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  };
  return html`
    <form class="card question" onSubmit=${send}>
      ${images.length > 0 && html`
        <ul class="question-images">
          ${images.map((url, at) => html`
            <li key=${at}><img src=${url} alt=${`Image ${at + 1}`} />
              <button type="button" class="button small" onClick=${() => setImages(images.filter((_, other) => other !== at))}>Leave out<span class="unseen"> image ${at + 1}</span></button></li>
          `)}
        </ul>
      `}
      <label for="question">Question</label>
      <textarea id="question" rows="3" value=${text} onInput=${(event) => setText(event.target.value)} onKeyDown=${onEnter}></textarea>
      <${Drop} take=${take} accept="image/png,image/jpeg,image/webp" words="Drop an image here, or choose one" />
      <div class="buttons end">
        ${isBusy
          ? html`<button type="button" class="button" onClick=${stop}>Stop</button>`
          : html`<button type="submit" class="button primary" disabled=${!text.trim() && !images.length}>Ask</button>`}
      </div>
    </form>
  `;
}

/** @param {File} file */
function asUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}
