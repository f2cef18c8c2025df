// SPDX-License-Identifier: Apache-2.0
// Documents that are asked for again and again, and only travel when they changed.

/** A document at an URL; `show` is called with it whenever it is a new one. */
export class Source {
  #url;
  #tag = null;
  #show;
  #asked = 0;
  #running = null;

  /** @param everySeconds how often it can change; a page that looks oftener is not sent on. */
  constructor(url, show, everySeconds = 0) {
    this.#url = url;
    this.#show = show;
    this.everySeconds = everySeconds;
  }

  /** Ask elsewhere from now on. */
  move(url) {
    if (url === this.#url) return;
    this.#url = url;
    this.#tag = null;
    this.#asked = 0;
  }

  isDue(now) {
    return now - this.#asked >= this.everySeconds * 1000;
  }

  /** Ask now.  Throws if there is no answer, or none that can be shown. */
  async ask() {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.#asked = Date.now();
    const url = this.#url;
    const headers = { Accept: "application/json" };
    if (this.#tag) headers["If-None-Match"] = this.#tag;
    try {
      const answer = await fetch(url, { headers, signal: running.signal, cache: "no-store" });
      if (answer.status === 304) return;
      if (!answer.ok) throw new Refused(answer.status);
      const document = await answer.json();
      if (url !== this.#url) return;
      this.#tag = answer.headers.get("ETag");
      this.#show(document);
    } catch (error) {
      // Another question took its place.
      if (error.name !== "AbortError") throw error;
    }
  }
}

export class Refused extends Error {
  constructor(status) {
    super(`answered ${status}`);
    this.status = status;
  }
}

/** Asks all sources every few seconds, while somebody can see the page. */
export class Refresh {
  #sources = [];
  #tell;
  #seconds;
  #timer = null;

  /** @param tell called with null when all is well, else with what is wrong. */
  constructor(seconds, tell) {
    this.#seconds = seconds;
    this.#tell = tell;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) clearTimeout(this.#timer);
      else this.now(this.#due());
    });
  }

  add(source) {
    this.#sources.push(source);
    return source;
  }

  async now(sources = this.#sources) {
    clearTimeout(this.#timer);
    const said = await Promise.allSettled(sources.map((source) => source.ask()));
    this.#tell(said.find((one) => one.status === "rejected")?.reason ?? null);
    this.#resume();
  }

  #resume() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    this.#timer = setTimeout(() => this.now(this.#due()), this.#seconds * 1000);
  }

  #due() {
    const now = Date.now();
    return this.#sources.filter((source) => source.isDue(now));
  }
}
