// SPDX-License-Identifier: Apache-2.0
// Numbers and times as people read them; the same rules as sites.py has.

const grouped = (digits) =>
  new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const FORMATS = [0, 1, 2, 3].map(grouped);

export const number = (value, digits = 0) => FORMATS[digits].format(value);

/** [number, unit] of watts, short enough to be read from afar. */
export function power(watts) {
  for (const [factor, unit] of [[1e6, "MW"], [1e3, "kW"]]) {
    const size = Math.abs(watts) / factor;
    if (size >= 10) return [number(watts / factor, size < 100 ? 2 : 1), unit];
  }
  return [number(watts, Math.abs(watts) >= 100 ? 0 : 1), "W"];
}

export const watts = (value) => (value == null ? "–" : power(value).join("\u00a0"));

export const energy = (kwh) => number(kwh, kwh < 1 ? 3 : kwh < 100 ? 2 : kwh < 1000 ? 1 : 0);

const SECONDS = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const MINUTES = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});
const DAYS = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/** An instant, as finely as values that are so many seconds apart need. */
export function instant(timestamp, stepSeconds = 1) {
  const moment = new Date(timestamp * 1000);
  if (stepSeconds < 900) return SECONDS.format(moment);
  return (stepSeconds < 604800 ? MINUTES : DAYS).format(moment);
}
