// The header and the table of devices and sensors.

import { $, cell, element, say } from "./dom.js";
import { age, celsius, dated, instant, isBad, percent, stateWords, unwell, worst } from "./words.js";

export function showConnection(state, text) {
  $("connection").dataset.state = state;
  say($("connection"), text);
}

export const address = (device, sensor) => `#${encodeURIComponent(device)}/${encodeURIComponent(sensor)}`;

const rows = new Map();

function fleetRow() {
  const link = element("a", {}, element("span", { class: "device" }), " ", element("span", { class: "sensor" }));
  const cells = ["wide", "num strong", "num roomy", "num"].map((kind) => cell("", kind));
  const state = element("span", { class: "state" });
  return { link, cells, state, row: element("tr", {}, element("th", { scope: "row" }, link), ...cells, cell(state, "status")) };
}

/** The state of a sensor's row: its own or its device's, whichever is worse. */
export function rowState(device, sensor) {
  if (device.state === "revoked") return "revoked";
  const alarm = sensor && device.alerts.some((alert) => alert.sensor === sensor.name) ? "alarm" : "ok";
  return worst([device.state, sensor?.state ?? "ok", alarm]);
}

/** Counts by state in words: of the whole fleet where the server counts it, else of what is listed. */
function summary({ devices, counts }) {
  if (counts) return [unwell(counts.devices), unwell(counts.sensors)].filter(Boolean).join(", ");
  const found = {};
  for (const device of devices) {
    for (const state of [device.state, ...device.sensors.map((sensor) => sensor.state)]) found[state] = (found[state] ?? 0) + 1;
  }
  return unwell(found);
}

export function showFleet(fleet, selected) {
  const { face, now, devices, counts, release, next, isFirst, isFiltered } = fleet;
  const total = counts ? Object.values(counts.devices).reduce((sum, count) => sum + count, 0) : devices.length;
  const count = total === 1 ? "1 device" : `${next || !isFirst || isFiltered ? `${devices.length} of ` : ""}${total} devices`;
  say($("face"), `${face} · ${face === "edge" ? devices[0].id : count}`);
  const bad = summary(fleet);
  $("filter").hidden = face === "edge" || (total === 0 && !isFiltered);
  say($("unwell"), total === 0 ? "" : bad === "" ? "all ok" : bad);
  $("unwell").dataset.state = bad === "" ? "ok" : "failing";
  say($("fleet-empty"), isFiltered && devices.length === 0 ? "No device matches the name and the state above."
    : devices.length === 0 ? "No device has reported yet. To add a device: vaho-cloud device add NAME"
    : face === "edge" && devices[0].sensors.length === 0 ? "No sensor has reported yet. To list the sensors: vaho-edge sensors" : "");
  $("fleet").hidden = !$("fleet-empty").hidden;
  $("pages").hidden = !next && isFirst;
  $("page-back").disabled = isFirst;
  $("page-next").disabled = !next;
  say($("served"), face === "edge" ? "" : release
    ? `Devices get the model of ${dated(instant(release.created_at))}.`
    : "No model has been trained yet: devices use the one that ships with the program.");

  const wanted = new Map();
  for (const device of devices) {
    for (const sensor of device.sensors.length ? device.sensors : [null]) {
      const key = address(device.id, sensor?.name ?? "");
      if (!rows.has(key)) rows.set(key, fleetRow());
      const { link, cells, state, row } = rows.get(key);
      const last = sensor?.last, present = last?.present;
      const texts = [
        sensor ? sensor.place ?? "" : device.state_detail ?? "", present ? percent(last.humidity_pct) : last ? `(${percent(last.humidity_pct)})` : percent(NaN),
        present ? celsius(last.temperature_c) : celsius(NaN), age(instant(device.now) || now, instant(last?.time)),
      ];
      cells[1].classList.toggle("old", Boolean(last) && !present);
      cells[1].title = last && !present ? "the last good value, not the present one" : "";
      const chosen = selected && device.id === selected.device && sensor?.name === selected.sensor;
      say(link.firstChild, device.id);
      say(link.lastChild, sensor?.name ?? "no sensor yet");
      if (sensor) link.href = key;
      link.ariaCurrent = chosen ? "true" : null;
      texts.forEach((text, i) => { if (cells[i].textContent !== text) cells[i].textContent = text; });
      state.dataset.state = rowState(device, sensor);
      state.classList.toggle("bad", isBad(state.dataset.state));
      say(state, stateWords(state.dataset.state));
      wanted.set(key, row);
    }
  }
  const body = $("fleet").tBodies[0];
  [...wanted.values()].forEach((row, i) => { if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] ?? null); });
  while (body.rows.length > wanted.size) body.lastChild.remove();
  for (const key of rows.keys()) if (!wanted.has(key)) rows.delete(key);
}
