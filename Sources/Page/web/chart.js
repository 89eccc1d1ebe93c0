// The fan chart: observations, then the forecast's median in its intervals. Wraps dygraphs.

const GAP_MS = 70 * 60_000; // the store bridges 60 min; what is longer is a break, not a line
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });
const HOUR = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

// The legend of dygraphs measures text with an inline style, which the Content-Security-Policy forbids; the page has a legend of its own.
if (window.Dygraph) window.Dygraph.PLUGINS = window.Dygraph.PLUGINS.filter((plugin) => plugin !== window.Dygraph.Plugins.Legend);

export const available = () => typeof window.Dygraph === "function";

/** Intervals from wide to narrow, as indices into the levels: [{ percent, low, high }]. */
export function intervals(levels) {
  const found = [];
  for (let low = 0, high = levels.length - 1; low < high; low++, high--) {
    found.push({ percent: Math.round((levels[high] - levels[low]) * 100), low, high });
  }
  return found;
}

export const medianIndex = (levels) => levels.findIndex((level) => Math.abs(level - 0.5) < 1e-9);

/** Rows of dygraphs, [time, observed, median, lowest, highest]: null is joined over, NaN breaks the line. */
function rowsOf(observed, forecast) {
  const rows = new Map();
  const row = (t) => rows.get(t) ?? rows.set(t, [new Date(t), null, null, null, null]).get(t);
  observed.times.forEach((t, i) => {
    const before = observed.times[i - 1];
    if (t - before > GAP_MS) row((t + before) / 2)[1] = NaN;
    row(t)[1] = observed.humidity[i];
  });
  if (forecast) {
    const middle = medianIndex(forecast.levels);
    forecast.fan.forEach(({ t, values }) => {
      const at = row(t);
      [at[2], at[3], at[4]] = [values[middle], values[0], values[values.length - 1]];
    });
  }
  return [...rows.values()].sort((a, b) => a[0] - b[0]);
}

export class FanChart {
  #host; #hover; #zoom; #graph = null; #rows = []; #forecast = null; #thresholds = []; #times = new Map(); #at = null; #colours;

  /** Calls `hover` with { time, observation, lead } (indices or undefined) or null, `zoom` with whether it is zoomed. */
  constructor(host, hover, zoom) {
    [this.#host, this.#hover, this.#zoom] = [host, hover, zoom];
    host.addEventListener("keydown", (event) => this.#key(event));
    host.addEventListener("blur", () => this.#select(null));
    // dygraphs' own touch handling swallows the scroll of the page: here a finger reads values, the page scrolls.
    const touch = (event) => {
      if (!this.#graph || event.touches.length !== 1) return;
      const row = this.#graph.findClosestRow(event.touches[0].clientX - host.getBoundingClientRect().left);
      this.#select(this.#rows[row]?.[0].getTime() ?? null);
    };
    host.addEventListener("touchstart", touch, { passive: true });
    host.addEventListener("touchmove", touch, { passive: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#graph?.updateOptions(this.#look()));
  }

  /**
   * `observed` is { times, humidity }; `forecast` is { origin, levels, leads: [{ t, values }], skillEnd } or null; `thresholds` are
   * { direction, humidity_pct }.
   */
  show(observed, forecast, thresholds) {
    this.#thresholds = thresholds;
    // The fan opens at the last observation, so that it hangs together with what it continues.
    const origin = observed.times.indexOf(forecast?.origin);
    const start = origin < 0 ? [] : [{ t: forecast.origin, values: forecast.levels.map(() => observed.humidity[origin]) }];
    this.#forecast = forecast && { ...forecast, fan: [...start, ...forecast.leads] };
    this.#rows = rowsOf(observed, this.#forecast);
    this.#times = new Map();
    observed.times.forEach((t, i) => this.#times.set(t, { time: t, observation: i }));
    forecast?.leads.forEach(({ t }, i) => this.#times.set(t, { ...this.#times.get(t), time: t, lead: i }));

    if (!this.#graph) this.#graph = this.#make();
    else this.#graph.updateOptions({ file: this.#rows, valueRange: this.#valueRange() }); // keeps the zoom
    if (this.#at === null || this.#rows.length === 0) return;
    // What was read stays read: the same instant, or the nearest if lead times moved on.
    const distance = ([date]) => Math.abs(date - this.#at);
    this.#select(this.#rows.reduce((a, b) => (distance(b) < distance(a) ? b : a))[0].getTime());
  }

  unzoom() {
    if (this.#graph?.isZoomed()) this.#graph.resetZoom();
    this.#zoom(false);
  }

  /** Thresholds near the values are within the chart; a far one would flatten them, and is told at the chart's edge. */
  #valueRange() {
    const values = this.#rows.flatMap((row) => row.slice(1)).filter((value) => value !== null && Number.isFinite(value));
    if (values.length === 0) return [null, null];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const reach = Math.max(10, high - low);
    const near = this.#thresholds.map(({ humidity_pct }) => humidity_pct).filter((value) => value > low - reach && value < high + reach);
    const pad = Math.max(1, (high - low) * 0.06);
    return [Math.min(low, ...near) - pad, Math.max(high, ...near) + pad];
  }

  #make() {
    const { mousedown, willDestroyContextMyself, dblclick } = window.Dygraph.defaultInteractionModel;
    const edge = { strokeWidth: 0, highlightCircleSize: 2 };
    return new window.Dygraph(this.#host, this.#rows, {
      labels: ["time", "observed", "median", "lowest", "highest"],
      connectSeparatedPoints: true,
      interactionModel: { mousedown, willDestroyContextMyself, dblclick },
      highlightCircleSize: 4,
      valueRange: this.#valueRange(),
      xRangePad: 4,
      gridLineWidth: 1,
      axes: {
        x: {
          drawGrid: false, pixelsPerLabel: 64, axisLabelWidth: 64, axisLabelFormatter: (date) =>
            date.getHours() || date.getMinutes() ? HOUR.format(date) : DAY.format(date).replace(",", ""),
        },
        y: { axisLabelWidth: 42, pixelsPerLabel: 44, axisLabelFormatter: (value) => `${+value.toFixed(2)}\u202f%` },
      },
      series: { observed: { strokeWidth: 1.75 }, median: { strokeWidth: 2.25 }, lowest: edge, highest: edge },
      underlayCallback: (context, area, graph) => this.#underlay(context, area, graph),
      highlightCallback: (_event, time) => { this.#at = time; this.#tell(); },
      unhighlightCallback: () => { this.#at = null; this.#tell(); },
      zoomCallback: () => this.#zoom(this.#graph.isZoomed()),
      ...this.#look(),
    });
  }

  /** The style sheet's colours, so that light and dark are told in one place. */
  #look() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    this.#colours = { threshold: colour("warn"), bands: { 90: colour("band-90"), 80: colour("band-80"), 50: colour("band-50") }, mark: colour("muted") };
    const edge = colour("band-edge");
    return { colors: [colour("observed"), colour("median"), edge, edge], gridLineColor: colour("grid"), axisLineColor: colour("line") };
  }

  // Bands are drawn by hand, for dygraphs knows one band a series. Its context is scaled for the screen already.
  #underlay(context, area, graph) {
    context.save();
    context.beginPath();
    context.rect(area.x, area.y, area.w, area.h);
    context.clip();
    context.font = `12px ${getComputedStyle(this.#host).fontFamily}`;
    if (this.#forecast) this.#fan(context, area, graph);
    for (const threshold of this.#thresholds) this.#threshold(context, area, graph, threshold);
    context.restore();
  }

  #fan(context, area, graph) {
    const { fan, levels, origin, skillEnd } = this.#forecast;
    for (const { percent, low, high } of intervals(levels)) {
      context.beginPath();
      for (const { t, values } of fan) context.lineTo(graph.toDomXCoord(t), graph.toDomYCoord(values[high]));
      for (const { t, values } of fan.toReversed()) context.lineTo(graph.toDomXCoord(t), graph.toDomYCoord(values[low]));
      context.fillStyle = this.#colours.bands[percent] ?? this.#colours.bands[90];
      context.fill();
    }
    this.#mark(context, area, graph.toDomXCoord(origin), `forecast from ${Date.now() - origin > 24 * 3_600_000 ? DAY.format(origin) + " " : ""}${HOUR.format(origin)}`, area.y + 4);
    if (Number.isFinite(skillEnd) && skillEnd < fan.at(-1)?.t) {
      this.#mark(context, area, graph.toDomXCoord(skillEnd), "skill ends", area.y + 20);
    }
  }

  /** A line from side to side; where it lies beyond the chart, an arrow at that edge. */
  #threshold(context, area, graph, { direction, humidity_pct: value }) {
    const at = graph.toDomYCoord(value);
    const [top, bottom] = [area.y, area.y + area.h];
    const label = `${direction} ${+value.toFixed(1)}\u202f%`;
    context.strokeStyle = context.fillStyle = this.#colours.threshold;
    context.textAlign = "left";
    if (at < top || at > bottom) {
      context.textBaseline = at < top ? "top" : "bottom";
      context.fillText(`${label} ${at < top ? "↑" : "↓"}`, area.x + 6, at < top ? top + 4 : bottom - 4);
      return;
    }
    const y = Math.round(at) + 0.5;
    context.setLineDash([6, 3]);
    context.beginPath();
    context.moveTo(area.x, y);
    context.lineTo(area.x + area.w, y);
    context.stroke();
    context.textBaseline = y - top < 16 ? "top" : "bottom";
    context.fillText(label, area.x + 6, y - top < 16 ? y + 3 : y - 3);
  }

  /** A dashed line from top to bottom, its label to the left where there is room. */
  #mark(context, area, at, label, y) {
    const x = Math.round(at) + 0.5; // on half a pixel a line is crisp
    context.strokeStyle = context.fillStyle = this.#colours.mark;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(x, area.y);
    context.lineTo(x, area.y + area.h);
    context.stroke();
    context.textBaseline = "top";
    context.textAlign = x - area.x < context.measureText(label).width + 12 ? "left" : "right";
    context.fillText(label, context.textAlign === "right" ? x - 6 : x + 6, y);
  }

  #tell() {
    this.#hover(this.#at === null ? null : this.#times.get(this.#at) ?? { time: this.#at });
  }

  #select(time) {
    const row = time === null ? -1 : this.#rows.findIndex((r) => r[0].getTime() === time);
    this.#at = row < 0 ? null : time;
    if (row < 0) this.#graph?.clearSelection();
    else this.#graph?.setSelection(row);
    this.#tell();
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.#graph) return;
    const last = this.#rows.length - 1;
    const here = this.#rows.findIndex((r) => r[0].getTime() === (this.#at ?? this.#forecast?.origin));
    const step = event.shiftKey ? 6 : 1;
    const to = {
      ArrowLeft: (here < 0 ? last : here) - step, ArrowRight: (here < 0 ? last : here) + step, Home: 0, End: last,
    }[event.key];
    if (event.key === "Escape") this.#select(null);
    else if (to !== undefined) this.#select(this.#rows[Math.min(last, Math.max(0, to))]?.[0].getTime() ?? null);
    else return;
    event.preventDefault();
  }
}
