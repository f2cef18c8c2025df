# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium, driven by playwright; records errors and failed requests."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any
from urllib import parse

from axe_playwright_python import base
from playwright import sync_api

CHROMIUM = "/usr/bin/chromium"
#: Generous: two cores may be shared by much else.
DEADLINE_MS = 30_000
#: Faults that keep somebody out.
_GRAVE = ("serious", "critical")


class Visit:
    """A page in a window of its own, and what was said and asked in it."""

    def __init__(self, page: sync_api.Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.answers: list[sync_api.Response] = []
        self.dialogs: list[str] = []
        page.set_default_timeout(DEADLINE_MS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"{error}"))
        page.on("requestfailed", self._fail)
        page.on("response", self._note)
        page.on("dialog", self._dismiss)

    def _note(self, answer: sync_api.Response) -> None:
        self.answers.append(answer)

    def _dismiss(self, dialog: sync_api.Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _hear(self, message: sync_api.ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _fail(self, request: sync_api.Request) -> None:
        # A page that is left, or asked for something else, gives up what it waits for.
        if "ERR_ABORTED" not in (request.failure or ""):
            self.complaints.append(f"{request.url}: {request.failure}")

    def hosts(self) -> set[str]:
        """Return whom the page asked."""
        return {parse.urlsplit(answer.url).netloc for answer in self.answers}

    def statuses(self, part: str) -> list[int]:
        """Return the statuses of answers whose URL has this in it, the first first."""
        return [answer.status for answer in self.answers if part in answer.url]

    def open(self, url: str) -> sync_api.Page:
        """Go there, and wait until its charts are drawn."""
        self.page.goto(url)
        self.wait_drawn()
        return self.page

    def wait_drawn(self) -> None:
        """Wait until each chart shows something."""
        undrawn = self.page.locator("[data-chart]:not(.drawn)")
        sync_api.expect(undrawn).to_have_count(0, timeout=DEADLINE_MS)

    def wait_answers(self, count: int) -> list[sync_api.Response]:
        """Wait until there are so many answers; return them all."""
        deadline = time.monotonic() + DEADLINE_MS / 1000
        while len(self.answers) < count and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        return list(self.answers)

    def overflows(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def find_faults(self) -> list[str]:
        """Return what axe finds that keeps somebody out: rule, and where."""
        self.page.evaluate(base.AXE_FILE_PATH.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run()")
        return [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            if one["impact"] in _GRAVE
            for node in one["nodes"]
        ]


@contextlib.contextmanager
def start() -> Iterator[sync_api.Browser]:
    """Run a browser."""
    # Without its sandbox, since tests may run as root in a container.
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def visit(browser: sync_api.Browser, width: int = 1280, **options: Any) -> Iterator[Visit]:
    """Open a window; its clock is in UTC."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, timezone_id="UTC", locale="en-GB", **options
    )
    try:
        yield Visit(context.new_page())
    finally:
        context.close()
