// SPDX-License-Identifier: Apache-2.0
// Which colours: the system's unless somebody chose others here.  Loaded before
// the page is painted, so that it does not flash; the button is in pages.js.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("with-scripts");
  try {
    const kept = localStorage.getItem("kwapi-theme");
    if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  } catch {
    // A browser may refuse to keep anything; then the system's colours hold.
  }
})();
