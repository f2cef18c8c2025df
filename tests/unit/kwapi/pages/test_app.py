# SPDX-License-Identifier: Apache-2.0
"""What the pages ask of those who draw and count, and what they tell a browser.

How they look and work is told by tests/functional/test_pages.py.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import webob
from oslo_config import cfg

from kwapi.graphs import palette
from kwapi.history import periods
from kwapi.pages import static_files
from tests.unit.kwapi.pages import page_standins

STATIC = Path(static_files.__file__).with_name("static")
PERIODS = [period.name for period in periods.PERIODS]
HOSTILE = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/",
    "%2e%2e%2f",
    ".",
    "..",
    "%00",
    "%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "'%20onload='x",
    "x" * 300,
    "%E2%80%AE%E2%80%AB",
    "%25%s%n",
    "A%0d%0aX-Injected:%20y",
    "{{7*7}}",
    "A/B",
    "%F0%9F%92%A1",
]


@pytest.fixture
def pages(conf: cfg.ConfigOpts, tmp_path: Path) -> page_standins.Pages:
    made = page_standins.Pages(conf, tmp_path)
    made.write("A", "B", "rack.10", "rack.9")
    return made


def test_the_root_leads_to_the_shortest_period(pages: page_standins.Pages) -> None:
    """As a path: a proxy that ends TLS would see an absolute URL lead to plain HTTP."""
    answer = pages.ask("/")
    assert (answer.status_int, answer.headers["Location"]) == (302, "/last/minute/")


def test_links_follow_where_the_pages_are_mounted(pages: page_standins.Pages) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "SCRIPT_NAME": "/energy"}
    page = webob.Request.blank("/last/hour/", environ=environ).get_response(pages.app)
    urls = re.findall(r'(?:href|src|srcset|action|data-[a-z]+)="(/[^"]*)"', page.text)
    assert len(urls) > 20
    assert {url for url in urls if not f"{url}/".startswith("/energy/")} == set()


@pytest.mark.parametrize(
    "path",
    ["/last/minute/", "/probe/A/", "/graph/day/", "/graph/day/A/?format=svg", "/series/day/",
     "/totals/", "/list/day/", "/nothing/", "/probe/Z/", "/", "/healthcheck"],
)  # fmt: skip
def test_every_answer_keeps_a_page_in_its_bounds(pages: page_standins.Pages, path: str) -> None:
    for answer in (pages.ask(path), pages.browse(path)):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy or "script-src 'self';" in policy
        assert "unsafe-inline" not in policy or path.startswith("/graph/")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/last/day/", "/probe/A/", "/last/day/?probes=A", "/nothing"])
def test_a_page_holds_no_script_style_or_foreign_address(
    pages: page_standins.Pages, path: str
) -> None:
    text = pages.browse(path).text
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)
    assert not re.search(r"https?://", text)


@pytest.mark.parametrize("name", PERIODS)
def test_a_period_has_page_graph_series_and_list(pages: page_standins.Pages, name: str) -> None:
    assert pages.ask(f"/last/{name}/").status_int == 200
    for path in (f"/series/{name}/", f"/series/{name}/A/"):
        assert pages.ask(path).json["period"] == name
    for path in (f"/graph/{name}/", f"/graph/{name}/A"):
        assert pages.ask(path).body.startswith(f"{name} png light".encode())
    assert len(pages.ask(f"/list/{name}/").json["curves"]) == 4


@pytest.mark.parametrize("path", ["/last/{}/", "/graph/{}/", "/series/{}/", "/list/{}/"])
def test_another_period_is_404_and_says_which_there_are(
    pages: page_standins.Pages, path: str
) -> None:
    answer = pages.ask(path.format("decade"))
    assert answer.status_int == 404
    error = answer.json["errors"][0]
    assert error["code"] == "kwapi.period_not_found"
    assert "minute, hour, day" in error["detail"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", ["/probe/{}/", "/graph/day/{}/", "/series/day/{}", "/last/{}/"])
def test_a_hostile_name_is_a_neat_404(pages: page_standins.Pages, path: str, name: str) -> None:
    """What is told back of it is escaped, short, and turns no writing around."""
    answer = pages.browse(path.format(name))
    assert answer.status_int in (404, 302)
    assert "X-Injected" not in answer.headers
    assert "<script>alert" not in answer.text
    assert not {"\u202e", "\u202b", "\x00"} & set(answer.text)
    assert "x" * 100 not in answer.text
    assert (pages.grapher.drawn, pages.series.asked) == (0, 0)


@pytest.mark.parametrize("path", ["/last/day/", "/graph/day/", "/series/day/", "/totals/"])
@pytest.mark.parametrize("query", ["probes=%2e%2e%2fx", "probes=<script>", "probes=Z,Y"])
def test_chosen_names_that_no_probe_has(pages: page_standins.Pages, path: str, query: str) -> None:
    """A page is still shown, for it is kept open while probes come and go; a graph is none."""
    answer = pages.browse(f"{path}?{query}")
    assert answer.status_int == (200 if path.startswith("/last") else 404)
    assert "<script>" not in answer.text


def test_errors_are_pages_for_browsers_and_json_for_others(pages: page_standins.Pages) -> None:
    page, document = pages.browse("/probe/Z/"), pages.ask("/probe/Z/")
    assert page.content_type == "text/html"
    assert "Probe Z is not known." in page.text
    assert document.json["errors"][0]["code"] == "kwapi.probe_not_found"
    assert page.headers["X-OpenStack-Request-ID"] in page.text
    assert pages.browse("/totals/", method="POST").headers["Allow"] == "GET, HEAD"


def test_a_head_request_has_no_body(pages: page_standins.Pages) -> None:
    for path in ("/last/day/", "/graph/day/", "/probe/Z/"):
        answer = pages.browse(path, method="HEAD")
        assert answer.body == b""
        assert int(answer.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    "query", ["format=gif", "theme=pink", "probes=" + "A," * 501, "format=", "theme=light%00"]
)
def test_what_a_graph_cannot_be_is_refused(pages: page_standins.Pages, query: str) -> None:
    assert pages.ask(f"/graph/day/?{query}").status_int == 400
    assert pages.grapher.drawn == 0


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=x", "page=²", "sort=x", "q=" + "x" * 256]
)
def test_what_a_list_cannot_be_is_refused(pages: page_standins.Pages, query: str) -> None:
    assert pages.ask(f"/list/day/?{query}").status_int == 400
    assert pages.browse(f"/last/day/?{query}").status_int == 400


def test_a_graph_is_drawn_once_for_all_who_ask(pages: page_standins.Pages) -> None:
    bodies = {pages.ask("/graph/minute/?theme=dark").body for _ in range(3)}
    assert bodies == {b"minute png dark  A,B,rack.9,rack.10 1"} or len(bodies) == 1
    assert pages.grapher.drawn == 1
    pages.ask("/graph/minute/")
    pages.ask("/graph/minute/?theme=dark&format=svg")
    pages.ask("/graph/minute/?probes=A&theme=dark")
    assert pages.grapher.drawn == 4


def test_a_graph_is_drawn_again_when_there_is_something_new(pages: page_standins.Pages) -> None:
    first = pages.ask("/graph/hour/")
    pages.write("A", "B", "rack.10", "rack.9", watts=200.0)
    assert pages.ask("/graph/hour/").body == first.body, "not before its step is over"
    pages.clock.advance(10)
    assert pages.ask("/graph/hour/").body != first.body


def test_a_new_probe_is_in_every_period_at_once(pages: page_standins.Pages) -> None:
    assert "A,B,rack" in pages.ask("/graph/year/").text
    pages.write("A", "B", "C")
    assert "A,B,C" in pages.ask("/graph/year/").text


def test_who_has_a_picture_is_told_so(pages: page_standins.Pages) -> None:
    first = pages.ask("/graph/day/A/")
    tag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    for headers in ({"If_None_Match": tag}, {"If_Modified_Since": modified}):
        again = pages.ask("/graph/day/A/", **headers)
        assert (again.status_int, again.body) == (304, b"")
        assert again.headers["ETag"] == tag
    stale = {"If_None_Match": '"another"', "If_Modified_Since": modified}
    assert pages.ask("/graph/day/A/", **stale).status_int == 200
    assert pages.ask("/graph/day/A/", If_Modified_Since="yesterday").status_int == 200


@pytest.mark.parametrize(
    "path", ["/last/day/", "/probe/A/", "/series/day/", "/series/day/A/", "/totals/", "/list/day/"]
)
def test_who_has_a_page_or_its_numbers_is_told_so(pages: page_standins.Pages, path: str) -> None:
    first = pages.ask(path)
    assert pages.ask(path, If_None_Match=first.headers["ETag"]).status_int == 304
    assert "private" in first.headers["Cache-Control"]


def test_totals_are_counted_anew_as_time_goes_by(pages: page_standins.Pages) -> None:
    """Probes fall silent without anybody saying so."""
    pages.ask("/totals/")
    pages.clock.advance(1)
    pages.ask("/totals/")
    assert pages.series.asked == 1
    pages.clock.advance(60)
    pages.ask("/totals/")
    assert pages.series.asked == 2


def test_a_probe_that_says_nothing_is_called_silent(pages: page_standins.Pages) -> None:
    pages.clock.advance(61)
    assert all(probe["silent"] for probe in pages.ask("/list/day/").json["probes"])
    pages.clock.advance(-2)
    assert not any(probe["silent"] for probe in pages.ask("/list/day/").json["probes"])


def test_a_wattmeters_name_is_text(conf: cfg.ConfigOpts, tmp_path: Path) -> None:
    pages = page_standins.Pages(conf, tmp_path)
    pages.write("A", wattmeter='"><img src=x onerror=alert(1)>')
    for path in ("/last/day/", "/probe/A/"):
        assert "<img src=x" not in pages.ask(path).text


def test_an_empty_installation_says_what_to_do(conf: cfg.ConfigOpts, tmp_path: Path) -> None:
    pages = page_standins.Pages(conf, tmp_path / "not there yet")
    page = pages.ask("/last/day/")
    assert page.status_int == 200
    assert "kwapi-drivers --check" in page.text
    assert pages.ask("/totals/").json["probes"] == 0
    assert pages.ask("/list/day/").json["probes"] == []
    assert pages.ask("/probe/A/").status_int == 404


def test_what_an_operator_calls_the_pages_is_text(
    conf: cfg.ConfigOpts, pages: page_standins.Pages
) -> None:
    conf.set_override("title", "<b>R&D</b>", "rrd")
    again = page_standins.Pages(conf, Path(conf.state_path))
    assert "<b>R" not in again.ask("/last/day/").text


def test_static_files_are_kept_for_good(pages: page_standins.Pages) -> None:
    page = pages.ask("/last/day/").text
    for url in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        answer = pages.ask(url)
        assert answer.status_int == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert pages.ask("/static/").status_int == 404
    assert pages.ask("/static/old/pages.js").status_int == 404
    assert pages.ask(re.sub(r"[^/]+$", "README.rst", url)).status_int == 404


def test_what_is_not_ours_is_unchanged() -> None:
    readme = (STATIC / "README.rst").read_text()
    told = dict(re.findall(r"``(uPlot\S+)``\s+([0-9a-f]{64})", readme))
    assert len(told) == 2
    for name, digest in told.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest
    assert "MIT License" in (STATIC / "uPlot-LICENSE.txt").read_text()


def test_scripts_import_what_is_there() -> None:
    for script in STATIC.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', script.read_text()):
            assert (STATIC / name).exists()


def test_charts_have_the_colours_of_pictures() -> None:
    css = static_files.make_colours()
    for number, colour in enumerate(palette.BANDS):
        assert f".band-{number} {{ --band: #{colour}; }}" in css
    assert css.count("light-dark(#") == 5
