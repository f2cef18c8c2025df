# SPDX-License-Identifier: Apache-2.0
"""The pages in a real browser, as people use them.

``make screenshot`` runs the last of these, whose picture is in the README.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib import parse

import pytest
from playwright import sync_api

from kwapi import measurement
from kwapi.history import periods
from tests.servers import browsers
from tests.servers import rack_pages

TOP = Path(__file__).resolve().parents[2]
PERIODS = [period.name for period in periods.PERIODS]
PAGES = [*(f"/last/{name}/" for name in PERIODS), "/probe/server-3/", "/last/hour/?probes=server-1"]
WIDTHS = (400, 1280, 1600)


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with browsers.start() as started:
        yield started


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rack_pages.Pages]:
    """The simulated rack's day; nothing new comes."""
    pages = rack_pages.Pages(
        tmp_path_factory.mktemp("rack"), "title = Lyon, hall B\ntariff = 22-6: 0.12, 6-22: 0.25\n"
    )
    pages.write(rack_pages.make_day())
    yield pages
    pages.close()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rack_pages.Pages]:
    """A thousand probes."""
    pages = rack_pages.Pages(tmp_path_factory.mktemp("many"))
    pages.write(rack_pages.make_many(1000))
    yield pages
    pages.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[rack_pages.Pages]:
    """Pages of the test's own, without any probe."""
    pages = rack_pages.Pages(tmp_path)
    yield pages
    pages.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_whole(browser: sync_api.Browser, rack: rack_pages.Pages, width: int) -> None:
    """No complaint, nothing wider than the window, nobody else asked."""
    with browsers.visit(browser, width) as visit:
        for path in PAGES:
            page = visit.open(rack.url + path)
            assert visit.overflows() <= 0, path
            assert page.locator("canvas").count() == page.locator("[data-chart]").count()
        assert visit.complaints == []
        assert visit.hosts() == {parse.urlsplit(rack.url).netloc}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_axe_finds_no_grave_fault(
    browser: sync_api.Browser, rack: rack_pages.Pages, width: int, scheme: str
) -> None:
    with browsers.visit(browser, width, color_scheme=scheme) as visit:
        for path in ("/last/day/", "/probe/server-3/", "/last/week/?probes=server-1"):
            visit.open(rack.url + path)
            visit.page.locator("summary").last.click()
            assert visit.find_faults() == [], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_grave_fault_where_there_is_nothing(
    browser: sync_api.Browser, fresh: rack_pages.Pages, scheme: str
) -> None:
    with browsers.visit(browser, 400, color_scheme=scheme) as visit:
        for path in ("/last/day/", "/probe/nobody/"):
            visit.open(fresh.url + path)
            assert visit.find_faults() == [], path
            assert visit.overflows() <= 0


def test_what_has_not_changed_is_asked_for_every_five_seconds_and_not_sent(
    browser: sync_api.Browser, rack: rack_pages.Pages
) -> None:
    with browsers.visit(browser) as visit:
        visit.page.clock.install()
        page = visit.open(f"{rack.url}/last/minute/")
        page.wait_for_load_state("networkidle")
        first = len(visit.answers)
        page.clock.run_for(4_900)
        assert len(visit.answers) == first
        page.clock.run_for(200)
        again = visit.wait_answers(first + 3)[first:]
        assert {answer.status for answer in again} == {304}
        asked = {parse.urlsplit(answer.url).path for answer in again}
        assert asked == {"/totals/", "/series/minute/", "/list/minute/"}
        assert visit.complaints == []


def test_a_page_that_nobody_sees_asks_for_nothing(
    browser: sync_api.Browser, rack: rack_pages.Pages
) -> None:
    with browsers.visit(browser) as visit:
        visit.page.clock.install()
        page = visit.open(f"{rack.url}/last/minute/")
        page.wait_for_load_state("networkidle")
        page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.unseen})")
        _see(page, seen=False)
        first = len(visit.answers)
        page.clock.run_for(60_000)
        assert len(visit.answers) == first
        with page.expect_response(re.compile("/totals/")):
            _see(page, seen=True)


def _see(page: sync_api.Page, *, seen: bool) -> None:
    page.evaluate(
        f"window.unseen = {'false' if seen else 'true'};"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )


def test_what_is_new_appears_without_a_flicker(
    browser: sync_api.Browser, fresh: rack_pages.Pages
) -> None:
    """Numbers change in place: neither page nor chart is made anew, and a zoom stays."""
    fresh.write(rack_pages.make_day(seconds=300))
    with browsers.visit(browser) as visit:
        visit.page.clock.install()
        page = visit.open(f"{fresh.url}/last/minute/")
        page.wait_for_load_state("networkidle")
        _drag(page)
        page.locator(".chart.zoomed").wait_for()
        page.evaluate("document.querySelectorAll('canvas, .probe').forEach(e => e.kept = true)")
        fresh.clock.now += 5
        names = tuple(fresh.index.read())
        fresh.write([_say(fresh.clock.now, names, 1000.0)])
        page.clock.run_for(5_100)
        sync_api.expect(page.locator('[data-figure="watts"]')).to_have_text("8,000")
        sync_api.expect(page.locator('[data-id="server-2"] .watts b')).to_have_text("1,000")
        sync_api.expect(page.locator('[data-of="last"]')).to_have_text("8,000\u00a0W")
        assert page.evaluate("[...document.querySelectorAll('canvas, .probe')].every(e => e.kept)")
        assert page.locator(".chart.zoomed").count() == 1
        assert visit.complaints == []


def _say(at: float, names: tuple[str, ...], watts: float) -> measurement.Reading:
    return measurement.Reading("pdu-1", at, names, (watts,) * len(names), period_seconds=5.0)


def _drag(page: sync_api.Page) -> None:
    box = page.locator(".u-over").first.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=5)
    page.mouse.up()


def test_a_chart_answers_the_pointer(browser: sync_api.Browser, rack: rack_pages.Pages) -> None:
    with browsers.visit(browser) as visit:
        page = visit.open(f"{rack.url}/last/hour/")
        reading = page.locator("[data-reading]")
        _drag(page)
        page.locator(".chart.zoomed").wait_for()
        sync_api.expect(reading).to_have_text(re.compile(r"^13:\d\d:\d0  [\d,]+\u00a0W$"))
        page.locator(".u-over").dblclick()
        page.locator(".chart:not(.zoomed)").wait_for()
        page.mouse.move(5, 5)
        sync_api.expect(reading).to_have_text("")


def test_clicking_a_probe_shows_all_its_periods(
    browser: sync_api.Browser, rack: rack_pages.Pages
) -> None:
    with browsers.visit(browser) as visit:
        page = visit.open(f"{rack.url}/last/day/")
        page.locator('[data-id="server-5"]').click()
        page.wait_for_url("**/probe/server-5/")
        visit.wait_drawn()
        assert page.locator("h1").inner_text() == "server-5"
        assert page.locator("canvas").count() == len(PERIODS)
        page.go_back()
        page.get_by_role("link", name="server-6").first.click()
        page.wait_for_url("**/probe/server-6/")
        assert visit.complaints == []


def test_everything_can_be_done_by_the_keyboard(
    browser: sync_api.Browser, rack: rack_pages.Pages
) -> None:
    with browsers.visit(browser) as visit:
        page = visit.open(f"{rack.url}/last/hour/")
        press = page.keyboard.press
        press("Tab")
        assert _focused(page) == "Skip to the content"
        _tab_to(page, "day")
        press("Enter")
        page.wait_for_url("**/last/day/")
        visit.wait_drawn()
        _tab_to(page, "Dark colours")
        press("Space")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        _tab_to(page, "Last day, watts")
        assert _outline(page) == "solid"
        chart = page.locator('[role="slider"]')
        press("Home")
        sync_api.expect(chart).to_have_attribute("aria-valuenow", "0")
        press("ArrowRight")
        sync_api.expect(chart).to_have_attribute("aria-valuenow", "1")
        assert re.search(r"^\w+,? 21 Sep", chart.get_attribute("aria-valuetext") or "")
        press("+")
        page.locator(".chart.zoomed").wait_for()
        press("Escape")
        page.locator(".chart:not(.zoomed)").wait_for()
        _tab_to(page, "Values as a table")
        press("Enter")
        page.locator("tbody tr").nth(90).wait_for()
        _tab_to(page, "Find by name or wattmeter")
        page.keyboard.type("server-7")
        sync_api.expect(page.locator(".probe")).to_have_count(1)
        _tab_to(page, "Choose server-7")
        press("Space")
        page.wait_for_url("**/last/day/?probes=server-7&q=server-7")
        sync_api.expect(page.locator('[data-figure="probes"]')).to_have_text("1")
        _tab_to(page, "server-7")
        press("Enter")
        page.wait_for_url("**/probe/server-7/")
        assert visit.complaints == []


def _focused(page: sync_api.Page) -> str:
    """Return what a screen reader would call the element that has the focus."""
    return str(
        page.evaluate(
            "(e => e.ariaLabel ?? e.labels?.[0]?.innerText.trim() ?? e.innerText.trim())"
            "(document.activeElement)"
        )
    )


def _outline(page: sync_api.Page) -> str:
    return str(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))


def _tab_to(page: sync_api.Page, name: str) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if _focused(page) == name:
            return
    raise AssertionError(f"{name!r} cannot be reached by the keyboard")


def test_dark_and_light(browser: sync_api.Browser, rack: rack_pages.Pages) -> None:
    """As the system has it, until somebody says otherwise; then that is kept."""
    with browsers.visit(browser, color_scheme="dark") as visit:
        page = visit.open(f"{rack.url}/last/minute/")
        assert _brightness(page) < 40
        page.get_by_role("button", name="Dark colours").click()
        assert _brightness(page) > 220
        page.reload()
        visit.wait_drawn()
        assert _brightness(page) > 220
        visit.open(f"{rack.url}/probe/server-1/")
        assert _brightness(page) > 220
    with browsers.visit(browser, color_scheme="light") as visit:
        assert _brightness(visit.open(f"{rack.url}/last/minute/")) > 220


def _brightness(page: sync_api.Page) -> float:
    colour = str(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    parts = [float(part) for part in re.findall(r"[\d.]+", colour)[:3]]
    return sum(parts) / 3


def test_chosen_probes_stay_in_the_address(
    browser: sync_api.Browser, rack: rack_pages.Pages
) -> None:
    with browsers.visit(browser) as visit:
        page = visit.open(f"{rack.url}/last/minute/")
        page.get_by_label("Choose server-2").check()
        page.get_by_label("Choose server-4").check()
        page.wait_for_url("**/last/minute/?probes=server-2,server-4")
        sync_api.expect(page.locator("[data-groups] li")).to_have_count(2)
        sync_api.expect(page.locator("[data-chosen-count]")).to_have_text("2 of 8 probes")
        page.get_by_role("link", name="week").click()
        page.wait_for_url("**/last/week/?probes=server-2,server-4")
        visit.wait_drawn()
        assert page.get_by_label("Choose server-4").is_checked()
        sync_api.expect(page.locator("[data-groups] li")).to_have_count(2)
        page.get_by_role("link", name="Show all").click()
        page.wait_for_url("**/last/week/")
        sync_api.expect(page.locator("[data-groups] li")).to_have_count(8)
        assert page.locator("[data-chosen]").is_hidden()
        assert visit.complaints == []


def test_a_thousand_probes_can_be_found_ordered_and_paged(
    browser: sync_api.Browser, many: rack_pages.Pages
) -> None:
    with browsers.visit(browser) as visit:
        page = visit.open(f"{many.url}/last/minute/")
        assert page.locator(".probe").count() == 24
        assert page.locator("[data-groups] li").count() <= 20
        sync_api.expect(page.locator(".curve svg")).to_have_count(24)
        page.get_by_role("link", name="Next").click()
        sync_api.expect(page.locator("[data-page-of]")).to_have_text("Page 2 of 42")
        sync_api.expect(page.locator(".probe .name").first).to_have_text("rack-2.node-1")
        page.wait_for_url("**/last/minute/?page=2")
        page.get_by_role("searchbox").fill("RACK-40.")
        sync_api.expect(page.locator("[data-found]")).to_have_text("24")
        page.wait_for_url("**/last/minute/?q=RACK-40.")
        page.get_by_role("combobox").select_option("watts")
        page.wait_for_url("**sort=watts**")
        page.reload()
        visit.wait_drawn()
        assert page.locator(".probe").count() == 24
        watts = [float(one) for one in page.locator(".watts b").all_inner_texts()]
        assert watts == sorted(watts, reverse=True)
        assert visit.complaints == []


def test_an_open_page_asks_as_seldom_with_a_thousand_probes(
    browser: sync_api.Browser, many: rack_pages.Pages
) -> None:
    with browsers.visit(browser) as visit:
        visit.page.clock.install()
        page = visit.open(f"{many.url}/last/minute/")
        page.wait_for_load_state("networkidle")
        first = len(visit.answers)
        page.clock.run_for(5_100)
        again = visit.wait_answers(first + 3)[first:]
        assert [answer.status for answer in again] == [304] * 3


def test_without_scripts_the_pictures_are_there(
    browser: sync_api.Browser, rack: rack_pages.Pages
) -> None:
    with browsers.visit(browser, java_script_enabled=False) as visit:
        visit.page.goto(f"{rack.url}/last/day/?probes=server-1,server-2")
        assert visit.page.locator("img").count() == 9
        assert visit.page.get_by_role("button", name="Dark colours").count() == 0
        _assert_drawn(visit, "/graph/")
        visit.page.get_by_label("Choose server-1").uncheck()
        visit.page.get_by_role("button", name="Show", exact=True).click()
        visit.page.wait_for_url("**probes=server-2**")
        visit.page.goto(f"{rack.url}/probe/server-2/")
        assert visit.page.locator("img").count() == len(PERIODS)
        _assert_drawn(visit, "/graph/")
        assert visit.complaints == []


def _assert_drawn(visit: browsers.Visit, part: str) -> None:
    visit.page.wait_for_load_state("networkidle")
    assert set(visit.statuses(part)) <= {200, 304}
    for picture in visit.page.locator("img").all():
        box = picture.bounding_box()
        assert box
        assert box["height"] > 50


def test_odd_names_are_names(browser: sync_api.Browser, fresh: rack_pages.Pages) -> None:
    fresh.write(rack_pages.make_odd())
    with browsers.visit(browser, 400) as visit:
        page = visit.open(f"{fresh.url}/last/minute/")
        assert visit.overflows() <= 0
        for name in rack_pages.ODD_IDS:
            visit.open(f"{fresh.url}/last/minute/")
            page.locator(f'[data-id="{name}"] .name').click()
            page.wait_for_url("**/probe/**")
            visit.wait_drawn()
            assert page.locator("h1").inner_text() == name
            assert visit.overflows() <= 0
        visit.open(f"{fresh.url}/last/minute/")
        for name in rack_pages.ODD_IDS[-3:]:
            page.get_by_label(f"Choose {name}").check()
        sync_api.expect(page.locator("[data-groups] li")).to_have_count(3)
        page.reload()
        visit.wait_drawn()
        sync_api.expect(page.locator("[data-groups] li")).to_have_count(3)
        assert visit.complaints == []


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f",
        "%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "'%20onmouseover='alert(1)",
        "x" * 300,
        "%E2%80%AEdrawkcab",
        "%25%s",
    ],
)
def test_a_hostile_name_breaks_no_page(
    browser: sync_api.Browser, rack: rack_pages.Pages, name: str
) -> None:
    with browsers.visit(browser, 400) as visit:
        visit.open(f"{rack.url}/probe/{name}/")
        assert visit.statuses("/probe/") == [404]
        assert visit.page.locator("h1").inner_text() == "Not Found"
        assert visit.overflows() <= 0
        visit.page.get_by_role("link", name="See all probes").click()
        visit.wait_drawn()
        visit.open(f"{rack.url}/last/minute/?probes={name}&q={name[:200]}")
        assert visit.page.locator("h1").inner_text() == "Power, last 5 minutes"
        assert visit.overflows() <= 0
        # A dialog would be one of the hostile name's.
        assert visit.dialogs == []


def test_an_empty_installation_fills_by_itself(
    browser: sync_api.Browser, fresh: rack_pages.Pages
) -> None:
    with browsers.visit(browser, 400) as visit:
        page = visit.open(f"{fresh.url}/last/minute/")
        assert page.get_by_text("kwapi-drivers --check").count() == 1
        fresh.clock.now += 60
        fresh.write(rack_pages.make_day(seconds=60, until=fresh.clock.now))
        page.locator('[data-id="server-1"]').wait_for()
        assert visit.complaints == []


def test_a_page_says_that_it_gets_no_answer_until_it_does(
    browser: sync_api.Browser, rack: rack_pages.Pages
) -> None:
    with browsers.visit(browser) as visit:
        visit.page.clock.install()
        page = visit.open(f"{rack.url}/last/minute/")
        page.wait_for_load_state("networkidle")
        page.route("**/totals/", lambda route: route.abort())
        page.clock.run_for(5_100)
        state = page.get_by_role("status").filter(has_text="No answer since")
        state.wait_for()
        page.unroute("**/totals/")
        page.clock.run_for(5_100)
        state.wait_for(state="detached")


def test_screenshot(browser: sync_api.Browser, rack: rack_pages.Pages) -> None:
    """The README's picture; ``make screenshot`` puts it there."""
    path = TOP / "build" / "pages.png"
    path.parent.mkdir(exist_ok=True)
    with browsers.visit(browser, 1280) as visit:
        visit.page.set_viewport_size({"width": 1280, "height": 880})
        page = visit.open(f"{rack.url}/last/day/")
        sync_api.expect(page.locator(".curve svg")).to_have_count(8)
        page.screenshot(path=path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert 20_000 < path.stat().st_size < 400_000
