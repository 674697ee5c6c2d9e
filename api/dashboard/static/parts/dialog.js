/** Dialogs: the browser's own, which keeps the focus inside and closes by Escape. */
import { html, useEffect, useRef } from "../html.js";

/** @param {{title: string, close: () => void, children?: any}} props */
export function Dialog({ title, close, children }) {
  const element = useRef(null);
  useEffect(() => element.current.showModal(), []);
  const closeOutside = (event) => event.target === element.current && close();
  return html`
    <dialog ref=${element} aria-labelledby="dialog-title" onClose=${close} onClick=${closeOutside}>
      <h2 id="dialog-title">${title}</h2>
      ${children}
    </dialog>
  `;
}

/** A question before something is lost. @param {{title: string, verb: string, act: () => void, close: () => void, children?: any}} props */
export const Confirm = ({ title, verb, act, close, children }) => html`
  <${Dialog} title=${title} close=${close}>
    ${children}
    <div class="buttons end">
      <button type="button" class="button" autofocus onClick=${close}>Keep it</button>
      <button type="button" class="button danger" onClick=${act}>${verb}</button>
    </div>
  </${Dialog}>
`;
