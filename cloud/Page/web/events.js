// Changes of the fleet while they happen.

const SILENT_MS = 35000; // the server sends something at least every 20 s
const REOPEN_MS = 10000;

/**
 * Listens to the server's events, for as long as the page is open. `on` has a function for each event: `device(document)`, `fleet()`, `models()`; and
 * `line(works)` for the state of the connection.
 */
export function listen(on) {
  let source, silence;
  function heard() {
    clearTimeout(silence);
    silence = setTimeout(() => { on.line(false); open(); }, SILENT_MS);
    on.line(true);
  }
  function open() {
    source?.close();
    source = new EventSource("v1/events");
    const hear = (name, act) => source.addEventListener(name, (event) => { heard(); act(event); });
    hear("device", (event) => on.device(JSON.parse(event.data)));
    hear("fleet", () => on.fleet());
    hear("models", () => on.models());
    hear("reset", () => on.fleet()); // also the first event of a new connection
    hear("alive", () => {});
    source.addEventListener("error", () => {
      on.line(false);
      // The browser connects again by itself, unless the server has refused.
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(silence);
        silence = setTimeout(open, REOPEN_MS);
      }
    });
  }
  open();
}
