// Forecast errors of a sensor, missing data of a device, and technical details for operators.

import { $, cell, element, pairs, rebuild, rowHead } from "./dom.js";
import { dated, instant, number, percent, span, THIN } from "./words.js";

const modelName = (counter) => (counter === 0 ? "The model that ships with the program" : `Model ${counter}`);
const CLOCKS = { synchronised: "synchronised", holdover: "not synchronised now, but it was set before", unknown: "never set since the host started" };

/** Technical details of the device and its model. */
export function showDetails(device, sensor, forecast) {
  const release = forecast ? forecast.release : device.release;
  const list = [
    ["Device", device.id], ["Sensor kind", sensor.kind], ["Time step", span(sensor.step_s)], ["Clock", CLOCKS[device.clock] ?? device.clock],
    ["Last heard from", dated(instant(device.last_seen_at))], ["Rows waiting to be sent", String(device.backlog)],
    ["Model", modelName(release?.counter ?? 0)],
  ];
  if (release) list.push(["SHA-256 of the model", element("code", { title: release.sha256 }, release.sha256.slice(0, 12))]);
  if (device.release_expires_at) {
    const when = dated(instant(device.release_expires_at));
    list.push(["Model expires", device.release_expired ? `expired on ${when}: check the connection to the cloud` : when]);
  }
  if (device.release_refused) list.push(["Last model offered", `refused: ${device.release_refused}`]);
  if (forecast) list.push(["Method", forecast.method], ["Last observation used", dated(forecast.origin)], ["Forecast made", dated(forecast.issuedAt)]);
  rebuild($("use"), [list.map(String), release], () => pairs(list));
}

function ratio(mine, other, kind = "") {
  const value = mine / other;
  const verdict = value < 0.995 ? "better" : value < 1.005 ? "even" : "worse"; // as the two decimals show it
  return cell(number(value, 2), `${verdict} ${kind}`);
}

/** The errors of one sensor's forecasts. */
export function showScores(device, sensor, forecast) {
  const current = (forecast ? forecast.release : device.release)?.counter ?? 0;
  const scores = sensor.scores ?? [];
  const counters = [...new Set(scores.map(({ release }) => release))].sort((a, b) => (b === current) - (a === current) || b - a);
  $("scores-empty").hidden = scores.length > 0;
  $("scores-note").hidden = $("scores").parentElement.hidden = scores.length === 0;
  rebuild($("scores"), [scores, current], () => [$("scores").caption, $("scores").tHead, ...counters.map((counter) => {
    const name = modelName(counter) + (counter === current ? ", in use" : "");
    const head = element("tr", { class: "group" }, element("th", { scope: "rowgroup", colspan: 8 }, name));
    const ordered = scores.filter(({ release }) => release === counter).sort((a, b) => a.lead_time_s - b.lead_time_s);
    return element("tbody", {}, head, ...ordered.map((score) => element("tr", {},
      rowHead(span(score.lead_time_s)), cell(number(score.mae_pct, 2), "strong"),
      cell(number(score.persistence_mae_pct, 2), "wide"), ratio(score.mae_pct, score.persistence_mae_pct),
      cell(number(score.climatology_mae_pct, 2), "wide"), ratio(score.mae_pct, score.climatology_mae_pct),
      cell(percent(score.coverage_80 * 100, 0)), cell(String(score.count), "wide"))));
  })]);
}

const reasons = {
  sensor_error: "sensor gave no reading", evicted_by_age: "deleted because too old", evicted_by_size: "deleted because the store was full",
  store_repaired: "store was damaged", not_sampled: "host was asleep or stopped",
};

const alarmNames = { silent: "Silent", two_hosts: "Two hosts sent as this device" };

/** The alarms about sensors bring their own sentence, which names the first day of the fault. */
function alarmText({ kind, text, since, ended }) {
  const name = alarmNames[kind];
  if (!name) return ended ? `${text} (ended ${dated(instant(ended))})` : text;
  return ended ? `${name} from ${dated(instant(since))} to ${dated(instant(ended))}` : `${name} since ${dated(instant(since))}`;
}

/** `missed`: holes and alarms of the device, newest first; null while they are not known. */
export function showMissed(missed) {
  $("missed").hidden = !missed;
  if (!missed) return;
  const { holes, alarms } = missed;
  $("missed-empty").hidden = holes.length + alarms.length > 0;
  rebuild($("alarms"), alarms, () => alarms.map((alarm) => element("li", {}, alarmText(alarm))));
  $("alarms").hidden = alarms.length === 0;
  $("holes").parentElement.hidden = holes.length === 0;
  rebuild($("holes").tBodies[0], holes, () => holes.map(({ sensor, reason, from, to, count }) => element("tr", {},
    rowHead(sensor ?? "all"), cell(reasons[reason] ?? reason, "wrap"), cell(`${dated(instant(from))} –${THIN}${dated(instant(to))}`, "wrap"),
    cell(String(count), "num"))));
}
