// The part of the page that only the cloud serves: people, events, changes of devices, files.

import { get, Problem, send } from "./api.js";
import { $, element, say } from "./dom.js";
import { devicePanel } from "./device.js";
import { listen } from "./events.js";
import { showConnection } from "./fleet.js";
import { importPanel } from "./import.js";

const RETRY_MS = 5000;

/**
 * Starts this part. `page` provides: `devices()` that are listed, `reload()` to ask for the list again, `update(device)` with a device that has sent something,
 * `connectionChanged(isConnected)`. Returns `show(device)`, to be called with the chosen device.
 */
export function start(page) {
  let person = null;
  document.head.append(element("link", { rel: "stylesheet", href: "cloud.css" }));
  const device = devicePanel(page.reload);
  const file = importPanel(() => person, page.devices, page.reload);
  document.querySelector("main").append(device.node, file.node);

  const chooser = element("input", { type: "file", id: "import-file", accept: ".csv,.txt,.tsv,text/csv,text/plain" });
  chooser.hidden = true;
  chooser.addEventListener("change", () => { if (chooser.files[0]) open(chooser.files[0]); chooser.value = ""; });
  const button = element("button", { type: "button", id: "import-choose" }, "Import a file");
  button.addEventListener("click", () => chooser.click());
  $("served").before(element("p", { class: "foot", id: "import-offer" }, button, " or drop a logger’s file anywhere on this page. Its forecast is shown before anything is stored.", chooser));
  function open(chosen) {
    file.open(chosen).catch((error) => { console.error(error); showConnection("failing", error.message); });
  }
  // Without these handlers, the browser would open a dropped file in place of the page.
  for (const name of ["dragenter", "dragover"]) {
    addEventListener(name, (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    });
  }
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const [chosen] = event.dataTransfer.files;
    if (chosen) open(chosen);
  });

  $("sign-out").addEventListener("click", async () => {
    try {
      await send("DELETE", "v1/session");
      location.replace("sign-in.html");
    } catch (error) {
      showConnection("failing", `not signed out: ${error.message}`);
    }
  });
  async function begin() {
    try {
      person = await get("v1/session");
    } catch (error) {
      ignore(error);
      setTimeout(begin, RETRY_MS);
      return;
    }
    say($("person"), person.may_sign_out ? person.name : "");
    $("audit").hidden = person.role !== "admin";
    $("sign-out").hidden = !person.may_sign_out;
    listen({ device: page.update, fleet: page.reload, models: () => file.follow().catch(ignore), connectionChanged: page.connectionChanged });
    page.reload();
  }
  begin();
  return (chosen) => device.show(person?.role === "admin" ? chosen ?? null : null);
}

/** The list of devices tells people about a server that does not answer. */
function ignore(error) {
  if (!(error instanceof Problem)) throw error;
}
