// SPDX-License-Identifier: Apache-2.0
// What a page does after it is shown: draws its charts, and keeps itself current.

import { Chart, element, setText } from "./chart.js";
import { List, joinIds } from "./list.js";
import { Refresh, Source } from "./source.js";
import { energy, instant, number, power } from "./words.js";

const root = document.documentElement;
const refreshSeconds = Number(root.dataset.refreshSeconds);
const STEP_SECONDS = { minute: 1, hour: 10, day: 900, week: 7200, month: 21600, year: 604800 };
/** What changes once a day is still looked at once a minute. */
const SELDOM_SECONDS = 60;
const SHOWN_CHOSEN = 40;

const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const one = (selector, from = document) => from.querySelector(selector);

// ---------------------------------------------------------------- light and dark

const charts = [];

function startTheme() {
  const button = one("[data-theme-toggle]");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    for (const chart of charts) chart.recolour();
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("kwapi-theme", root.dataset.theme);
    } catch {
      // It holds for this page, then.
    }
    show();
  });
  system.addEventListener("change", show);
  show();
}

// ---------------------------------------------------------------- how it goes

let lastAnswer = Date.now();

/** Say what is wrong, once; and when it is well again. */
function tell(error) {
  const state = one("[data-state]");
  if (!error) {
    lastAnswer = Date.now();
    state.classList.remove("wrong");
    setText(state, "");
    return;
  }
  state.classList.add("wrong");
  const since = instant(lastAnswer / 1000);
  const refused = error.status === 401 || error.status === 403;
  setText(state, refused
    ? "You may not look at this any more; reload the page."
    : `No answer since ${since}; this page tries again by itself.`);
}

// ---------------------------------------------------------------- totals

function showTotals(totals) {
  const [figure, unit] = power(totals.watts);
  setText(one('[data-figure="watts"]'), figure);
  setText(one('[data-unit="watts"]'), unit);
  setText(one('[data-figure="kwh"]'), energy(totals.kwh_today));
  setText(one('[data-figure="cost"]'), number(totals.cost_today, 2));
  setText(one('[data-figure="probes"]'), number(totals.probes));
  const silent = totals.probes - totals.fresh;
  setText(one("[data-silent]"), silent ? `, ${number(silent)} silent` : "");
}

const periodOf = (url) => url.split("/series/")[1].split("/")[0];

const seldom = (period) => Math.min(SELDOM_SECONDS, STEP_SECONDS[period] ?? 0);

// ---------------------------------------------------------------- the page of a period

function withProbes(url, ids) {
  const query = joinIds(ids).map((value) => `probes=${encodeURIComponent(value).replaceAll("%2C", ",")}`);
  return query.length ? `${url}?${query.join("&")}` : url;
}

function startList(form, refresh, moved) {
  const chosen = one("[data-chosen]");
  const known = form.dataset.known;
  const choose = (ids) => {
    chosen.hidden = ids.length === 0;
    setText(one("[data-chosen-count]"), `${ids.length} of ${known} probes`);
    one("[data-chosen-list]").replaceChildren(...ids.slice(0, SHOWN_CHOSEN).map((id) => {
      const item = element("li");
      item.append(element("a", { textContent: id, href: `${form.dataset.probe}${encodeURIComponent(id)}/` }));
      return item;
    }));
    for (const [source, url] of moved) source.move(withProbes(url, ids));
  };
  const list = new List(form, {
    choose,
    ask: () => refresh.now(),
    everySeconds: seldom(periodOf(one("[data-chart]").dataset.series)),
  });
  refresh.add(list.source);
  one("[data-clear]").addEventListener("click", (event) => {
    event.preventDefault();
    list.set([]);
    refresh.now();
    one("#main").focus();
  });
  for (const [source, url] of moved) source.move(withProbes(url, list.chosen));
}

// ---------------------------------------------------------------- start

function start() {
  startTheme();
  for (const time of all("[data-time]")) setText(time, instant(Date.parse(time.dateTime) / 1000, 1));
  const refresh = new Refresh(refreshSeconds, tell);
  const moved = [];
  const totals = one("[data-totals]");
  if (totals) {
    const source = refresh.add(new Source(totals.dataset.totals, showTotals));
    moved.push([source, totals.dataset.totals]);
  }
  for (const section of all("[data-chart]")) {
    const chart = new Chart(section);
    const url = section.dataset.series;
    charts.push(chart);
    const source = new Source(url, (document) => chart.show(document), seldom(periodOf(url)));
    moved.push([refresh.add(source), url]);
  }
  const form = one("[data-list]");
  if (form) startList(form, refresh, moved);
  const empty = one("[data-empty]");
  if (empty) {
    refresh.add(new Source(empty.dataset.empty, ({ probes }) => probes && location.reload()));
  }
  refresh.now();
}

start();
