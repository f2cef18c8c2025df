// SPDX-License-Identifier: Apache-2.0
// One chart: a stack of bands, or one curve, drawn by uPlot.
//
// Answers the pointer (value under it; drag zooms, double click shows all again)
// and the keyboard in the same way, and tells the values as text and as a table.

import { instant, number, energy, power, watts } from "./words.js";

const STEP_KEYS = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 };

export class Chart {
  #section;
  #host;
  #document = null;
  #plot = null;
  #shape = "";
  #stacks = [];
  #at = null;
  #zoomed = false;

  /** @param section the element that parts.html makes for a chart. */
  constructor(section) {
    this.#section = section;
    this.#host = section.querySelector("[data-plot]");
    this.#host.tabIndex = 0;
    this.#host.setAttribute("role", "slider");
    this.#host.setAttribute("aria-label", `${section.dataset.label}, watts`);
    this.#host.setAttribute("aria-valuemin", "0");
    this.#host.addEventListener("keydown", (event) => this.#press(event));
    this.#host.addEventListener("focus", () => this.#say());
    this.#host.addEventListener("blur", () => this.#point(null));
    new ResizeObserver(() => this.#fit()).observe(this.#host);
    this.#details.addEventListener("toggle", () => this.#tabulate());
  }

  get #details() {
    return this.#section.querySelector("[data-values]");
  }

  /** Show the newest numbers; a zoom stays as it is. */
  show(document) {
    this.#document = fill(document);
    const names = document.groups.map((group) => `${group.colour} ${group.name}`);
    const shape = [document.min ? "range" : "", ...names].join("\n");
    if (this.#plot && shape === this.#shape) this.#plot.setData(this.#data(), !this.#zoomed);
    else this.#draw(shape);
    if (this.#zoomed) this.#rescale();
    this.#writeLegend();
    this.#writeGroups();
    this.#point(this.#plot.cursor.idx ?? null);
    this.#tabulate();
    this.#section.classList.add("drawn");
  }

  /** Draw anew, in other colours. */
  recolour() {
    if (this.#plot) this.#draw(this.#shape);
  }

  #data() {
    const { times, total, groups } = this.#document;
    if (groups.length < 2) {
      this.#stacks = [total];
      const { min, max } = this.#document;
      return min ? [times, max, min, total] : [times, total];
    }
    let below = times.map(() => 0);
    const known = (at) => groups.some((group) => group.values[at] != null);
    this.#stacks = groups.map((group) => {
      below = below.map((sum, at) => sum + (group.values[at] ?? 0));
      return below.map((sum, at) => (known(at) ? sum : null));
    });
    return [times, ...this.#stacks, this.#stacks.at(-1)];
  }

  #draw(shape) {
    const scales = this.#zoomed ? { ...this.#plot.scales.x } : null;
    this.#plot?.destroy();
    this.#shape = shape;
    const data = this.#data();
    this.#plot = new uPlot(this.#options(), data, this.#host);
    this.#plot.root.setAttribute("aria-hidden", "true");
    if (scales) this.#plot.setScale("x", { min: scales.min, max: scales.max });
  }

  #options() {
    const colour = (name) => colourOf(this.#host, name);
    const { groups } = this.#document;
    const stacked = groups.length > 1;
    const ranged = !stacked && this.#document.min;
    const ink = colour("--chart-text");
    const axis = { stroke: ink, font: fontOf(this.#host), grid: { stroke: colour("--chart-grid"), width: 1 },
      ticks: { show: false } };
    return {
      ...this.#size(),
      padding: [12, 22, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: true, y: false, dist: 6 },
        points: { show: !stacked, size: 9 },
        focus: { prox: -1 },
      },
      scales: { x: { time: true }, y: { range: (_, __, most) => [0, roof(most)] } },
      axes: [
        { ...axis, grid: { show: false }, values: labelTimes, space: roomForTime, gap: 8, size: 34 },
        { ...axis, values: (_, splits) => labelWatts(splits), size: 62, gap: 8, space: 44 },
      ],
      series: [
        {},
        ...(stacked
          ? groups.map((group) => bandOf(colourOfBand(this.#host, group.colour), colour("--card")))
          : []),
        // The most and the least within each row; what is between them is filled.
        ...(ranged ? [UNDRAWN, UNDRAWN] : []),
        stacked
          ? { stroke: colour("--band-total"), width: 1.5, points: { show: false } }
          : lineOf(colourOfBand(this.#host, 0)),
      ],
      bands: bandsOf(groups.length, ranged && translucent(colourOfBand(this.#host, 0), 0.3)),
      hooks: {
        setCursor: [(plot) => this.#point(plot.cursor.idx ?? null)],
        setScale: [(plot, key) => key === "x" && this.#noteZoom(plot)],
      },
    };
  }

  #noteZoom(plot) {
    const times = plot.data[0];
    this.#zoomed = plot.scales.x.min > times[0] || plot.scales.x.max < times.at(-1);
    this.#section.classList.toggle("zoomed", this.#zoomed);
  }

  #rescale() {
    const { min, max } = this.#plot.scales.x;
    this.#plot.setScale("x", { min, max });
  }

  #size() {
    return { width: Math.max(200, this.#host.clientWidth), height: Math.max(120, this.#host.clientHeight) };
  }

  #fit() {
    this.#plot?.setSize(this.#size());
  }

  // ------------------------------------------------------------ value under the pointer

  #point(at) {
    if (!this.#document) return;
    this.#at = at;
    const reading = this.#section.querySelector("[data-reading]");
    reading.textContent = at == null ? "" : this.#read(at);
    this.#writeGroups();
    const last = this.#document.times.length - 1;
    this.#host.setAttribute("aria-valuemax", String(Math.max(0, last)));
    this.#host.setAttribute("aria-valuenow", String(at ?? Math.max(0, last)));
    this.#host.setAttribute("aria-valuetext", this.#read(at ?? last));
  }

  #read(at) {
    const { times, total, step } = this.#document;
    if (times[at] === undefined) return "no values";
    return `${instant(times[at], step)}  ${total[at] == null ? "not measured" : watts(total[at])}`;
  }

  // ------------------------------------------------------------ the keyboard

  #press(event) {
    const plot = this.#plot;
    if (!plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = plot.data[0].length - 1;
    const now = this.#at ?? last;
    if (event.key in STEP_KEYS) this.#moveTo(now + STEP_KEYS[event.key]);
    else if (event.key === "Home") this.#moveTo(0);
    else if (event.key === "End") this.#moveTo(last);
    else if (event.key === "+") this.#zoom(now, 0.5);
    else if (event.key === "-") this.#zoom(now, 2);
    else if (event.key === "Escape" || event.key === "0") this.#zoom(now, Infinity);
    else return;
    event.preventDefault();
  }

  #moveTo(at) {
    const plot = this.#plot;
    const { min, max } = plot.scales.x;
    const times = plot.data[0];
    const inView = (index) => times[index] >= min && times[index] <= max;
    const next = Math.min(times.length - 1, Math.max(0, at));
    if (!inView(next)) this.#shift(times[next]);
    plot.setCursor({ left: plot.valToPos(times[next], "x"), top: 1 });
    this.#point(next);
  }

  #shift(time) {
    const { min, max } = this.#plot.scales.x;
    const by = time < min ? time - min : time - max;
    this.#plot.setScale("x", { min: min + by, max: max + by });
  }

  #zoom(at, factor) {
    const plot = this.#plot;
    const times = plot.data[0];
    const [first, last] = [times[0], times.at(-1)];
    const { min, max } = plot.scales.x;
    const half = Math.max(2 * this.#document.step, ((max - min) * factor) / 2);
    const middle = times[at];
    plot.setScale("x", { min: Math.max(first, middle - half), max: Math.min(last, middle + half) });
  }

  #say() {
    if (this.#document && this.#at == null) this.#point(null);
  }

  // ------------------------------------------------------------ as text

  #writeLegend() {
    const { min, avg, max, last, kwh, cost, currency } = { ...this.#document.legend };
    const said = {
      least: watts(min),
      average: watts(avg),
      most: watts(max),
      last: watts(last),
      energy: kwh == null ? "–" : `${energy(kwh)}\u00a0kWh`,
      cost: cost == null ? "–" : `${number(cost, cost < 0.1 ? 3 : 2)}\u00a0${currency ?? ""}`,
    };
    for (const [name, text] of Object.entries(said)) {
      setText(this.#section.querySelector(`[data-of="${name}"]`), text);
    }
  }

  #writeGroups() {
    const { groups, total } = this.#document;
    const list = this.#section.querySelector("[data-groups]");
    list.hidden = groups.length < 2;
    if (list.hidden) return;
    const at = this.#at ?? lastKnown(total);
    // From the top of the stack to its bottom, as the eye meets the bands.
    const shown = [...groups].reverse();
    if (list.dataset.shape !== this.#shape) {
      list.dataset.shape = this.#shape;
      list.replaceChildren(...shown.map((group) => this.#makeGroup(group)));
    }
    shown.forEach((group, row) => setText(list.children[row].lastChild, watts(group.values[at])));
  }

  #makeGroup(group) {
    const item = element("li");
    const name = this.#nameGroup(group, this.#document.groups.every(({ probes }) => probes === 1));
    name.className = "group-name";
    item.append(element("i", { className: `swatch band-${group.colour % 20}` }), name,
      element("b", { textContent: "–" }));
    return item;
  }

  #nameGroup(group, isProbe) {
    if (!isProbe) return element("span", { textContent: group.name });
    const root = document.documentElement.dataset.root;
    return element("a", { textContent: group.name, href: `${root}/probe/${encodeURIComponent(group.name)}/` });
  }

  #tabulate() {
    const details = this.#details;
    if (!details.open || !this.#document) return;
    const { times, total, step, groups } = this.#document;
    const several = groups.length > 1 ? groups : [];
    const head = ["Time", "Total, W", ...several.map((group) => `${group.name}, W`)];
    const cells = (at) => [total[at], ...several.map((group) => group.values[at])];
    const row = (time, at) => [instant(time, step), ...cells(at).map((value) => (value == null ? "–" : number(value, 1)))];
    details.querySelector("thead").replaceChildren(makeRow("th", head));
    details.querySelector("tbody").replaceChildren(
      ...times.map((time, at) => makeRow("td", row(time, at))).reverse(),
    );
  }
}

/** The document over all of its span: what is not known of its beginning is a gap. */
function fill(document) {
  const { times, start, step, groups, total, min, max } = document;
  if (times.length && times[0] <= start + step) return document;
  const before = (values) => values && [null, ...values];
  return {
    ...document,
    times: [start, ...times],
    groups: groups.map((group) => ({ ...group, values: before(group.values) })),
    total: [null, ...total],
    min: before(min),
    max: before(max),
  };
}

function lastKnown(values) {
  for (let at = values.length - 1; at >= 0; at--) if (values[at] != null) return at;
  return 0;
}

function bandOf(colour, edge) {
  return { stroke: edge, fill: translucent(colour, 0.9), width: 1, points: { show: false } };
}

const UNDRAWN = { width: 0, points: { show: false } };

function lineOf(colour) {
  return {
    stroke: colour,
    width: 2,
    fill: (plot) => fade(plot, colour),
    points: { show: false },
  };
}

/** Each of a stack's bands ends at the one below; a range's upper edge at its lower one. */
function bandsOf(count, fill) {
  if (fill) return [{ series: [1, 2], fill }];
  return Array.from({ length: Math.max(0, count - 1) }, (_, at) => ({ series: [at + 2, at + 1] }));
}

function fade(plot, colour) {
  const { top, height } = plot.bbox;
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, translucent(colour, 0.34));
  gradient.addColorStop(1, translucent(colour, 0.04));
  return gradient;
}

/** A round number that leaves some room above the most. */
function roof(most) {
  if (!(most > 0)) return 1;
  const step = 10 ** Math.floor(Math.log10(most)) / 5;
  return Math.ceil((most * 1.06) / step) * step;
}

/** How far apart labels must be at least, in pixels: those with seconds are longer. */
function roomForTime(_, __, from, to, width) {
  return (48 * (to - from)) / width <= 30 ? 68 : 48;
}

function labelWatts(splits) {
  const most = Math.max(...splits);
  const [factor, unit] = most >= 1e7 ? [1e6, "MW"] : most >= 1e4 ? [1e3, "kW"] : [1, "W"];
  const step = splits.length > 1 ? (splits[1] - splits[0]) / factor : 1;
  const digits = Math.min(3, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  return splits.map((value) => `${number(value / factor, digits)} ${unit}`);
}

const pad = (value) => String(value).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function labelTimes(_, splits, __, ___, stepSeconds) {
  return splits.map((value) => {
    const moment = new Date(value * 1000);
    const clock = `${pad(moment.getHours())}:${pad(moment.getMinutes())}`;
    if (stepSeconds < 60) return `${clock}:${pad(moment.getSeconds())}`;
    if (stepSeconds < 43200 && clock !== "00:00") return clock;
    const day = `${moment.getDate()} ${MONTHS[moment.getMonth()]}`;
    return stepSeconds >= 28 * 86400 ? `${MONTHS[moment.getMonth()]}` : day;
  });
}

// ---------------------------------------------------------------- colours

function resolve(host, styled) {
  const probe = element("i");
  styled(probe);
  host.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

const colourOf = (host, name) => resolve(host, (probe) => (probe.style.color = `var(${name})`));

const colourOfBand = (host, band) =>
  resolve(host, (probe) => {
    probe.className = `band-${band % 20}`;
    probe.style.color = "var(--band)";
  });

const translucent = (colour, alpha) => colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);

const fontOf = (host) => `12px ${getComputedStyle(host).fontFamily}`;

// ---------------------------------------------------------------- elements

export function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}

export function setText(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

function makeRow(cell, texts) {
  const row = element("tr");
  row.append(...texts.map((text, at) => {
    const made = element(at ? cell : "th", { textContent: text });
    made.scope = cell === "th" ? "col" : at ? "" : "row";
    return made;
  }));
  return row;
}
