// Requests, and when to make them.

const TIMEOUT_MS = 5000, UPLOAD_TIMEOUT_MS = 60000;

/** What the server refused, in its words where it has any (RFC 9457); status 0 where it did not answer. */
export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail || title || `HTTP ${status}`);
    this.status = status;
  }
}

/** The JSON at `path`, which is relative to the page: it may be served below a prefix. Throws `Problem`, or an `AbortError` when `signal` said so. */
export function get(path, signal) {
  return answered(path, { cache: "no-cache" }, signal);
}

/** Changes something. The answer's JSON; null if the answer has no body. */
export function send(method, path, body) {
  const content = body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return answered(path, { method, ...content });
}

/** Sends a file's text. Returns the JSON of the answer. */
export function upload(path, text) {
  return answered(path, { method: "POST", headers: { "Content-Type": "text/csv; charset=utf-8" }, body: text }, undefined, UPLOAD_TIMEOUT_MS);
}

async function answered(path, options, signal, milliseconds = TIMEOUT_MS) {
  const timeout = AbortSignal.timeout(milliseconds);
  try {
    const answer = await fetch(path, { ...options, signal: signal ? AbortSignal.any([timeout, signal]) : timeout });
    if (answer.status === 204) return null;
    if (answer.ok) return await answer.json();
    const { title, detail } = await answer.json().catch(() => ({}));
    throw new Problem(answer.status, title, detail);
  } catch (error) {
    throw error instanceof Problem || signal?.aborted ? error : new Problem(0, "no answer");
  }
}

/** Shows the page for signing in if this is why the server has refused; it leads back to what is shown now. */
export function signInAgain(error) {
  if (error.status !== 401) return false;
  location.replace(`sign-in.html#${new URLSearchParams({ back: location.hash })}`);
  return true;
}

/**
 * Does `work` now and again `pause` ms after it ended, so that a slow server never has two rounds to answer.
 * Rests while the tab is hidden. Returns a function that asks for a round at once.
 */
export function repeat(pause, work) {
  let timer, running = false, again = false;
  async function round() {
    clearTimeout(timer);
    if (running) { again = true; return; }
    if (document.hidden) return;
    running = true;
    do {
      again = false;
      await work();
    } while (again);
    running = false;
    timer = setTimeout(round, pause);
  }
  document.addEventListener("visibilitychange", round);
  round();
  return round;
}
