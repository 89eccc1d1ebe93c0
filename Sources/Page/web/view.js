// What the page says. All that comes from the API goes in as text, never as markup.

import { intervals, medianIndex } from "/chart.js";

const $ = (id) => document.getElementById(id);
const THIN = "\u202f", NONE = "–", HOUR_S = 3600;

// Words

const format = (options) => {
  const formatter = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", ...options });
  return (t) => (Number.isFinite(t) ? formatter.format(t).replaceAll(",", "") : NONE);
};
const when = format({ weekday: "short", day: "numeric", month: "short" });
const dated = format({ day: "numeric", month: "short", year: "numeric" });
export const clock = format({ second: "2-digit" });
export const instant = (text) => (text ? Date.parse(text) : NaN);

const number = (value, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : NONE);
const united = (value, unit, digits) => (Number.isFinite(value) ? number(value, digits) + THIN + unit : NONE);
const percent = (value, digits) => united(value, "%", digits);
const celsius = (value) => united(value, "°C");
const range = (low, high, digits) => `${number(low, digits)}–${number(high, digits)}`;

export function span(seconds) {
  if (seconds < HOUR_S) return `${Math.round(seconds / 60)}${THIN}min`;
  if (seconds < 72 * HOUR_S) return `${+(seconds / HOUR_S).toFixed(1)}${THIN}h`;
  return `${+(seconds / 86400).toFixed(1)} days`;
}

function age(now, then) {
  const seconds = (now - then) / 1000;
  if (!Number.isFinite(seconds)) return NONE;
  if (seconds < -HOUR_S) return "ahead"; // of the clock it is measured against
  if (seconds < 60) return "now";
  const unit = [[86400, "d"], [HOUR_S, "h"], [60, "min"]].find(([size]) => seconds >= size);
  return Math.floor(seconds / unit[0]) + THIN + unit[1];
}

// Elements

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Writes only what changed: an untouched node keeps its selection, and a screen reader stays silent. */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = text === "";
}

/** Rebuilds `node` only when `data` is not what it was built from. */
function rebuild(node, data, build) {
  const print = JSON.stringify(data);
  if (node.builtFrom === print) return;
  node.builtFrom = print;
  node.replaceChildren(...build());
}

const cell = (text, kind = "") => element("td", { class: kind }, text);
const rowHead = (text) => element("th", { scope: "row" }, text);
const pairs = (list) => list.map(([term, ...texts]) =>
  element("div", {}, element("dt", {}, term), ...texts.filter(Boolean).map((text) => element("dd", {}, text))));

// Header and fleet

export function showConnection(state, text) {
  $("connection").dataset.state = state;
  say($("connection"), text);
}

export const address = (device, sensor) => `#${encodeURIComponent(device)}/${encodeURIComponent(sensor)}`;

const rows = new Map();

function fleetRow() {
  const link = element("a", {}, element("span", { class: "device" }), " ", element("span", { class: "sensor" }));
  const cells = ["wide", "num strong", "num", "num", "num wide", "num wide"].map((kind) => cell("", kind));
  const state = element("span", { class: "state" });
  return { link, cells, state, row: element("tr", {}, element("th", { scope: "row" }, link), ...cells, cell(state, "status")) };
}

export function showFleet({ face, now, devices, release, hasMore }, selected) {
  const count = devices.length === 1 ? "1 device" : `${hasMore ? "the first " : ""}${devices.length} devices`;
  say($("face"), `${face} · ${face === "edge" ? devices[0].id : count}`);
  say($("fleet-empty"), devices.length === 0 ? "No device has reported yet: vaho-cloud device add NAME"
    : face === "edge" && devices[0].sensors.length === 0 ? "No sensor has reported yet: vaho-edge sensors" : "");
  $("fleet").hidden = !$("fleet-empty").hidden;
  say($("served"), face === "edge" ? "" : release
    ? `Release served: ${release.counter} · ${release.sha256.slice(0, 12)} · created ${dated(instant(release.created_at))}`
    : "No release is served yet: devices use the forecaster they ship with.");

  const wanted = new Map();
  for (const device of devices) {
    for (const sensor of device.sensors.length ? device.sensors : [null]) {
      const key = address(device.id, sensor?.name ?? "");
      if (!rows.has(key)) rows.set(key, fleetRow());
      const { link, cells, state, row } = rows.get(key);
      const last = sensor?.last;
      const texts = [
        sensor?.place ?? "", percent(last?.humidity_pct), celsius(last?.temperature_c),
        age(instant(device.now) || now, instant(last?.time)), String(device.backlog), device.release ? String(device.release.counter) : "shipped",
      ];
      const chosen = selected && device.id === selected.device && sensor?.name === selected.sensor;
      say(link.firstChild, device.id);
      say(link.lastChild, sensor?.name ?? "no sensor yet");
      if (sensor) link.href = key;
      link.ariaCurrent = chosen ? "true" : null;
      texts.forEach((text, i) => { if (cells[i].textContent !== text) cells[i].textContent = text; });
      const alarm = sensor?.state === "ok" && device.alerts.some((alert) => alert.sensor === sensor.name);
      state.dataset.state = device.revoked ? "revoked" : device.two_hosts ? "two hosts" : alarm ? "alarm" : sensor?.state ?? "waiting";
      say(state, state.dataset.state);
      wanted.set(key, row);
    }
  }
  const body = $("fleet").tBodies[0];
  [...wanted.values()].forEach((row, i) => { if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] ?? null); });
  while (body.rows.length > wanted.size) body.lastChild.remove();
  for (const key of rows.keys()) if (!wanted.has(key)) rows.delete(key);
}

// One sensor

export function showMissing(text) {
  say($("missing"), text);
  $("detail").hidden = $("model").hidden = $("missed").hidden = true;
}

export function showSensor(device, sensor) {
  $("missing").hidden = true;
  $("detail").hidden = $("model").hidden = false;
  say($("name"), sensor.name);
  say($("about"), [
    device.id, sensor.place, sensor.kind, `every ${span(sensor.step_s)}`, `clock ${device.clock}`,
    `backlog ${device.backlog}`, device.last_seen_at && `last seen ${when(instant(device.last_seen_at))}`,
  ].filter(Boolean).join(" · "));
  document.title = `${sensor.name}, ${device.id} – Vaho`;
  const alerts = device.alerts.filter((alert) => alert.sensor === sensor.name);
  rebuild($("alerts"), alerts, () => alerts.map(({ rule, text, since, value }) =>
    element("li", {}, `${rule}: ${text}, since ${when(instant(since))} (${number(value)} then)`)));
  $("alerts").hidden = alerts.length === 0;
}

const MOULD = "Hukka and Viitanen’s index of mould on pine: 1 is first growth under the microscope, 3 visible, 6 all covered";

/** What follows from humidity and temperature together, now and at the end of the horizon. */
export function showMoisture({ last }, forecast) {
  const list = [], end = forecast?.leads.at(-1);
  const ahead = (value, text) => (Number.isFinite(value) ? `in ${span(end.lead)}: ${text}` : "");
  if (Number.isFinite(last?.dew_point_c)) {
    list.push(["Dew point", celsius(last.dew_point_c), ahead(end?.dewPoint, celsius(end?.dewPoint))]);
    list.push(["Water", united(last.absolute_humidity_g_m3, "g/m³"), `vapour pressure ${united(last.vapour_pressure_pa, "Pa", 0)}`]);
  }
  if (last?.surface) {
    const above = last.surface.above_dew_point_k;
    list.push(["At the wall", percent(last.surface.humidity_pct, 0), above > 0 ? `${united(above, "K")} above the dew point` : "water condenses on it",
      ahead(end?.surface, percent(end?.surface, 0))]);
  }
  const mould = last?.mould?.index ?? forecast?.leads[0]?.mould;
  if (Number.isFinite(mould)) {
    const growth = last?.mould && (last.mould.growing ? "growing" : `grows from ${percent(last.mould.critical_humidity_pct, 0)}`);
    list.push(["Mould index", element("abbr", { title: MOULD }, number(mould, 2)), growth, ahead(end?.mould, number(end?.mould, 2))]);
  }
  if (Number.isFinite(last?.pressure_hpa)) list.push(["Air pressure", united(last.pressure_hpa, "hPa")]);
  const flags = (last?.flags ?? []).filter((flag) => flag !== "simulated" && flag !== "replayed");
  if (flags.length > 0) list.push(["Last readings", flags.join(", "), "what the driver or quality control noted"]);
  const node = $("moisture").querySelector("dl");
  rebuild(node, list.map((entry) => entry.map((part) => part?.textContent ?? part)), () => pairs(list));
  $("moisture").hidden = list.length === 0;
}

export const showProblem = (text) => say($("problem"), text);

/** Where the forecast stops being better than climatology, as far as its own scored past tells. */
function skillWords({ state, lead_time_s: lead }, shown) {
  if (state === "unknown" && Number.isFinite(shown.skill)) return [number(shown.skill, 2), `in ${span(shown.lead)}; where it ends is not known yet`];
  if (state === "unknown") return [NONE, "not known yet: too few forecasts scored"];
  if (state === "beyond_horizon") return ["lasts", "to the end of five days"];
  return lead === 0 ? ["none", "no better than climatology"] : [`to ${span(lead)}`, "beyond, no better than climatology"];
}

/** The figures in words, and the same as one sentence for who cannot see the chart. */
export function showFigures(observed, forecast) {
  const figures = [], sentence = [];
  const leads = forecast?.leads ?? [];
  const end = leads.at(-1);
  const band = forecast && intervals(forecast.levels).find(({ percent }) => percent === 80);
  const [low, high] = end && band ? [end.values[band.low], end.values[band.high]] : [NaN, NaN];
  const digits = high - low < 5 ? 1 : 0; // where the interval is narrow, a whole percent says too little
  if (observed) {
    const [time, humidity, temperature] = [observed.times, observed.humidity, observed.temperature].map((list) => list.at(-1));
    figures.push(["now", percent(humidity, digits), [celsius(temperature), when(time)].filter((text) => text !== NONE).join(" · ")]);
    sentence.push(`now ${percent(humidity, digits)}`);
  }
  if (end) {
    const middle = medianIndex(forecast.levels);
    const ahead = `in ${span(end.lead)}`;
    const interval = Number.isFinite(low) ? `80${THIN}%: ${range(low, high, digits)}${THIN}%` : "";
    figures.push([ahead, percent(end.values[middle], digits), interval]);
    sentence.push(`${ahead} ${percent(end.values[middle], digits)} (${interval})`);
    const medians = leads.map(({ values }) => values[middle]);
    const highest = Math.max(...medians);
    figures.push(["Median until then", range(Math.min(...medians), highest, digits) + THIN + "%",
      `highest ${when(leads[medians.indexOf(highest)].t)}`]);
    if (Number.isFinite(end.dewPoint)) {
      figures.push([`Dew point ${ahead}`, celsius(end.dewPoint), `air ${celsius(end.temperature)}`]);
      sentence.push(`dew point ${celsius(end.dewPoint)}`);
    }
    const [skill, meaning] = skillWords(forecast.skill, end);
    figures.push(["Skill", skill, meaning]);
    sentence.push(`skill ${skill}, ${meaning}`);
  }
  rebuild($("figures"), figures, () => pairs(figures));
  $("chart").setAttribute("aria-label", `Humidity and forecast: ${sentence.join(", ")}. Arrow keys step through the values.`);
}

const bands = (levels) => intervals(levels).reverse(); // narrow to wide, as one reads

export function showKey(levels) {
  const entries = [["observed", "Observed"]];
  if (levels) entries.push(["median", "Median"], ...bands(levels).map(({ percent: p }) => [`band-${p}`, percent(p, 0)]));
  rebuild($("key"), entries, () => entries.map(([name, text]) => element("li", {}, element("i", { class: name }), text)));
}

/** The line under the chart: the values under the pointer, else what the pointer does. */
export function showReadout(point, observed, forecast) {
  const parts = [];
  if (point) {
    parts.push(["time", when(point.time)]);
    if (point.observation !== undefined) {
      const [humidity, temperature] = [observed.humidity[point.observation], observed.temperature[point.observation]];
      parts.push(["strong", percent(humidity)], ["", "observed"]);
      if (Number.isFinite(temperature)) parts.push(["", celsius(temperature)]);
    } else if (point.lead === undefined) parts.push(["", point.time === forecast?.origin ? "forecast origin" : "nothing observed"]);
    if (point.lead !== undefined) {
      const { lead, values, temperature, dewPoint, skill } = forecast.leads[point.lead];
      parts.push(["strong", percent(values[medianIndex(forecast.levels)])], ["", `in ${span(lead)}`]);
      for (const { percent: p, low, high } of bands(forecast.levels)) parts.push(["", `${percent(p, 0)}: ${range(values[low], values[high])}`]);
      if (Number.isFinite(temperature)) parts.push(["", celsius(temperature)]);
      if (Number.isFinite(dewPoint)) parts.push(["", `dew point ${celsius(dewPoint)}`]);
      if (Number.isFinite(skill)) parts.push(["", `skill ${number(skill, 2)}`]);
    }
  } else {
    parts.push(["hint", matchMedia("(hover: none)").matches ? "Touch the chart for values."
      : "Point at the chart, or focus it and use ← →, for values. Drag to zoom, double-click to see all."]);
  }
  rebuild($("readout"), parts, () => parts.flatMap(([name, text]) => [element("span", { class: name }, text), " "]));
}

const TABLE_LEADS = [1, 3, 6, 12, 24, 48, 72, 96, 120].map((hours) => hours * HOUR_S);

export function showNumbers(observed, forecast) {
  const leads = (forecast?.leads ?? []).filter(({ lead }, i, all) => TABLE_LEADS.includes(lead) || i === all.length - 1);
  rebuild($("forecast").tBodies[0], leads, () => {
    const within = (values, wanted) => {
      const band = bands(forecast.levels).find(({ percent }) => percent === wanted);
      return cell(band ? range(values[band.low], values[band.high]) : NONE);
    };
    return leads.map(({ t, lead, values, temperature, dewPoint, skill }) => element("tr", {},
      rowHead(span(lead)), cell(when(t)), cell(percent(values[medianIndex(forecast.levels)])),
      within(values, 80), within(values, 90), cell(celsius(temperature)), cell(celsius(dewPoint)), cell(number(skill, 2))));
  });
  $("forecast").hidden = leads.length === 0;
  const latest = (observed?.times ?? []).map((t, i) => [t, observed.humidity[i], observed.temperature[i]]).slice(-9).reverse();
  rebuild($("latest").tBodies[0], latest, () => latest.map(([t, humidity, temperature]) =>
    element("tr", {}, rowHead(when(t)), cell(percent(humidity)), cell(celsius(temperature)))));
  $("latest").hidden = latest.length === 0;
}

// The model

export function showRelease(device, forecast) {
  const release = forecast ? forecast.release : device.release;
  const list = [["Release", release ? String(release.counter) : "the one the package ships with"]];
  if (release) list.push(["SHA-256", element("code", { title: release.sha256 }, release.sha256.slice(0, 12))]);
  if (forecast) list.push(["Method", forecast.method], ["Origin", dated(forecast.origin)], ["Issued", dated(forecast.issuedAt)]);
  rebuild($("use"), [list.map(String), release], () => pairs(list));
}

function ratio(mine, other) {
  const value = mine / other;
  const verdict = value < 0.995 ? "better" : value < 1.005 ? "even" : "worse"; // as the two decimals show it
  return cell(number(value, 2), verdict);
}

export function showScores(device, forecast) {
  const current = (forecast ? forecast.release : device.release)?.counter ?? 0;
  const scores = device.scores ?? [];
  const counters = [...new Set(scores.map(({ release }) => release))].sort((a, b) => (b === current) - (a === current) || b - a);
  $("scores-empty").hidden = scores.length > 0;
  $("scores-note").hidden = $("scores").parentElement.hidden = scores.length === 0;
  rebuild($("scores"), [scores, current], () => [$("scores").caption, $("scores").tHead, ...counters.map((counter) => {
    const name = (counter === 0 ? "Release the package ships with" : `Release ${counter}`) + (counter === current ? ", in use" : "");
    const head = element("tr", { class: "group" }, element("th", { scope: "rowgroup", colspan: 8 }, name));
    const ordered = scores.filter(({ release }) => release === counter).sort((a, b) => a.lead_time_s - b.lead_time_s);
    return element("tbody", {}, head, ...ordered.map((score) => element("tr", {},
      rowHead(span(score.lead_time_s)), cell(number(score.mae_pct, 2), "strong"),
      cell(number(score.persistence_mae_pct, 2)), ratio(score.mae_pct, score.persistence_mae_pct),
      cell(number(score.climatology_mae_pct, 2)), ratio(score.mae_pct, score.climatology_mae_pct),
      cell(percent(score.coverage_80 * 100, 0)), cell(String(score.count)))));
  })]);
}

const reasons = {
  sensor_error: "sensor gave no reading", evicted_by_age: "dropped for its age", evicted_by_size: "dropped for want of room",
  store_repaired: "store was damaged", not_sampled: "host was asleep or stopped",
};

const alarmNames = { silent: "Silent", two_hosts: "Two hosts sent as this device" };

/** `missed`: holes and alarms of the device, newest first; null while they are not known. */
export function showMissed(missed) {
  $("missed").hidden = !missed;
  if (!missed) return;
  const { holes, alarms } = missed;
  $("missed-empty").hidden = holes.length + alarms.length > 0;
  rebuild($("alarms"), alarms, () => alarms.map(({ kind, since, ended }) => element("li", {}, ended
    ? `${alarmNames[kind] ?? kind} from ${dated(instant(since))} to ${dated(instant(ended))}`
    : `${alarmNames[kind] ?? kind} since ${dated(instant(since))}`)));
  $("alarms").hidden = alarms.length === 0;
  $("holes").parentElement.hidden = holes.length === 0;
  rebuild($("holes").tBodies[0], holes, () => holes.map(({ sensor, reason, from, to, count }) => element("tr", {},
    rowHead(sensor ?? "all"), cell(reasons[reason] ?? reason), cell(dated(instant(from))), cell(dated(instant(to))), cell(String(count), "num"))));
}

export function showZone() {
  say($("zone"), `Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`);
}
