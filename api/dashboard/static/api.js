/** The service over HTTP. Addresses are relative to the page, so that it works below any path. */
import { signal } from "./vendor/signals.js";

/**
 * Who one is: undefined until asked, null where a key is wanted, else what `GET /session` tells.
 * @type {import("./vendor/signals.js").Signal<undefined | null | {scope: string, requires_keys: boolean, project_name: string, key_name: string | null}>}
 */
export const session = signal(undefined);

/** Whether the service cannot be reached just now. */
export const isLost = signal(false);

/** The service said no. `message` is for people: what is wrong, and what to do. */
export class Refused extends Error {
  /** @param {number} status  @param {{detail?: string, title?: string, code?: string, errors?: any[]}} problem */
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code;
    /** Places of what is wrong. */
    this.errors = problem.errors ?? [];
  }
}

/** The service did not answer. */
export class Unreachable extends Error {
  constructor() {
    super("The service does not answer. The page tries again by itself.");
  }
}

/** An address that the service has told, relative to the page as all of its own are. @param {string} url */
export const here = (url) => url.replace(/^\/(?!\/)/, "");

/** @param {string} path  @param {AbortSignal} [abort] */
export const read = (path, abort) => ask(path, { signal: abort });

/** @param {string} method  @param {string} path  @param {unknown} [body]  @param {{headers?: Record<string, string>, signal?: AbortSignal}} [request] */
export function send(method, path, body, request = {}) {
  if (body === undefined) return ask(path, { ...request, method });
  const headers = { ...request.headers, "Content-Type": "application/json" };
  return ask(path, { ...request, method, headers, body: JSON.stringify(body) });
}

/** @param {string} path  @param {RequestInit} request */
async function ask(path, request) {
  const response = await fetch(path, { cache: "no-cache", ...request }).catch((error) => {
    if (error.name === "AbortError") throw error;
    isLost.value = true;
    throw new Unreachable();
  });
  if (response.status >= 502 && response.status <= 504) {
    isLost.value = true;
    throw new Unreachable();
  }
  isLost.value = false;
  if (response.ok) return response.status === 204 ? null : response.json();
  if (response.status === 401) session.value = null;
  throw new Refused(response.status, await response.json().catch(() => ({})));
}

/** Find out who one is. */
export async function lookAtSession() {
  try {
    session.value = await read("session");
  } catch (error) {
    if (error instanceof Unreachable) setTimeout(lookAtSession, 2000);
    else if (!(error instanceof Refused && error.status === 401)) throw error;
  }
}

/** @param {string} key */
export async function signIn(key) {
  await send("POST", "session", { key });
  await lookAtSession();
}

export async function signOut() {
  await send("DELETE", "session");
  session.value = null;
}
