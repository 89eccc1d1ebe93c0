// What is chosen, what is known, and when to ask for more.

import { get, Problem, repeat } from "/api.js";
import { available, FanChart } from "/chart.js";
import * as view from "/view.js";

const POLL_MS = 2000;
const REFRESH_ROUNDS = 15; // about 30 s: late data may change the past
const NO_CHART = "The chart is missing: dygraphs was not found. Remedy: install libjs-dygraphs. The numbers are below.";
const $ = (id) => document.getElementById(id);

let face = null; // "cloud" or "edge", once an answer told
let fleet = null; // the last list of devices
let answeredAt = null; // by the browser's clock: it is about the line, not about data
let chosen = null; // { device, sensor } names
let shown = emptySeries();

function emptySeries() {
  return { abort: new AbortController(), rounds: 0, observed: null, forecast: null, asked: {}, problems: {}, drawn: [] };
}

// Choices that outlast a reload ----------------------------------------------------------------------------------

const choice = { days: 3, hours: 24 };

function picker(id, name, options, onChange) {
  let kept = null;
  try { kept = Number(localStorage.getItem(`vaho.${name}`)); } catch { /* storage may be forbidden */ }
  if (options.some(([value]) => value === kept)) choice[name] = kept;
  const group = document.createElement("div");
  for (const [value, text] of options) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name, value, checked: value === choice[name] });
    input.addEventListener("change", () => {
      choice[name] = value;
      try { localStorage.setItem(`vaho.${name}`, value); } catch { /* then it lasts as long as the page */ }
      onChange();
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

// Asking ---------------------------------------------------------------------------------------------------------

async function askFleet() {
  if (face !== "edge") {
    try {
      const { now, devices, release } = await get("/v1/devices");
      face = "cloud";
      return { face, now: view.instant(now), devices, release };
    } catch (error) {
      if (face !== null || error.status !== 404) throw error;
    }
  }
  const { now, device } = await get("/v1/status");
  face = "edge";
  return { face, now: view.instant(now), devices: [device], release: null };
}

const base = () => (face === "edge" ? "/v1" : `/v1/devices/${encodeURIComponent(chosen.device)}`);
const NaNs = (list) => list.map((value) => value ?? NaN);

async function askObservations() {
  const series = shown;
  const days = choice.days;
  const answer = await get(`${base()}/observations?sensor=${encodeURIComponent(chosen.sensor)}&hours=${days * 24}`, series.abort.signal);
  series.asked.days = days;
  series.observed = {
    times: answer.time.map(view.instant), humidity: NaNs(answer.humidity_pct),
    temperature: answer.temperature_c ? NaNs(answer.temperature_c) : [],
  };
}

async function askForecast() {
  const series = shown;
  const hours = choice.hours;
  const answer = await get(`${base()}/forecast?sensor=${encodeURIComponent(chosen.sensor)}&horizon=PT${hours}H`, series.abort.signal);
  series.asked.hours = hours;
  series.forecast = {
    origin: view.instant(answer.origin), issuedAt: view.instant(answer.issued_at),
    method: answer.method, release: answer.release, levels: answer.levels,
    leads: answer.time.map((t, i) => ({
      t: view.instant(t), lead: answer.lead_time_s[i], values: answer.humidity_pct[i],
      temperature: answer.temperature_c?.[i] ?? NaN, dewPoint: answer.dew_point_c?.[i] ?? NaN,
    })),
  };
}

/** Runs `ask`; a refusal becomes a note on the page, no answer is the next round's business. */
async function noting(series, name, ask) {
  try {
    await ask();
    delete series.problems[name];
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    series.problems[name] = error;
    if (error.status === 404) series[name] = null;
  }
}

async function askSeries(sensor) {
  const series = shown;
  const refresh = series.rounds++ % REFRESH_ROUNDS === 0;
  const last = view.instant(sensor.last?.time);
  const newest = () => series.observed?.times.at(-1) ?? -Infinity;
  const step = sensor.step_s * 1000;
  // Only when there is something to gain: seven days are 35 KB, and an edge has better things to do.
  if (refresh || series.asked.days !== choice.days || (last !== series.asked.last && last - newest() >= step)) {
    await noting(series, "observed", askObservations);
    series.asked.last = last;
  }
  const behind = series.forecast ? series.forecast.origin < newest() : series.asked.newest !== newest();
  if (refresh || series.asked.hours !== choice.hours || behind) {
    await noting(series, "forecast", askForecast);
    [series.asked.hours, series.asked.newest] = [choice.hours, newest()];
  }
}

// Showing --------------------------------------------------------------------------------------------------------

const chart = new FanChart($("chart"),
  (point) => view.showReadout(point, shown.observed, shown.forecast),
  (zoomed) => { $("unzoom").hidden = !zoomed; });

function find() {
  const device = fleet.devices.find(({ id }) => id === chosen?.device);
  return { device, sensor: device?.sensors.find(({ name }) => name === chosen.sensor) };
}

function showChosen() {
  const { device, sensor } = find();
  if (!sensor) {
    view.showMissing(chosen ? `There is no sensor ${chosen.sensor} of a device ${chosen.device} here. Choose one above.` : "");
    return;
  }
  const { observed, forecast, problems, drawn } = shown;
  view.showSensor(device, sensor);
  view.showRelease(device, forecast);
  view.showScores(device, forecast);

  const some = observed !== null && observed.times.length > 0;
  const notes = [];
  if (!available() && (some || forecast)) notes.push(NO_CHART);
  if (problems.observed && problems.observed.status !== 404) notes.push(`Observations: ${problems.observed.message}`);
  else if (problems.observed || (observed && !some)) notes.push("No observation yet: the first comes at the end of the sensor’s first step.");
  if (problems.forecast && problems.forecast.status !== 404) notes.push(`Forecast: ${problems.forecast.message}`);
  else if (problems.forecast) notes.push("No forecast yet: one is made with each new observation.");
  view.showProblem(notes.join("\n"));

  if (drawn[0] === observed && drawn[1] === forecast) return;
  shown.drawn = [observed, forecast];
  const at = some ? observed.times.length - 1 : -1;
  view.showFigures(some ? { time: observed.times[at], humidity: observed.humidity[at], temperature: observed.temperature[at] } : null, forecast);
  view.showNumbers(observed, forecast);
  view.showKey(forecast?.levels);
  const plot = available() && (some || forecast !== null);
  $("plot").hidden = !plot;
  $("numbers").hidden = !some && !forecast;
  if (!available()) $("numbers").open = true;
  if (plot) chart.show(observed ?? { times: [], humidity: [], temperature: [] }, forecast);
}

function connection(error) {
  if (!error) {
    answeredAt = Date.now();
    view.showConnection("ok", "live");
  } else if (error instanceof Problem) view.showConnection("failing", `refused: ${error.message}`);
  else view.showConnection("silent", answeredAt ? `no answer since ${view.clock(answeredAt)}` : "no answer");
}

const ask = repeat(POLL_MS, async () => {
  try {
    fleet = await askFleet();
    connection(null);
    const first = fleet.devices.find(({ sensors }) => sensors.length > 0);
    if (!chosen && first) chosen = { device: first.id, sensor: first.sensors[0].name };
    view.showFleet(fleet, chosen);
    const { sensor } = find();
    if (sensor) await askSeries(sensor);
    showChosen();
  } catch (error) {
    // Another sensor was chosen meanwhile: the next round, already asked for, is about that one.
    if (error.name !== "AbortError") connection(error);
  }
});

function choose() {
  chosen = chosenByHash() ?? chosen;
  shown.abort.abort();
  shown = emptySeries();
  chart.clear();
  if (fleet) {
    view.showFleet(fleet, chosen);
    showChosen();
  }
  ask();
}

chosen = chosenByHash();
picker("history", "days", [[1, "1 day"], [3, "3 days"], [7, "7 days"]], () => { chart.unzoom(); ask(); });
picker("horizon", "hours", [[1, "1 h"], [3, "3 h"], [6, "6 h"], [12, "12 h"], [24, "24 h"], [48, "48 h"], [120, "5 days"]],
  () => { chart.unzoom(); ask(); });
view.showZone();
view.showReadout(null);
window.addEventListener("hashchange", choose);
$("unzoom").addEventListener("click", () => { chart.unzoom(); $("chart").focus(); });
$("pickers").addEventListener("submit", (event) => event.preventDefault());
$("fleet").addEventListener("click", (event) => {
  const link = event.target.closest("tr")?.querySelector("a[href]");
  if (!link || getSelection().toString()) return;
  if (event.target.closest("a") !== link) link.click();
  else $("detail").scrollIntoView({ block: "nearest" });
});
