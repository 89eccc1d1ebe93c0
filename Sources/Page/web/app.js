// What is chosen, what is known, and when to ask for more.

import { get, Problem, repeat, signInAgain } from "./api.js";
import { available, FanChart } from "./chart.js";
import { $, say } from "./dom.js";
import { face } from "./face.js";
import { address, showConnection, showFleet } from "./fleet.js";
import { showDetails, showMissed, showScores } from "./model.js";
import {
  showFigures, showKey, showMissing, showMoisture, showNumbers, showOutlook, showReadout, showSensor, troubles,
} from "./sensor.js";
import { clock, instant, span, utcOffset } from "./words.js";

const POLL_MS = face === "cloud" ? 60000 : 2000; // the cloud sends changes as events
const LOST_MS = 15000; // without an answer the values count as old
const REFRESH_MS = 30000; // late data may change the past
const NO_CHART = "No chart: dygraphs was not found. Install libjs-dygraphs. The numbers are below.";

let fleet = null; // the last list of devices
let cursors = []; // the cursors of the second page up to the shown page; empty if the first page is shown
let answeredAt = null; // by the browser's clock: it is about the line, not about data
let chosen = null; // { device, sensor } names
let shown = nothingYet(); // what is known of it
let drawn = {}; // what the page shows: until the next one is known, the last

function nothingYet() {
  return { abort: new AbortController(), refreshedAt: -Infinity, observed: null, forecast: null, missed: null, asked: {}, problems: {} };
}

// Choices that outlast a reload

const choice = { days: 3, hours: 24 };

/** Radio buttons for `choice[name]`. Storage may be forbidden: then a choice lasts as long as the page. */
function picker(id, name, options) {
  let kept = null;
  try { kept = Number(localStorage.getItem(`vaho.${name}`)); } catch {}
  if (options.some(([value]) => value === kept)) choice[name] = kept;
  const group = document.createElement("div");
  for (const [value, text] of options) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name, value, checked: value === choice[name] });
    input.addEventListener("change", () => {
      choice[name] = value;
      try { localStorage.setItem(`vaho.${name}`, value); } catch {}
      chart.unzoom();
      ask();
    });
    label.append(input, Object.assign(document.createElement("span"), { textContent: text }));
    group.append(label);
  }
  $(id).append(group);
}

function chosenByHash() {
  const [device, sensor] = location.hash.slice(1).split("/");
  try {
    return device && sensor ? { device: decodeURIComponent(device), sensor: decodeURIComponent(sensor) } : null;
  } catch {
    return { device: "", sensor: location.hash };
  }
}

// Asking

async function askFleet() {
  if (face === "cloud") {
    const filter = { text: $("filter-text").value.trim(), state: $("filter-state").value };
    const query = new URLSearchParams({ limit: MOST_DEVICES, ...(filter.text && { text: filter.text }), ...(filter.state && { state: filter.state }),
      ...(cursors.length && { after: cursors.at(-1) }) });
    const { now, counts, devices, release, next } = await get(`v1/devices?${query}`);
    if (cursors.length && devices.length === 0) { // the list has become shorter, so this page is empty: show the page before it
      cursors.pop();
      return askFleet();
    }
    return { face, now: instant(now), counts, devices, release, next, isFirst: cursors.length === 0, isFiltered: Boolean(filter.text || filter.state),
      unlisted: await askUnlisted(devices) };
  }
  const { now, device, store, holes } = await get("v1/status");
  return { face, now: instant(now), devices: [device], release: null, isFirst: true, store, holes };
}

/** The chosen device, if it is not in the list: the list has one page, and the address of this page may name any device. */
async function askUnlisted(devices) {
  if (!chosen || devices.some(({ id }) => id === chosen.device)) return null;
  try {
    return await get(`v1/devices/${encodeURIComponent(chosen.device)}`);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** A table of more devices than this helps nobody, and costs the server. */
const MOST_DEVICES = 200;

const numbers = (list) => (list ?? []).map((value) => value ?? NaN);

function askOf(what, query) {
  const base = face === "edge" ? "v1" : `v1/devices/${encodeURIComponent(chosen.device)}`;
  return get(`${base}/${what}?sensor=${encodeURIComponent(chosen.sensor)}&${query}`, shown.abort.signal);
}

async function askObservations(days) {
  const { time, humidity_pct, temperature_c } = await askOf("observations", `hours=${days * 24}`);
  // In its first minutes a sensor has readings, and no observation yet.
  if (time.length < 2 && face === "edge") return askReadings();
  return { times: time.map(instant), humidity: numbers(humidity_pct), temperature: numbers(temperature_c) };
}

const UNUSABLE = 1 | 512 | 1024; // flags: impossible, spike, heated

async function askReadings() {
  const { time, humidity_pct, temperature_c, flags } = await askOf("readings", "limit=500");
  const usable = time.map((_, i) => i).filter((i) => humidity_pct[i] !== null && (flags[i] & UNUSABLE) === 0);
  const pick = (list) => usable.map((i) => list[i]);
  return { times: pick(time).map(instant), humidity: pick(humidity_pct), temperature: numbers(pick(temperature_c)), areReadings: true };
}

async function askForecast(hours) {
  const answer = await askOf("forecast", `horizon=PT${hours}H&utc_offset_s=${utcOffset()}`);
  const { time, lead_time_s, humidity_pct, temperature_c, dew_point_c, skill_vs_climatology, skill_end = { state: "unknown" }, method, release, levels,
    surface_humidity_pct, mould_index, outlook } = answer;
  const leads = time.map((t, i) => ({
    t: instant(t), lead: lead_time_s[i], values: humidity_pct[i],
    temperature: temperature_c?.[i] ?? NaN, dewPoint: dew_point_c?.[i] ?? NaN, skill: skill_vs_climatology?.[i] ?? NaN,
    surface: surface_humidity_pct?.[i] ?? NaN, mould: mould_index?.[i] ?? NaN,
  }));
  const origin = instant(answer.origin);
  const skillEnd = skill_end.state === "after" ? origin + skill_end.lead_time_s * 1000 : NaN;
  return { origin, issuedAt: instant(answer.issued_at), outlook, method, release, levels, leads, skill: skill_end, skillEnd };
}

/** Holes and alarms. An edge says them with its status, and cannot tell when it was silent. */
async function askMissed() {
  if (face === "edge") return { holes: fleet.holes, alarms: [] };
  const { holes, alarms } = await get(`v1/devices/${encodeURIComponent(chosen.device)}`, shown.abort.signal);
  return { holes, alarms };
}

/** Keeps an answer in `series`; a refusal becomes a note on the page, no answer ends the round. */
async function keep(series, name, answer) {
  try {
    series[name] = await answer;
    delete series.problems[name];
  } catch (error) {
    if (!error.status) throw error;
    series.problems[name] = error;
    if (error.status === 404) series[name] = null;
  }
}

async function askSeries(sensor) {
  const series = shown, { asked } = series, { days, hours } = choice;
  const refresh = Date.now() - series.refreshedAt >= REFRESH_MS;
  if (refresh) series.refreshedAt = Date.now();
  if (refresh) await keep(series, "missed", askMissed());
  const last = instant(sensor.last?.time);
  const newest = () => series.observed?.times.at(-1) ?? -Infinity;
  // Only when there is something to gain: seven days are 35 KB, and an edge has better things to do.
  const spacing = series.observed?.areReadings ? 1 : sensor.step_s * 1000;
  if (refresh || asked.days !== days || (last !== asked.last && last - newest() >= spacing)) {
    await keep(series, "observed", askObservations(days));
    Object.assign(asked, { days, last });
  }
  if (!sensor.has_forecast) return;
  const behind = series.forecast ? series.forecast.origin < newest() && !series.observed?.areReadings : true;
  // What the outlook says depends on the sensor's state, too.
  if (refresh || asked.hours !== hours || asked.state !== sensor.state || behind) {
    await keep(series, "forecast", askForecast(hours));
    Object.assign(asked, { hours, state: sensor.state });
  }
}

// Showing

const chart = new FanChart($("chart"),
  (point) => showReadout(point, drawn.observed, drawn.forecast),
  (zoomed) => { $("unzoom").hidden = !zoomed; });

function find() {
  const device = fleet.devices.find(({ id }) => id === chosen?.device) ?? fleet.unlisted;
  return { device, sensor: device?.sensors.find(({ name }) => name === chosen.sensor) };
}

/** What stands in the way of a full page, a line each. */
function notes(device, sensor, some) {
  const { forecast, problems } = shown;
  const list = [...(device.faults ?? []), ...troubles(device, sensor)];
  const { unstored_readings: unstored = 0, only_in_memory: refuge } = fleet.store ?? {};
  if (unstored > 0) list.push(`${unstored} readings are in memory only, because they cannot be written to the disk. Check whether the disk is full.`);
  if (refuge) list.push(`Readings are kept in memory only: ${refuge}.`);
  if (!available() && (some || forecast)) list.push(NO_CHART);
  const refused = (name) => (problems[name] ?? { status: 404 }).status !== 404;
  if (refused("observed")) list.push(`Observations: ${problems.observed.message}`);
  else if (!some) list.push(sensor.last ? `The first ${span(sensor.step_s)} average is not complete yet.` : "No reading yet.");
  else if (shown.observed.areReadings) list.push(`The chart shows single readings. The first forecast follows the first ${span(sensor.step_s)} average.`);
  if (refused("forecast")) list.push(`Forecast: ${problems.forecast.message}`);
  return list;
}

function showChosen() {
  const { device, sensor } = find();
  $("detail").removeAttribute("aria-busy");
  if (!sensor) {
    showMissing(chosen ? `Device ${chosen.device} has no sensor ${chosen.sensor}, or the device is not known here. Choose a sensor above.` : "");
    return;
  }
  const { observed, forecast } = shown;
  const thresholds = device.thresholds.filter((threshold) => (threshold.sensor ?? sensor.name) === sensor.name);
  const some = observed !== null && observed.times.length > 0;
  showSensor(device, sensor);
  showOutlook(device, sensor, forecast);
  // An old forecast stays in the chart, with its date; no figure is taken from it.
  const current = forecast?.outlook?.of_now === false ? null : forecast;
  showFigures(device, sensor, current);
  showMoisture(sensor, current);
  showDetails(device, sensor, forecast);
  showScores(device, sensor, forecast);
  showMissed(shown.missed);
  say($("problem"), notes(device, sensor, some).join("\n"));

  const limits = JSON.stringify(thresholds);
  if (drawn.series === shown && drawn.observed === observed && drawn.forecast === forecast && drawn.limits === limits) return;
  if (drawn.series !== shown) chart.unzoom();
  drawn = { series: shown, observed, forecast, limits };
  showNumbers(observed, forecast);
  showKey(forecast?.levels, thresholds);
  const plot = available() && (some || forecast);
  $("plot").hidden = !plot;
  $("numbers").hidden = !some && !forecast;
  if (!available()) $("numbers").open = true;
  if (plot) chart.show(observed ?? { times: [], humidity: [] }, forecast, thresholds);
}

function connection(error) {
  if (!error) {
    answeredAt = Date.now();
    document.body.classList.remove("lost");
    showConnection("ok", "live");
  } else if (error.status === 0) {
    // What is on the screen ages unseen.
    document.body.classList.toggle("lost", Date.now() - (answeredAt ?? 0) > LOST_MS);
    showConnection("silent", answeredAt ? `no answer since ${clock(answeredAt)}` : "no answer");
  } else {
    showConnection("failing", error.message);
    if (!(error instanceof Problem)) console.error(error); // an answer of another shape, or our fault
  }
}

let listDue = true; // the list must be requested: since the start, an event about the fleet, or a failed request
let listedAt = -Infinity;
const told = new Map(); // by name: the devices that changed while the list was being requested

const ask = repeat(POLL_MS, async () => {
  try {
    if (listDue || face === "edge" || Date.now() - listedAt >= POLL_MS) {
      [listDue] = [false, told.clear()];
      try {
        fleet = await askFleet();
      } catch (error) {
        listDue = true;
        throw error;
      }
      listedAt = Date.now();
      for (const device of told.values()) take(device);
    }
    const first = fleet.devices.find(({ sensors }) => sensors.length > 0); // the worst one
    if (!chosen && first) {
      chosen = { device: first.id, sensor: first.sensors[0].name };
      history.replaceState(null, "", address(chosen.device, chosen.sensor));
    }
    showFleet(fleet, chosen);
    const { sensor } = find();
    if (sensor) await askSeries(sensor);
    showChosen();
    showToAdmin(find().device);
    connection(null);
  } catch (error) {
    // Another sensor was chosen meanwhile: the next round, already asked for, is about that one.
    if (error.name !== "AbortError" && !(face === "cloud" && signInAgain(error))) connection(error);
  }
});

function choose() {
  chosen = chosenByHash(); // null: the first one of the list
  shown.abort.abort();
  shown = nothingYet();
  $("detail").setAttribute("aria-busy", "true");
  if (fleet) showFleet(fleet, chosen);
  ask();
}

/** Shows another page of the list of devices. */
function showPage(path) {
  [cursors, listDue] = [path, true];
  $("page-back").disabled = $("page-next").disabled = true; // the buttons stay disabled until the new list has arrived, because the next cursor is in the list
  $("fleet-scroll").scrollTop = 0;
  ask();
}

// The cloud's part of the page

let showToAdmin = () => {};

/** Replaces a device in the list by its new state. */
function take(device) {
  const at = fleet.devices.findIndex(({ id }) => id === device.id);
  if (at >= 0) fleet.devices[at] = device;
  else if (chosen?.device === device.id) fleet.unlisted = device;
  fleet.now = Math.max(fleet.now, instant(device.last_seen_at) || 0);
}

function update(device) {
  told.set(device.id, device);
  if (!fleet) return;
  take(device);
  refreshSoon();
}

let isRoundDue = false;

/** Starts a round in 300 ms; events in between share the round. */
function refreshSoon() {
  if (!isRoundDue) setTimeout(() => { isRoundDue = false; ask(); }, 300);
  isRoundDue = true;
}

chosen = chosenByHash();
picker("history", "days", [[1, "1 day"], [3, "3 days"], [7, "7 days"]]);
picker("horizon", "hours", [[1, "1 h"], [3, "3 h"], [6, "6 h"], [12, "12 h"], [24, "24 h"], [48, "48 h"], [120, "5 days"]]);
say($("zone"), `Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`);
showReadout(null);
window.addEventListener("hashchange", choose);
for (const id of ["filter-text", "filter-state"]) $(id).addEventListener("input", () => showPage([]));
$("page-back").addEventListener("click", () => showPage(cursors.slice(0, -1)));
$("page-next").addEventListener("click", () => { showPage([...cursors, fleet.next]); });
$("filter").addEventListener("submit", (event) => event.preventDefault());
$("unzoom").addEventListener("click", () => { chart.unzoom(); $("chart").focus(); });
$("fleet").addEventListener("click", (event) => {
  const link = event.target.closest("tr")?.querySelector("a[href]");
  if (!link || getSelection().toString()) return;
  if (event.target.closest("a") !== link) link.click();
  else if ($("detail").getBoundingClientRect().top > innerHeight / 2) $("detail").scrollIntoView();
});

if (face === "cloud") {
  const { start } = await import("./cloud.js");
  showToAdmin = start({
    devices: () => fleet?.devices ?? [], reload: () => { listDue = true; refreshSoon(); }, update,
    connectionChanged: (isConnected) => { if (isConnected) { answeredAt = Date.now(); document.body.classList.remove("lost"); } else ask(); },
  });
}
