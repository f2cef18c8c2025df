// SPDX-License-Identifier: Apache-2.0
// The list of probes: finding, ordering, paging and choosing, without a reload.
//
// The address always says what is shown, so that it can be kept or sent.

import { element, setText } from "./chart.js";
import { power } from "./words.js";
import { Source } from "./source.js";

const SVG = "http://www.w3.org/2000/svg";
const TYPING_MS = 200;
/** A curve's own coordinates; the style sheet stretches it. */
const [WIDTH, HEIGHT] = [150, 40];

/** Probe ids in as few values as can be: those without a comma together. */
export function joinIds(ids) {
  const plain = ids.filter((id) => !id.includes(","));
  return [...(plain.length ? [plain.join(",")] : []), ...ids.filter((id) => id.includes(","))];
}

export class List {
  #form;
  #cards;
  #chosen;
  #page;
  #source;
  #ask;
  #choose;

  /**
   * @param choose called with the chosen ids whenever they change.
   * @param ask called when the list is to be asked for at once.
   */
  constructor(form, { choose, ask, everySeconds }) {
    this.#form = form;
    this.#cards = form.querySelector("[data-cards]");
    this.#choose = choose;
    this.#ask = ask;
    const here = new URLSearchParams(location.search);
    this.#page = Number(here.get("page") ?? 1) || 1;
    this.#chosen = new Set([...document.querySelectorAll("[data-chosen-list] a")].map((a) => a.textContent));
    for (const box of this.#boxes()) if (box.checked) this.#chosen.add(box.value);
    this.#source = new Source(this.#url(), (found) => this.show(found), everySeconds);
    this.#listen();
  }

  get source() {
    return this.#source;
  }

  get chosen() {
    return [...this.#chosen];
  }

  show(found) {
    this.#page = found.page;
    const byId = new Map([...this.#cards.children].map((card) => [card.dataset.id, card]));
    const cards = found.probes.map((probe, at) => {
      const card = byId.get(probe.id) ?? this.#make(probe);
      this.#fill(card, probe, found.curves[at]);
      return card;
    });
    this.#place(cards);
    setText(this.#form.querySelector("[data-found]"), String(found.found));
    this.#form.querySelector("[data-none]").hidden = found.found > 0;
    this.#turn(found);
  }

  /** Choose other probes; none means all. */
  set(ids) {
    this.#chosen = new Set(ids);
    for (const box of this.#boxes()) box.checked = this.#chosen.has(box.value);
    this.#changed();
  }

  // ------------------------------------------------------------ what is asked for

  #query({ all = true } = {}) {
    const query = new URLSearchParams();
    if (all) for (const value of joinIds(this.chosen)) query.append("probes", value);
    const text = this.#form.elements.q.value.trim();
    if (text) query.set("q", text);
    if (this.#form.elements.sort.value !== "name") query.set("sort", this.#form.elements.sort.value);
    if (this.#page > 1) query.set("page", this.#page);
    const said = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
    return said ? `?${said}` : "";
  }

  #url() {
    return this.#form.dataset.list + this.#query({ all: false });
  }

  #changed() {
    const query = this.#query();
    history.replaceState(null, "", location.pathname + query);
    for (const link of document.querySelectorAll("[data-keep-query]")) link.search = query;
    this.#source.move(this.#url());
    this.#choose(this.chosen);
  }

  #listen() {
    const form = this.#form;
    let timer = null;
    const anew = (page = 1) => {
      this.#page = page;
      this.#changed();
      this.#ask();
    };
    form.addEventListener("submit", (event) => (event.preventDefault(), anew()));
    form.elements.q.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(anew, TYPING_MS);
    });
    form.elements.sort.addEventListener("change", () => anew());
    form.querySelector("[data-pager]").addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link) return;
      event.preventDefault();
      if (link.getAttribute("aria-disabled") !== "true") anew(Number(link.dataset.page));
    });
    form.querySelector("[data-choose-shown]").addEventListener("click", () => {
      this.set([...this.#chosen, ...this.#boxes().map((box) => box.value)]);
      this.#ask();
    });
    this.#cards.addEventListener("change", ({ target }) => {
      if (target.name !== "probes") return;
      if (target.checked) this.#chosen.add(target.value);
      else this.#chosen.delete(target.value);
      this.#changed();
      this.#ask();
    });
  }

  #boxes() {
    return [...this.#cards.querySelectorAll('input[name="probes"]')];
  }

  // ------------------------------------------------------------ cards

  #make(probe) {
    const card = element("li", { className: "card probe" });
    card.dataset.id = probe.id;
    const box = element("input", { type: "checkbox", name: "probes", value: probe.id });
    box.checked = this.#chosen.has(probe.id);
    box.setAttribute("aria-label", `Choose ${probe.id}`);
    const href = `${this.#form.dataset.probe}${encodeURIComponent(probe.id)}/`;
    const value = element("span", { className: "watts" });
    value.append(element("b"), " ");
    card.append(
      box,
      element("a", { className: "name", href, textContent: probe.id }),
      element("span", { className: "meter" }),
      value,
      element("span", { className: "curve" }),
    );
    return card;
  }

  #fill(card, probe, curve) {
    const [figure, unit] = power(probe.watts);
    card.classList.toggle("silent", probe.silent);
    setText(card.querySelector(".meter"), probe.silent ? `${probe.wattmeter}, silent` : probe.wattmeter);
    setText(card.querySelector(".watts b"), figure);
    const value = card.querySelector(".watts");
    if (value.lastChild.data !== ` ${unit}`) value.lastChild.data = ` ${unit}`;
    draw(card.querySelector(".curve"), curve);
  }

  #place(cards) {
    const now = [...this.#cards.children];
    if (now.length === cards.length && now.every((card, at) => card === cards[at])) return;
    const focused = this.#cards.contains(document.activeElement) ? document.activeElement : null;
    this.#cards.replaceChildren(...cards);
    if (focused?.isConnected) focused.focus({ preventScroll: true });
  }

  #turn({ page, pages }) {
    const pager = this.#form.querySelector("[data-pager]");
    pager.hidden = pages === 1;
    setText(pager.querySelector("[data-page-of]"), `Page ${page} of ${pages}`);
    const [back, on] = pager.querySelectorAll("a");
    point(back, page - 1, page > 1);
    point(on, page + 1, page < pages);
  }
}

function point(link, page, possible) {
  link.dataset.page = page;
  if (possible) {
    const query = new URLSearchParams(location.search);
    query.set("page", page);
    link.href = `?${query}`;
    link.removeAttribute("aria-disabled");
  } else {
    link.removeAttribute("href");
    link.setAttribute("aria-disabled", "true");
  }
}

// ---------------------------------------------------------------- curves

function draw(host, values) {
  const said = values.join(",");
  if (host.dataset.said === said) return;
  host.dataset.said = said;
  host.replaceChildren(makeCurve(values));
}

function makeCurve(values) {
  const svg = document.createElementNS(SVG, "svg");
  const set = (node, attributes) => {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  set(svg, { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" });
  const most = Math.max(1, ...values.filter((value) => value != null)) * 1.1;
  for (const run of runsOf(values)) {
    const points = run.map(([at, value]) =>
      `${((at / Math.max(1, values.length - 1)) * WIDTH).toFixed(1)} ${(HEIGHT - (value / most) * HEIGHT).toFixed(1)}`);
    const [first, last] = [points[0].split(" ")[0], points.at(-1).split(" ")[0]];
    const line = `M${points.join("L")}`;
    svg.append(
      set(document.createElementNS(SVG, "path"), { class: "under", d: `${line}L${last} ${HEIGHT}L${first} ${HEIGHT}Z` }),
      set(document.createElementNS(SVG, "path"), { class: "line", d: line }),
    );
  }
  return svg;
}

/** Stretches of known values: gaps stay gaps. */
function runsOf(values) {
  const runs = [];
  values.forEach((value, at) => {
    if (value == null) return;
    if (at && values[at - 1] != null) runs.at(-1).push([at, value]);
    else runs.push([[at, value]]);
  });
  return runs;
}
