# SPDX-License-Identifier: Apache-2.0
"""Series become probes; the peer is a web server that shows pages as exporters write them."""

from __future__ import annotations

import base64
import contextlib
import http.server
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.prometheus import driver as prometheus
from kwapi.drivers.prometheus import series as prometheus_series
from tests import conftest
from tests.contracts import driver as driver_contract

SAMPLES = Path(__file__).with_name("samples")
PASSWORD, TOKEN = "s3cret-of-the-exporter", "t0ken-of-the-exporter"
PAGE = """\
# HELP rack_power_watts Power of each server of the rack
# TYPE rack_power_watts gauge
rack_power_watts{server="one",supply="1"} 120.5
rack_power_watts{server="two",supply="1"} 99
rack_power_watts{server="none",supply="1"} NaN
# TYPE rack_energy_joules_total counter
rack_energy_joules_total{server="one",supply="1"} 7.2e+06
rack_energy_joules_total{server="two",supply="1"} 3.6e+06
rack_power_watts_max{server="one",supply="1"} 500
"""


class Exporter(http.server.ThreadingHTTPServer):
    """A web server that shows one page.

    :ivar page: the page.
    :ivar status: of its answers.
    :ivar short_by: bytes that it promises and keeps for itself.
    :ivar accepted: values of the header Authorization that it takes; empty takes all.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, page: bytes) -> None:
        self.page, self.status, self.short_by = page, 200, 0
        self.accepted: set[str] = set()
        self.hangs_up = False
        self.sessions = 0
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/metrics"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Exporter

    def setup(self) -> None:
        super().setup()
        self.server.sessions += 1

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.server.sessions -= 1

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        found = self.server
        if found.hangs_up:
            self.close_connection = True
            return
        wanted = not found.accepted or self.headers.get("Authorization") in found.accepted
        page = found.page if wanted else b"no\n"
        self.send_response(found.status if wanted else 401)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page[: len(page) - found.short_by])
        if found.short_by:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Rack(driver_contract.Device):
    """An exporter of several servers' power."""

    probes = ("one", None, "second", "none", "gone")
    expected = {
        "one": measurement.Measurement(120.5, 2.0),
        "second": measurement.Measurement(99.0, 1.0),
    }
    secrets: tuple[str, ...] = ()
    period_seconds = 1.0

    def __init__(self, server: Exporter, **more: Any) -> None:
        self.server = server
        self.parameters = {
            "url": server.url,
            "metric": "rack_power_watts",
            "energy": "rack_energy_joules_total",
            "label": "server",
            "series": {"second": "two"},
            "timeout_seconds": 2.0,
            **more,
        }
        self._right = set(server.accepted)

    def vanish(self) -> None:
        self.server.hangs_up = True

    def come_back(self) -> None:
        self.server.hangs_up, self.server.short_by = False, 0
        self.server.page, self.server.accepted = PAGE.encode(), set(self._right)

    def garble(self) -> None:
        self.server.page = b"<html><p>It works!</p>\n</html>\n"

    def cut(self) -> None:
        self.server.short_by = len(PAGE) // 2

    def refuse(self) -> None:
        self.server.accepted = {"Bearer of another"}

    def count_sessions(self) -> int | None:
        return self.server.sessions


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    """A running web server."""
    found = Exporter(PAGE.encode())
    yield found
    found.shutdown()
    found.server_close()


class TestOpen(driver_contract.DriverContract):
    """The contract, of an exporter that asks nobody who they are."""

    driver_name = "prometheus"

    @pytest.fixture
    def device(self, exporter: Exporter) -> Rack:
        return Rack(exporter)


class TestPassword(driver_contract.DriverContract):
    """The contract, with basic authentication."""

    driver_name = "prometheus"

    @pytest.fixture
    def device(self, exporter: Exporter) -> Rack:
        pair = base64.b64encode(f"kwapi:{PASSWORD}".encode()).decode()
        exporter.accepted = {f"Basic {pair}"}
        found = Rack(exporter, user="kwapi", password=PASSWORD)
        found.secrets = (PASSWORD, pair)
        return found


class TestToken(driver_contract.DriverContract):
    """The contract, with a bearer token."""

    driver_name = "prometheus"

    @pytest.fixture
    def device(self, exporter: Exporter) -> Rack:
        exporter.accepted = {f"Bearer {TOKEN}"}
        found = Rack(exporter, token=TOKEN)
        found.secrets = (TOKEN,)
        return found


def make(exporter: Exporter, probes: Any = ("server-1",), **parameters: Any) -> Any:
    """Return a driver that was opened."""
    found = prometheus.Prometheus("m", probes, lambda _: None, url=exporter.url, **parameters)
    found.open()
    return found


@pytest.mark.parametrize(
    ("preset", "expected", "period_seconds"),
    (
        # Two packages; the zone core is inside them.
        ("kepler", measurement.Measurement(79.75, 2.5), 5.0),
        ("scaphandre", measurement.Measurement(87.25), 2.0),
        ("ipmi_exporter", measurement.Measurement(189.0), 5.0),
    ),
)
def test_presets_read_what_exporters_show(
    exporter: Exporter, preset: str, expected: measurement.Measurement, period_seconds: float
) -> None:
    exporter.page = (SAMPLES / f"{preset}.prom").read_bytes()
    driver = make(exporter, preset=preset)
    assert driver.read() == {"server-1": expected}
    assert driver.period_seconds == period_seconds
    driver.close()


def test_power_is_the_rate_of_a_counter(exporter: Exporter, fake_clock: conftest.FakeClock) -> None:
    """Two sockets add up; nothing the first time, nor after a reset."""
    registry = prometheus_client.CollectorRegistry()
    counter = prometheus_client.Counter("node_rapl_package_joules", "J", ["index"],
                                        registry=registry)  # fmt: skip
    driver = make(exporter, preset="node_exporter", clock=fake_clock)

    def read(*joules: float) -> Any:
        for index, amount in enumerate(joules):
            counter.labels(str(index)).inc(amount)
        exporter.page = prometheus_client.generate_latest(registry)
        fake_clock.advance(2.0)
        return driver.read()

    assert read(3.6e6, 3.6e6) == {}
    assert read(100, 60)["server-1"].watts == pytest.approx(80.0)
    counter.clear()
    assert read(5, 5) == {}
    assert read(100, 60)["server-1"].watts == pytest.approx(80.0)
    assert read(0, 0)["server-1"].watts == 0.0
    driver.close()


def test_times_that_the_page_tells(exporter: Exporter, fake_clock: conftest.FakeClock) -> None:
    """As a federating Prometheus shows them; one that is too old is missing."""
    fake_clock.set_wall(1_700_000_000.0)
    exporter.page = b'p{i="a"} 10 1699999990000\np{i="b"} 20 1699999000000\np{i="c"} 30\n'
    driver = make(exporter, ("a", "b", "c"), metric="p", label="i", clock=fake_clock)
    assert driver.read() == {
        "a": measurement.Measurement(10.0, None, 1699999990.0),
        "c": measurement.Measurement(30.0),
    }
    driver.close()


def test_several_series_are_ambiguous_unless_they_add_up(exporter: Exporter) -> None:
    exporter.page = b'p{s="1"} 10\np{s="2"} 20\n'
    driver = make(exporter, metric="p")
    with pytest.raises(exception.MalformedAnswer, match="several series of p.*adds_up"):
        driver.read()
    driver.close()
    for more, watts in (({"adds_up": True}, 30.0), ({"match": {"s": "2"}}, 20.0)):
        driver = make(exporter, metric="p", **more)
        assert driver.read() == {"server-1": measurement.Measurement(watts)}
        driver.close()
    driver = make(exporter, metric="p", match={"s": "3"})
    with pytest.raises(exception.MalformedAnswer, match="no series of .*, of 2, has the labels"):
        driver.read()
    driver.close()


def test_a_probe_is_the_sum_of_its_series(exporter: Exporter) -> None:
    """Whole or missing."""
    exporter.page = b'p{s="1"} 10\np{s="2"} 20\n'
    series = {"a": ["1", "2"], "b": ["3"]}
    driver = make(exporter, ("a", "b"), metric="p", label="s", series=series)
    assert driver.read() == {"a": measurement.Measurement(30.0)}
    driver.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    (
        (403, exception.WattmeterRefused),
        (404, exception.MalformedAnswer),
        (503, exception.WattmeterUnreachable),
    ),
)
def test_other_answers(exporter: Exporter, status: int, kind: type[Exception]) -> None:
    exporter.status = status
    driver = make(exporter, metric="p")
    with pytest.raises(kind, match=str(status)):
        driver.read()
    driver.close()


def test_a_page_that_ends_within_a_line_is_refused(exporter: Exporter) -> None:
    """Its last number may be half."""
    exporter.page = b"p 12"
    driver = make(exporter, metric="p")
    with pytest.raises(exception.MalformedAnswer, match="within a line"):
        driver.read()
    driver.close()


def test_a_query_is_not_told(exporter: Exporter) -> None:
    """It may hold a key."""
    exporter.hangs_up = True
    driver = prometheus.Prometheus(
        "m", ("a",), lambda _: None, url=f"{exporter.url}?key=secret", metric="p"
    )
    driver.open()
    with pytest.raises(exception.WattmeterUnreachable) as caught:
        driver.read()
    driver.close()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    (
        ({"url": "exporter:9100"}, "url must be a URL, such as 'http://192.0.2.1:9100/metrics'"),
        ({"url": "http://x:port/"}, "url must be a URL, such as 'http://192.0.2.1:9100/metrics'"),
        ({"url": "ftp://x/"}, "url must be a URL, such as 'http://192.0.2.1:9100/metrics'"),
        (
            {"url": "http://me:secret@x/"},
            "url must be without username and password: they are parameters of their own",
        ),
        ({"metric": None}, "preset, metric or energy"),
        (
            {"preset": "nobody"},
            "preset must be one of ipmi_exporter, kepler, node_exporter, scaphandre, not 'nobody'",
        ),
        ({"scale": 0}, "scale must be a number above 0, not 0"),
        ({"match": ["zone"]}, "match must be a mapping"),
        ({"adds_up": 1}, "adds_up must be True or False, not 1"),
        ({"label": None}, "several probes need a label"),
        ({"series": {"a": 7}}, "series of 'a'"),
        ({"series": {"x": "1"}}, "'x', which is not in probes"),
        ({"series": {"a": "b"}}, "b is named 2 times"),
        ({"user": "ann"}, "username and password go together"),
        ({"password": "secret"}, "username and password go together"),
        ({"user": "ann", "password": "secret", "token": "secret"}, "token and password"),
        ({"token": ""}, "token must be a text"),
        ({"timeout_seconds": -1}, "timeout_seconds"),
        ({"max_age_seconds": 0}, "max_age_seconds"),
    ),
)
def test_wrong_parameters_are_told(parameters: dict[str, Any], complaint: str) -> None:
    """Each complaint names the parameter; none repeats a secret."""
    right = {"url": "http://192.0.2.1:9100/metrics", "metric": "p", "label": "s"}
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        prometheus.Prometheus("m", ("a", "b"), lambda _: None, **{**right, **parameters})
    assert complaint in str(caught.value)
    assert "secret" not in str(caught.value)


names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)


@given(
    values=st.dictionaries(st.text(min_size=1, max_size=8), st.floats(), min_size=1),
    others=st.sets(names),
    name=names,
)
def test_what_prometheus_writes_is_read(
    values: dict[str, float], others: set[str], name: str
) -> None:
    """Any label value, any number, whatever metrics stand around it."""
    registry = prometheus_client.CollectorRegistry()
    gauge = prometheus_client.Gauge(name, "of interest", ["label"], registry=registry)
    for other in others - {name}:
        prometheus_client.Gauge(f"{name}_{other}", "of none", registry=registry).set(1)
    for value, number in values.items():
        gauge.labels(value).set(number)
    page = prometheus_client.generate_latest(registry).decode()
    found = {s.labels["label"]: s.value for s in prometheus_series.read_samples(page, name)}
    assert found.keys() == values.keys()
    for value, number in values.items():
        assert found[value] == number or math.isnan(found[value]) and math.isnan(number)


@given(page=st.text() | st.from_regex(r"(p(\{[^\n]*\})? [^\n]*\n)*", fullmatch=True))
def test_any_page_is_read_or_refused(page: str) -> None:
    """With ValueError, which the driver makes a clear error of."""
    with contextlib.suppress(ValueError):
        prometheus_series.read_samples(page, "p")
