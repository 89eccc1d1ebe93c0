// The panel with which an admin changes the chosen device.

import { get, send } from "./api.js";
import { element, say } from "./dom.js";
import { address } from "./fleet.js";
import { field, fill, form } from "./forms.js";
import { dated, instant } from "./words.js";

const NAME = { required: "", pattern: "[a-z0-9][a-z0-9._\\-]{0,63}", maxlength: 64, title: "a-z, 0-9, '.', '_' and '-'", spellcheck: "false" };

/** Builds the panel. `show(device)` chooses the device; null hides the panel. The panel calls `changed` after each change. */
export function devicePanel(changed) {
  let device = null;
  const path = () => `v1/devices/${encodeURIComponent(device.id)}`;
  async function change(method, suffix, body, text) {
    await send(method, path() + suffix, body);
    changed();
    return text;
  }

  const rename = form("Rename", [field("Name", "name", NAME)], "Rename", async ({ name }) => {
    const [, sensor] = location.hash.slice(1).split("/");
    const before = device.id;
    await change("POST", "/rename", { name });
    location.hash = address(name, decodeURIComponent(sensor ?? ""));
    return `${before} is now ${name}. It may go on sending under its former name.`;
  });
  const move = form("Place", [field("Place", "place", { maxlength: 128 })], "Move",
    ({ place }) => change("PUT", "/place", { place: place.trim() }, "The place is saved."));
  const tag = form("Tags", [field("Tags", "tags", { maxlength: 1300, spellcheck: "false", title: "separated by blanks" })], "Save tags",
    ({ tags }) => change("PUT", "/tags", { tags: tags.split(/\s+/).filter(Boolean) }, "The tags are saved."));
  const code = form("Enrolment code", [], "Make an enrolment code", async () => {
    const made = await send("POST", `${path()}/code`, {});
    return `${made.code}, until ${dated(instant(made.expires_at))}. On the device: vaho-edge enrol ${new URL(".", location.href)} ${made.code}`;
  });
  const area = element("textarea", { name: "lines", rows: 5, spellcheck: "false", placeholder: "VAHO_SAMPLE_PERIOD_SECONDS=60" });
  const settings = form("Settings", [element("label", {}, "Settings from the cloud ", area)], "Save settings", async ({ lines }) => {
    const pairs = lines.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
    });
    await change("PUT", "/settings", { settings: Object.fromEntries(pairs) });
    return await showSettings();
  });
  let settingsOf = null; // the device whose settings are in the form
  async function showSettings() {
    const asked = device.id;
    settings.querySelector("button").disabled = settingsOf !== asked; // saving replaces all settings, so the present ones must be loaded first
    const { settings: values, state, problem } = await get(`${path()}/settings`);
    if (asked !== device.id) return "";
    const isNew = settingsOf !== asked;
    settingsOf = asked;
    settings.querySelector("button").disabled = false;
    if (isNew || area !== document.activeElement) area.value = Object.entries(values).map(([name, value]) => `${name}=${value}`).join("\n");
    const words = { none: "", waiting: "The device fetches the settings after its next batch.", applied: "The device has applied the settings.", refused: `The device has refused the settings: ${problem}`,
      unsupported: "This device takes no settings from the cloud." }[state];
    const outcome = settings.querySelector(".outcome");
    outcome.classList.toggle("failed", state === "refused");
    say(outcome, words);
    return words;
  }
  const revoke = form("Revoke", [], "Revoke the device", () => change("POST", "/revoke", {}, "The device is refused from now on. A new enrolment code admits it again."));
  const remove = form("Delete", [field("The device's name", "confirm", { required: "", spellcheck: "false" })], "Delete with all data", async ({ confirm }) => {
    await send("DELETE", `${path()}?${new URLSearchParams({ confirm })}`);
    remove.reset();
    location.hash = "";
    changed();
  });
  const node = element("details", { class: "panel", id: "device-changes" }, element("summary", {}, "Change this device"), rename, move, tag, settings, code, revoke, remove);
  node.addEventListener("toggle", () => { if (node.open && device) tryShowingSettings(); });
  function tryShowingSettings() {
    showSettings().catch((error) => {
      const outcome = settings.querySelector(".outcome");
      outcome.classList.add("failed");
      say(outcome, `The settings are not known: ${error.message}`);
    });
  }
  node.hidden = true;
  return {
    node,
    show(chosen) {
      node.hidden = !chosen;
      if (!chosen) return;
      if (device && device.id !== chosen.id) {
        for (const outcome of node.querySelectorAll(".outcome")) outcome.hidden = outcome.closest("form") !== rename;
        for (const input of node.querySelectorAll("input")) delete input.dataset.filled; // removes text that was typed for another device
        [area.value, settingsOf] = ["", null];
      }
      device = chosen;
      fill(rename, "name", device.id);
      fill(move, "place", device.place ?? "");
      fill(tag, "tags", device.tags.join(" "));
      revoke.hidden = device.revoked;
      if (node.open && (settingsOf !== device.id || settings.querySelector(".outcome").textContent.includes("next batch"))) tryShowingSettings();
    },
  };
}
