// From a logger's file to a forecast: drop the file, check what was recognised, store it, train on it, use the release.

import { get, Problem, send, upload } from "./api.js";
import { available, FanChart } from "./chart.js";
import { element, pairs, rebuild, say } from "./dom.js";
import { field, form } from "./forms.js";
import { partsOf, textOf } from "./parts.js";
import { celsius, dated, instant, percent } from "./words.js";

const MOST_BYTES = 64 << 20;
const HEAD_BYTES = 200_000; // enough to recognise the layout

/** Builds the panel for one file, hidden at first. `open(file)` reads a file. `person()` returns the person who is signed in. */
export function importPanel(person, devices, changed) {
  let file, text, preview, choice, stored = null, run = null;
  const title = element("h2", { id: "import-title" }, "Import a file");
  const problem = element("p", { class: "note", role: "alert" });
  const layout = element("dl", { class: "list" });
  const rows = element("p", { id: "import-rows" });
  const host = element("div", { id: "import-chart" });
  const readout = element("p", {});
  const chart = new FanChart(host, () => {}, () => {});
  const close = element("button", { type: "button" }, "Close");
  const names = element("datalist", { id: "import-devices" });
  const zones = element("datalist", { id: "import-zones" }, ...Intl.supportedValuesOf("timeZone").map((zone) => element("option", { value: zone })));
  const zone = element("label", {}, "Time zone ", element("input", { name: "zone", list: "import-zones", autocomplete: "off" }));
  const dates = element("label", {}, "Dates ", element("select", { name: "dates" }, element("option", { value: "" }, "as recognised"),
    element("option", { value: "dmy" }, "day, month, year"), element("option", { value: "mdy" }, "month, day, year"),
    element("option", { value: "ymd" }, "year, month, day")));
  const reading = form("How to read the file", [zone, dates], "Read again", async (values) => {
    choice = values;
    await look();
  });
  const storing = form("Store the readings", [
    field("Device", "device", { required: "", list: "import-devices", pattern: "[a-z0-9][a-z0-9._\\-]{0,63}", maxlength: 64 }),
    field("Sensor", "sensor", { required: "", value: "air", pattern: "[a-z0-9][a-z0-9_\\-]{0,31}", maxlength: 32 }),
  ], "Store the readings", store);
  const training = form("Train", [], "Train on this", async () => {
    run = (await send("POST", "v1/runs", {})).id;
    return `Run ${run} has started.`;
  });
  const using = form("Use", [], "Use the release on the device", async () => {
    const { release } = await get(`v1/runs/${run}`);
    await send("PUT", `v1/devices/${encodeURIComponent(stored.device)}/pin`, { release, reason: `trained on ${file.name}` });
    return `${stored.device} gets release ${release} with its next batch.`;
  });
  const node = element("section", { class: "panel", id: "import", "aria-labelledby": "import-title" }, title, close, problem, layout, rows, reading, host,
    readout, storing, training, using, names, zones);
  const hide = () => { node.hidden = true; };
  close.addEventListener("click", hide);
  hide();

  const query = () => new URLSearchParams(Object.entries(choice).filter(([, value]) => value));

  /** Reads the part with the newest readings, from which the forecast is made. */
  async function look() {
    say(problem, "");
    try {
      const head = await upload(`v1/files/preview?${query()}`, text.length > HEAD_BYTES ? text.slice(0, text.lastIndexOf("\n", HEAD_BYTES) + 1) : text);
      const parts = partsOf(text, head.header_line);
      preview = text.length > HEAD_BYTES ? await upload(`v1/files/preview?${query()}`, (head.newest_first ? parts[0] : parts.at(-1)).text) : head;
      preview.parts = parts;
      show(head);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      clear();
      say(problem, error.message);
    }
  }

  /** Clears the results of the previous file. */
  function clear() {
    preview = null;
    for (const part of [layout, host, storing]) part.hidden = true;
    for (const part of [problem, rows, readout]) say(part, "");
  }

  function show(head) {
    const { questions } = preview;
    layout.hidden = rows.hidden = false;
    rebuild(layout, preview.layout, () => pairs(preview.layout.map(({ what, value }) => [what, value])));
    const first = head.first.map((row) => `line ${row.line}: ${dated(instant(row.time))}, ${percent(row.humidity_pct)}${row.temperature_c === null ? "" : `, ${celsius(row.temperature_c)}`}`);
    const left = [[preview.without_humidity, "rows have no humidity"], [preview.repeated, "rows have the time of an earlier row"],
      [preview.unreadable, "lines cannot be read"]].filter(([count]) => count > 0).map(([count, words]) => `${count} ${words}`);
    const size = preview.parts.length > 1 ? `The file is sent in ${preview.parts.length} parts; the part with the newest readings has` : "The file has";
    say(rows, [`${size} ${preview.readings} readings, the last one of ${dated(instant(preview.last))}.`, ...first, ...left,
      ...preview.problems.slice(0, 5).map(({ line, detail }) => `line ${line}: ${detail}`)].join("\n"));
    const questionsText = [questions.includes("zone") && "The file does not name its time zone: enter the time zone above the chart, then press “Read again”.",
      questions.includes("dates") && "The order of the dates is ambiguous: choose it above the chart, then press “Read again”."].filter(Boolean);
    say(problem, questionsText.join(" "));
    storing.hidden = person()?.role !== "admin" || questions.length > 0 || preview.readings === 0;
    const { observations, forecast } = preview;
    host.hidden = !available() || !forecast;
    say(readout, forecast ? `Forecast by the release that ships with the program, from ${dated(instant(forecast.origin))}. In 24 h: ${percent(median(forecast, 86400))}.`
      : "There are too few readings for a forecast.");
    if (host.hidden) return;
    const leads = forecast.time.map((time, i) => ({ t: instant(time), lead: forecast.lead_time_s[i], values: forecast.humidity_pct[i], temperature: NaN }));
    const origin = instant(forecast.origin);
    chart.show({ times: observations.time.map(instant), humidity: observations.humidity_pct.map((value) => value ?? NaN) },
      { origin, issuedAt: origin, levels: forecast.levels, leads, skill: { state: "unknown" }, skillEnd: NaN }, []);
  }

  const median = (forecast, lead) => forecast.humidity_pct[forecast.lead_time_s.indexOf(lead)]?.[forecast.levels.indexOf(0.5)] ?? NaN;

  async function store({ device, sensor }) {
    if (!devices().some(({ id }) => id === device)) {
      try {
        await get(`v1/devices/${encodeURIComponent(device)}`);
      } catch (error) {
        if (error.status !== 404) throw error;
        await send("POST", "v1/enrolments", { devices: [{ name: device }] });
      }
    }
    const sums = { stored: 0, stored_before: 0, conflicts: 0, refused: 0 };
    const options = query();
    for (const [name, value] of [["sensor", sensor], ["name", file.name.slice(0, 120)]]) options.set(name, value);
    for (const part of preview.parts) {
      const done = await upload(`v1/devices/${encodeURIComponent(device)}/files?${options}`, part.text);
      for (const name of Object.keys(sums)) sums[name] += done[name];
    }
    stored = { device, sensor };
    training.hidden = false;
    changed();
    return [[sums.stored, "readings are stored"], [sums.stored_before, "were stored before"], [sums.conflicts, "were not stored: a stored reading of the same time has another value"],
      [sums.refused, "were refused as too old, or because the device has too many sensors"]].filter(([count], i) => i === 0 || count > 0).map(([count, words]) => `${count} ${words}`).join(", ") + ".";
  }

  return {
    node,
    async open(chosen) {
      [file, choice, stored, run] = [chosen, {}, null, null];
      clear();
      node.hidden = false;
      training.hidden = using.hidden = true;
      for (const outcome of node.querySelectorAll(".outcome")) outcome.hidden = true;
      rebuild(names, devices().map(({ id }) => id), () => devices().map(({ id }) => element("option", { value: id })));
      title.textContent = `Import ${file.name}`;
      node.scrollIntoView({ block: "nearest" });
      if (file.size > MOST_BYTES) return say(problem, `The file has ${Math.round(file.size / 1e6)} MB; the limit is 67 MB. Use vaho-cloud import.`);
      text = textOf(new Uint8Array(await file.arrayBuffer()));
      await look();
    },
    /** Shows the state of the training run that this panel has started. Called when a run has changed. */
    async follow() {
      if (run === null || node.hidden) return;
      const { outcome, detail, release } = await get(`v1/runs/${run}`);
      say(training.querySelector(".outcome"), `Run ${run}: ${outcome || "in progress"}${detail ? `, ${detail}` : ""}`);
      using.hidden = !release;
    },
  };
}
