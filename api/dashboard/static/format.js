/** Numbers, times and sizes in words. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** @param {number} bytes  Powers of 1000. */
export function size(bytes) {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  const value = bytes / 1000 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}

/** Two of the units that matter. @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** Four digits that count; very small and very large ones by powers of ten. @param {number | null | undefined} value */
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return String(value);
  const amount = Math.abs(value);
  if (value === 0) return "0";
  if (amount >= 1e6 || amount < 1e-3) return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return amount >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
}

/** A metric's value in the unit that its name tells. @param {string} name  @param {number | null | undefined} value */
export function measured(name, value) {
  if (value === null || value === undefined) return number(value);
  if (name.endsWith("_bytes")) return size(value);
  return name.endsWith("_hits") ? `${number(100 * value)}%` : number(value);
}

/** @param {number} count  @param {string} one  @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** @param {string} time  ISO  @param {number} now  Milliseconds */
export function ago(time, now) {
  const seconds = (now - Date.parse(time)) / 1000;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return day(time);
}

/** @param {string} time  ISO  @param {number} now  Milliseconds */
export function ahead(time, now) {
  const seconds = (Date.parse(time) - now) / 1000;
  return seconds < 5 ? "any moment" : `in ${duration(seconds)}`;
}

/** @param {string} time  ISO */
export const day = (time) => new Date(time).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });

/** @param {string | number} time  ISO, or milliseconds */
export const clock = (time) => new Date(time).toLocaleTimeString("en-GB");

/** @param {string} time  ISO */
export const moment = (time) => `${day(time)}, ${clock(time)}`;

/** @type {Record<string, string>} */
const SPELLED = { eval_loss: "Held-out loss", anls: "ANLS", token_f1: "Token F1", json_field_f1: "JSON field F1", grad_norm: "Gradient norm" };

/** `supervised_tokens_per_second` as a title; scores are all of held-out rows. @param {string} name */
export function title(name) {
  const short = name in SPELLED ? name : name.replace(/^eval_/, "");
  if (short in SPELLED) return SPELLED[short];
  const words = short.replaceAll("/", ": ").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A trained model's name, `ft:<base>:<project>:<suffix>:<job>`, perhaps with `:ckpt-step-<N>`, for who knows the job. @param {string} id */
export function modelInWords(id) {
  const found = /^ft:(.+):[^:]*:([^:]*):(\w+)(?::ckpt-step-(\d+))?$/.exec(id);
  if (!found) return id;
  const [, base, suffix, job, step] = found;
  return `${suffix || "a model"}${step ? `, step ${step}` : ""}, from ${base} (…${job.slice(-6)})`;
}
