import { face } from "/face.js";
// What is chosen, what is known, and when to ask for more.

import { get, Problem, repeat } from "/api.js";
import { available, FanChart } from "/chart.js";
import * as view from "/view.js";

const POLL_MS = 2000;
const REFRESH_ROUNDS = 15; // about 30 s: late data may change the past
const NO_CHART = "No chart: dygraphs was not found. Remedy: install libjs-dygraphs. The numbers are below.";
const $ = (id) => document.getElementById(id);

let fleet = null; // the last list of devices
let answeredAt = null; // by the browser's clock: it is about the line, not about data
let chosen = null; // { device, sensor } names
let shown = nothingYet(); // what is known of it
let drawn = {}; // what the page shows: until the next one is known, the last

function nothingYet() {
  return { abort: new AbortController(), rounds: 0, observed: null, forecast: null, missed: null, asked: {}, problems: {} };
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
    const { now, devices, release, ...page } = await get("/v1/devices");
    let { next } = page;
    while (next && devices.length < MOST_DEVICES) {
      const more = await get(`/v1/devices?after=${encodeURIComponent(next)}`);
      devices.push(...more.devices);
      next = more.next;
    }
    return { face, now: view.instant(now), devices, release, hasMore: Boolean(next) };
  }
  const { now, device, holes } = await get("/v1/status");
  return { face, now: view.instant(now), devices: [device], release: null, holes };
}

/** A table of more devices than this helps nobody, and costs the server. */
const MOST_DEVICES = 1000;

const numbers = (list) => (list ?? []).map((value) => value ?? NaN);

function askOf(what, query) {
  const base = face === "edge" ? "/v1" : `/v1/devices/${encodeURIComponent(chosen.device)}`;
  return get(`${base}/${what}?sensor=${encodeURIComponent(chosen.sensor)}&${query}`, shown.abort.signal);
}

async function askObservations(days) {
  const { time, humidity_pct, temperature_c } = await askOf("observations", `hours=${days * 24}`);
  return { times: time.map(view.instant), humidity: numbers(humidity_pct), temperature: numbers(temperature_c) };
}

async function askForecast(hours) {
  const answer = await askOf("forecast", `horizon=PT${hours}H`);
  const { time, lead_time_s, humidity_pct, temperature_c, dew_point_c, skill_vs_climatology, skill_end = { state: "unknown" }, method, release, levels,
    surface_humidity_pct, mould_index } = answer;
  const leads = time.map((t, i) => ({
    t: view.instant(t), lead: lead_time_s[i], values: humidity_pct[i],
    temperature: temperature_c?.[i] ?? NaN, dewPoint: dew_point_c?.[i] ?? NaN, skill: skill_vs_climatology?.[i] ?? NaN,
    surface: surface_humidity_pct?.[i] ?? NaN, mould: mould_index?.[i] ?? NaN,
  }));
  const origin = view.instant(answer.origin);
  const skillEnd = skill_end.state === "after" ? origin + skill_end.lead_time_s * 1000 : NaN;
  return { origin, issuedAt: view.instant(answer.issued_at), method, release, levels, leads, skill: skill_end, skillEnd };
}

/** Holes and alarms. An edge says them with its status, and cannot tell when it was silent. */
async function askMissed() {
  if (face === "edge") return { holes: fleet.holes, alarms: [] };
  const { holes, alarms } = await get(`/v1/devices/${encodeURIComponent(chosen.device)}`, shown.abort.signal);
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
  const refresh = series.rounds++ % REFRESH_ROUNDS === 0;
  if (refresh) await keep(series, "missed", askMissed());
  const last = view.instant(sensor.last?.time);
  const newest = () => series.observed?.times.at(-1) ?? -Infinity;
  // Only when there is something to gain: seven days are 35 KB, and an edge has better things to do.
  if (refresh || asked.days !== days || (last !== asked.last && last - newest() >= sensor.step_s * 1000)) {
    await keep(series, "observed", askObservations(days));
    Object.assign(asked, { days, last });
  }
  const behind = series.forecast ? series.forecast.origin < newest() : asked.newest !== newest();
  if (refresh || asked.hours !== hours || behind) {
    await keep(series, "forecast", askForecast(hours));
    Object.assign(asked, { hours, newest: newest() });
  }
}

// Showing

const chart = new FanChart($("chart"),
  (point) => view.showReadout(point, drawn.observed, drawn.forecast),
  (zoomed) => { $("unzoom").hidden = !zoomed; });

function find() {
  const device = fleet.devices.find(({ id }) => id === chosen?.device);
  return { device, sensor: device?.sensors.find(({ name }) => name === chosen.sensor) };
}

function showChosen() {
  const { device, sensor } = find();
  $("detail").removeAttribute("aria-busy");
  if (!sensor) {
    view.showMissing(chosen ? `There is no sensor ${chosen.sensor} of a device ${chosen.device} here. Choose one above.` : "");
    return;
  }
  const { observed, forecast, problems } = shown;
  view.showSensor(device, sensor);
  view.showMoisture(sensor, forecast);
  view.showRelease(device, forecast);
  view.showScores(device, forecast);
  view.showMissed(shown.missed);

  const some = observed !== null && observed.times.length > 0;
  const notes = [...(device.faults ?? [])];
  if (device.two_hosts) notes.push("Two hosts send as this device: give one of them a name and a token of its own.");
  if (!available() && (some || forecast)) notes.push(NO_CHART);
  const refused = (name) => (problems[name] ?? { status: 404 }).status !== 404;
  if (refused("observed")) notes.push(`Observations: ${problems.observed.message}`);
  else if (!some) notes.push("No observation yet: the first comes at the end of the sensor’s first step.");
  if (refused("forecast")) notes.push(`Forecast: ${problems.forecast.message}`);
  else if (!forecast) notes.push("No forecast yet: one is made with each new observation.");
  view.showProblem(notes.join("\n"));

  if (drawn.series === shown && drawn.observed === observed && drawn.forecast === forecast) return;
  if (drawn.series !== shown) chart.unzoom();
  drawn = { series: shown, observed, forecast };
  view.showFigures(some ? observed : null, forecast);
  view.showNumbers(observed, forecast);
  view.showKey(forecast?.levels);
  const plot = available() && (some || forecast);
  $("plot").hidden = !plot;
  $("numbers").hidden = !some && !forecast;
  if (!available()) $("numbers").open = true;
  if (plot) chart.show(observed ?? { times: [], humidity: [] }, forecast);
}

function connection(error) {
  if (!error) {
    answeredAt = Date.now();
    view.showConnection("ok", "live");
  } else if (error.status === 0) view.showConnection("silent", answeredAt ? `no answer since ${view.clock(answeredAt)}` : "no answer");
  else {
    view.showConnection("failing", error.message);
    if (!(error instanceof Problem)) console.error(error); // an answer of another shape, or our fault
  }
}

const ask = repeat(POLL_MS, async () => {
  try {
    fleet = await askFleet();
    const first = fleet.devices.find(({ sensors }) => sensors.length > 0);
    if (!chosen && first) {
      chosen = { device: first.id, sensor: first.sensors[0].name };
      history.replaceState(null, "", view.address(chosen.device, chosen.sensor));
    }
    view.showFleet(fleet, chosen);
    const { sensor } = find();
    if (sensor) await askSeries(sensor);
    showChosen();
    connection(null);
  } catch (error) {
    // Another sensor was chosen meanwhile: the next round, already asked for, is about that one.
    if (error.name !== "AbortError") connection(error);
  }
});

function choose() {
  chosen = chosenByHash() ?? chosen;
  shown.abort.abort();
  shown = nothingYet();
  $("detail").setAttribute("aria-busy", "true");
  if (fleet) view.showFleet(fleet, chosen);
  ask();
}

chosen = chosenByHash();
picker("history", "days", [[1, "1 day"], [3, "3 days"], [7, "7 days"]]);
picker("horizon", "hours", [[1, "1 h"], [3, "3 h"], [6, "6 h"], [12, "12 h"], [24, "24 h"], [48, "48 h"], [120, "5 days"]]);
view.showZone();
view.showReadout(null);
window.addEventListener("hashchange", choose);
$("unzoom").addEventListener("click", () => { chart.unzoom(); $("chart").focus(); });
$("fleet").addEventListener("click", (event) => {
  const link = event.target.closest("tr")?.querySelector("a[href]");
  if (!link || getSelection().toString()) return;
  if (event.target.closest("a") !== link) link.click();
  else if ($("detail").getBoundingClientRect().top > innerHeight / 2) $("detail").scrollIntoView();
});
