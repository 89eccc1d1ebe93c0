// One sensor: whether to act, its figures, the chart's readout and numbers.

import { intervals, medianIndex } from "./chart.js";
import { rowState } from "./fleet.js";
import { $, cell, element, pairs, rebuild, rowHead, say } from "./dom.js";
import { age, celsius, HOUR_S, hour, instant, number, NONE, percent, range, span, stateWords, THIN, united, when } from "./words.js";

export function showMissing(text) {
  say($("missing"), text);
  $("detail").hidden = $("model").hidden = $("missed").hidden = true;
}

export function showSensor(device, sensor) {
  $("missing").hidden = true;
  $("detail").hidden = $("model").hidden = false;
  say($("name"), sensor.name);
  $("state").dataset.state = rowState(device, sensor);
  say($("state"), stateWords($("state").dataset.state));
  say($("about"), [device.id, sensor.place].filter(Boolean).join(" · "));
  document.title = `${sensor.name}, ${device.id} – Vaho`;
}

/** What is wrong with a device or sensor, in sentences, with the newest value if it is impossible for air. */
export function troubles(device, sensor) {
  const list = [];
  const since = (text) => (text ? ` since ${when(instant(text))}` : "");
  if (device.state !== "ok") list.push(`Device ${stateWords(device.state)}${since(device.state_since)}${device.state_detail ? `: ${device.state_detail}` : ""}.`);
  if (sensor.state !== "ok") list.push(`Sensor ${sensor.state}${since(sensor.state_since)}${sensor.state_detail ? `: ${sensor.state_detail}` : ""}.`);
  if (sensor.rejected) {
    const value = Number.isFinite(sensor.rejected.humidity_pct) ? percent(sensor.rejected.humidity_pct) : "no humidity";
    list.push(`Its newest reading, ${value} at ${when(instant(sensor.rejected.time))}, is not used.`);
  }
  return list;
}

const odds = ({ probability, probability_is }) => {
  const whole = Math.floor(probability * 100 + 1e-9);
  const text = `${probability_is !== "exact" || whole < 10 ? whole : whole - whole % 5}${THIN}%`; // as in the outlook's sentence
  return probability_is === "at_least" ? `over ${text}` : probability_is === "at_most" ? `less than ${text}` : text;
};

/** How long an alarm's threshold stays crossed, by the forecast. */
function prospectWords(prospect) {
  if (!prospect || prospect.verdict === "unlikely") return prospect?.beyond_now ? "likely to end soon" : "";
  const until = prospect.until ? `until ${hour(instant(prospect.until))}` : "for the next 24 h";
  const from = prospect.beyond_now ? "" : `from ${hour(instant(prospect.from))} `;
  return `${prospect.verdict} ${from}${until} (${odds(prospect)})`;
}

/** The sentence that answers whether to act, and the alarms that are on. */
export function showOutlook(device, sensor, forecast) {
  const text = forecast?.outlook?.text ?? (sensor.has_forecast || sensor.last ? "" : "No forecast yet. The first one follows the first observation.");
  say($("outlook"), text.replaceAll(" %", `${THIN}%`)); // a number and its unit stay in one line
  const matter = forecast?.outlook?.thresholds?.some(({ verdict, beyond_now }) => verdict === "likely" || beyond_now);
  $("outlook").dataset.state = matter ? "alarm" : "ok";
  const alerts = device.alerts.filter((alert) => alert.sensor === sensor.name);
  const list = alerts.map(({ rule, text, since, value }) => {
    const prospect = forecast?.outlook?.thresholds?.find((threshold) => threshold.rule === rule);
    return [`${rule}: ${text}, since ${when(instant(since))} (${number(value)} then)`, prospectWords(prospect)].filter(Boolean).join("; ");
  });
  rebuild($("alerts"), list, () => list.map((line) => element("li", {}, line)));
  $("alerts").hidden = list.length === 0;
}

const MOULD = "Hukka and Viitanen’s index of mould on pine: 1 is first growth, seen only under a microscope; 3 is visible growth; 6 is a surface fully covered";

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
  const mould = last?.mould?.index ?? (last?.present ? forecast?.leads[0]?.mould : NaN);
  if (Number.isFinite(mould)) {
    const growth = last?.mould && (last.mould.growing ? "growing" : `grows from ${percent(last.mould.critical_humidity_pct, 0)}`);
    list.push(["Mould index", element("abbr", { title: MOULD }, number(mould, 2)), growth, ahead(end?.mould, number(end?.mould, 2))]);
  }
  if (Number.isFinite(last?.pressure_hpa)) list.push(["Air pressure", united(last.pressure_hpa, "hPa")]);
  const flags = (last?.flags ?? []).filter((flag) => flag !== "simulated" && flag !== "replayed");
  if (flags.length > 0) list.push(["Last readings", flags.join(", "), "flags set by the driver or by quality control"]);
  const node = $("moisture").querySelector("dl");
  rebuild(node, list.map((entry) => entry.map((part) => part?.textContent ?? part)), () => pairs(list));
  $("moisture").hidden = list.length === 0;
}

/** Where the forecast stops being better than climatology, as far as its own scored past tells. */
function skillWords({ state, lead_time_s: lead }, shown) {
  if (state === "unknown" && Number.isFinite(shown.skill)) return [number(shown.skill, 2), `in ${span(shown.lead)}; the lead time at which skill ends is not known yet`];
  if (state === "unknown") return [NONE, "not known yet: too few forecasts scored"];
  if (state === "beyond_horizon") return ["lasts", "to the end of five days"];
  return lead === 0 ? ["none", "no better than climatology"] : [`to ${span(lead)}`, "after that no better than climatology"];
}

const ago = (device, time) => {
  const text = age(instant(device.now), time);
  return text === "now" ? "seconds ago" : `${text} ago`;
};

/** The present value, or the last good one with its age. */
function nowFigure(device, { last }, digits) {
  if (!last) return ["now", NONE, "no good value yet"];
  const time = instant(last.time);
  if (last.present) return ["now", percent(last.humidity_pct, digits), [celsius(last.temperature_c), when(time)].filter((text) => text !== NONE).join(" · ")];
  return ["now", NONE, `last good value ${percent(last.humidity_pct)}, ${ago(device, time)}`];
}

/** The figures in words, and the same as one sentence for who cannot see the chart. */
export function showFigures(device, sensor, forecast) {
  const leads = forecast?.leads ?? [];
  const end = leads.at(-1);
  const band = forecast && intervals(forecast.levels).find(({ percent }) => percent === 80);
  const [low, high] = end && band ? [end.values[band.low], end.values[band.high]] : [NaN, NaN];
  const digits = high - low < 5 || !end ? 1 : 0; // where the interval is narrow, a whole percent says too little
  const figures = [nowFigure(device, sensor, digits)];
  const sentence = [`now ${figures[0][1]}`];
  if (end) {
    const middle = medianIndex(forecast.levels);
    const ahead = `in ${span(end.lead)}`;
    const interval = Number.isFinite(low) ? `80${THIN}%: ${range(low, high, digits)}${THIN}%` : "";
    figures.push([ahead, percent(end.values[middle], digits), interval]);
    sentence.push(`${ahead} ${percent(end.values[middle], digits)} (${interval})`);
    const medians = leads.map(({ values }) => values[middle]);
    const highest = Math.max(...medians);
    figures.push(["Median until then", range(Math.min(...medians), highest, digits) + THIN + "%", `highest ${when(leads[medians.indexOf(highest)].t)}`]);
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

export function showKey(levels, thresholds) {
  const entries = [["observed", "Observed"]];
  if (levels) entries.push(["median", "Median"], ...bands(levels).map(({ percent: p }) => [`band-${p}`, percent(p, 0)]));
  for (const { direction, humidity_pct } of thresholds) entries.push(["threshold", `${direction} ${percent(humidity_pct, 0)}`]);
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
    } else if (point.lead === undefined) parts.push(["", point.time === forecast?.origin ? "start of the forecast" : "no observation"]);
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
    const within = (values, wanted, kind = "") => {
      const band = bands(forecast.levels).find(({ percent }) => percent === wanted);
      return cell(band ? range(values[band.low], values[band.high]) : NONE, kind);
    };
    return leads.map(({ t, lead, values, temperature, dewPoint, skill }) => element("tr", {},
      rowHead(span(lead)), cell(when(t), "wide"), cell(percent(values[medianIndex(forecast.levels)])),
      within(values, 80), within(values, 90, "wide"), cell(celsius(temperature), "wide"), cell(celsius(dewPoint), "wide"), cell(number(skill, 2))));
  });
  $("forecast").hidden = leads.length === 0;
  const latest = (observed?.times ?? []).map((t, i) => [t, observed.humidity[i], observed.temperature[i]]).slice(-9).reverse();
  rebuild($("latest").tBodies[0], latest, () => latest.map(([t, humidity, temperature]) =>
    element("tr", {}, rowHead(when(t)), cell(percent(humidity)), cell(celsius(temperature)))));
  $("latest").hidden = latest.length === 0;
}
