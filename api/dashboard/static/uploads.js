/** Files on their way to the service, with how much of them has arrived. */
import { Refused, Unreachable } from "./api.js";

/**
 * `fetch` does not tell how much it has sent; this older request does.
 * @param {string} path  @param {File} file  @param {(part: number) => void} sent  From 0 to 1.
 * @returns {{answer: Promise<any>, stop: () => void}}
 */
export function upload(path, file, sent) {
  const request = new XMLHttpRequest();
  const answer = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", ({ loaded, total }) => sent(total ? loaded / total : 0));
    request.addEventListener("load", () => {
      const body = parsed(request.responseText);
      if (request.status < 400) resolve(body);
      else reject(new Refused(request.status, body));
    });
    request.addEventListener("error", () => reject(new Unreachable()));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
  });
  request.open("POST", path);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.send(file);
  return { answer, stop: () => request.abort() };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
