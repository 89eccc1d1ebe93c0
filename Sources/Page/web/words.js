// Numbers, times and states in words.

export const THIN = "\u202f", NONE = "–", HOUR_S = 3600;

const format = (options) => {
  const formatter = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", ...options });
  return (t) => (Number.isFinite(t) ? formatter.format(t).replaceAll(",", "") : NONE);
};
export const when = format({ weekday: "short", day: "numeric", month: "short" });
export const dated = format({ day: "numeric", month: "short", year: "numeric" });
export const clock = format({ second: "2-digit" });
export const hour = format({});
export const instant = (text) => (text ? Date.parse(text) : NaN);

/** How far this browser's clock is ahead of UTC, in seconds: outlooks are told in the reader's time. */
export const utcOffset = () => -new Date().getTimezoneOffset() * 60;

export const number = (value, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : NONE);
export const united = (value, unit, digits) => (Number.isFinite(value) ? number(value, digits) + THIN + unit : NONE);
export const percent = (value, digits) => united(value, "%", digits);
export const celsius = (value) => united(value, "°C");
export const range = (low, high, digits) => `${number(low, digits)}–${number(high, digits)}`;

export function span(seconds) {
  if (seconds < HOUR_S) return `${Math.round(seconds / 60)}${THIN}min`;
  if (seconds < 72 * HOUR_S) return `${+(seconds / HOUR_S).toFixed(1)}${THIN}h`;
  return `${+(seconds / 86400).toFixed(1)} days`;
}

export function age(now, then) {
  const seconds = (now - then) / 1000;
  if (!Number.isFinite(seconds)) return NONE;
  if (seconds < -HOUR_S) return "ahead"; // of the clock it is measured against
  if (seconds < 60) return "now";
  const unit = [[86400, "d"], [HOUR_S, "h"], [60, "min"]].find(([size]) => seconds >= size);
  return Math.floor(seconds / unit[0]) + THIN + unit[1];
}

/** States of devices and sensors from worst to best, as lists order them; "alarm" is a sensor with an alarm that is on. */
const WORST_FIRST = ["refused", "silent", "failing", "stale", "duplicate", "clock_unset", "flat", "saturated", "alarm", "revoked", "ok"];
const STATE_WORDS = { clock_unset: "clock unset", duplicate: "duplicate name" };
export const stateWords = (state) => STATE_WORDS[state] ?? state;
export const worst = (states) => WORST_FIRST.find((state) => states.includes(state)) ?? "ok";
export const isBad = (state) => ["refused", "silent", "failing", "stale"].includes(state);

/** "2 failing, 1 silent" from counts by state; "" where all are well. */
export function unwell(counts) {
  return WORST_FIRST.filter((state) => state !== "ok" && state !== "revoked" && counts[state] > 0)
    .map((state) => `${counts[state]} ${stateWords(state)}`).join(", ");
}
