/** Light or dark: as the system has it, unless the reader has chosen. */
import { signal } from "./vendor/signals.js";

const KEPT = "tuneyard-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export const isDark = signal(chosen() === null ? system.matches : chosen() === "dark");

system.addEventListener("change", () => chosen() === null && (isDark.value = system.matches));
isDark.subscribe((dark) => (document.documentElement.dataset.theme = dark ? "dark" : "light"));

export function switchTheme() {
  isDark.value = !isDark.value;
  localStorage.setItem(KEPT, isDark.value ? "dark" : "light");
}

function chosen() {
  return localStorage.getItem(KEPT);
}
