// Changes of the fleet while they happen.

const SILENT_MS = 35000; // without a change, the server sends an event about every 15 s
const REOPEN_MS = 10000;

/**
 * Listens to the server's events, for as long as the page is open. `on` has a function for each event: `device(document)`, `fleet()`, `models()`; and
 * `connectionChanged(isConnected)`.
 */
export function listen(on) {
  let source, silence;
  function watchSilence() {
    clearTimeout(silence);
    silence = setTimeout(() => { on.connectionChanged(false); open(); }, SILENT_MS);
  }
  function heard() {
    watchSilence();
    on.connectionChanged(true);
  }
  function open() {
    source?.close();
    watchSilence();
    source = new EventSource("v1/events");
    const hear = (name, act) => source.addEventListener(name, (event) => { heard(); act(event); });
    hear("device", (event) => on.device(JSON.parse(event.data)));
    hear("fleet", () => on.fleet());
    hear("models", () => on.models());
    hear("reset", () => on.fleet()); // also the first event of a new connection
    hear("alive", () => {});
    source.addEventListener("error", () => {
      on.connectionChanged(false);
      // The browser connects again by itself, unless the server has refused.
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(silence);
        silence = setTimeout(open, REOPEN_MS);
      }
    });
  }
  open();
}
