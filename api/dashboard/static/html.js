/** Tagged templates that become Preact's elements, and what components are made with. */
import htm from "./vendor/htm.js";
import { h } from "./vendor/preact.js";

export const html = htm.bind(h);
export { render } from "./vendor/preact.js";
export { useEffect, useId, useMemo, useRef, useState } from "./vendor/preact-hooks.js";
export { useSignal } from "./vendor/signals.js";
