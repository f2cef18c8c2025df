# SPDX-License-Identifier: Apache-2.0
"""kwapi-rrd as a process writes the same files with and without crashes.

What was measured is told by a listener of the test's own; what files should be
is told by files that the test writes of it, in one go.
"""

from __future__ import annotations

import json
import random
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from kwapi import measurement
from kwapi.history import index as indexes
from kwapi.history import layout as layouts
from kwapi.history import store as stores
from tests import patience
from tests import rrd_files
from tests.functional import audit as audits
from tests.functional import test_collector_garbage as garbage
from tests.functional import test_one_process as one_process
from tests.servers import kwapi_sites
from tests.servers import ports
from tests.servers import rrdcached as daemons
from tests.servers import scripts
from tests.servers.kwapi_sites import audit as audit
from tests.servers.kwapi_sites import site as site

_WATTMETERS = 10
_OUTLETS = 5


class Rrd:
    """kwapi-rrd of a site, and what it should write.

    :ivar queue: where its messages wait; of this site alone.
    """

    def __init__(self, site: scripts.Site, audit: audits.Audit, options: str = "") -> None:
        (self.port,) = ports.find_tcp(1)
        self.site, self.audit = site, audit
        self.directory, self.queue = site.folder / "rrd", f"rrd-{site.topic}"
        text = f"[rrd]\nport = {self.port}\npool = {self.queue}\nflush_seconds = 0.3\n{options}"
        site.configure(f"{kwapi_sites.FLUSH}{text}\n")
        self.script, self.drivers = site.script("kwapi-rrd"), site.script("kwapi-drivers")

    def start(self) -> None:
        """Start it, and return when its queue is there: nothing is missed from then on."""
        self.script.start()
        scripts.wait_until(
            lambda: audits.has_consumer(self.site.transport_url, self.queue), "kwapi-rrd listens"
        )

    def kill(self) -> None:
        """End it and all its processes as a power cut does."""
        self.script.clear()

    def wait_until_written(self) -> None:
        """Return when it has told pages something new, and something else since."""
        index = indexes.Index(self.directory)
        for _ in range(2):
            before = index.version()
            scripts.wait_until(lambda v=before: index.version() != v, "something new is written")

    def settle(self) -> None:
        """Stop the drivers, and return when all that they measured is written."""
        assert self.drivers.stop() == 0
        assert "are lost" not in self.drivers.log
        last = audits.send_message(self.site)
        scripts.wait_until(lambda: last in self.audit.senders(), "the audit has heard all")
        expected = {p: at[-1][0] for p, at in self.audit.series().items()}

        def told() -> dict[str, float]:
            probes = indexes.Index(self.directory).read()
            return {probe_id: state.timestamp for probe_id, state in probes.items()}

        scripts.wait_until(lambda: told() == expected, "all is written")

    def compare(self) -> None:
        """Fail unless its files are those of one undisturbed run."""
        folder = self.site.folder / "expected"
        expected = stores.Store(folder, layouts.Layout(60.0))
        expected.update(self.audit.readings())
        expected.close()
        for probe in self.audit.series():
            mine, other = stores.path_of(self.directory, probe), stores.path_of(folder, probe)
            assert rrd_files.rrdtool(mine, "dump") == rrd_files.rrdtool(other, "dump"), probe

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=patience.SECONDS)


def wattmeters() -> str:
    """Return the configuration of wattmeters that measure what nobody can foretell."""
    sections = []
    for number in range(_WATTMETERS):
        probes = [f"pdu-{number}.{outlet}" for outlet in range(_OUTLETS)]
        parameters = {"min": 0, "max": 999, "period_seconds": 0.2, "seed": number}
        sections.append(
            f"[pdu-{number}]\ndriver = Dummy\nprobes = {probes}\nparameters = {parameters}\n"
        )
    return "".join(sections)


@pytest.fixture
def rrd(site: scripts.Site, audit: audits.Audit) -> Iterator[Rrd]:
    """kwapi-rrd that writes directly, not started; wattmeters to go with it."""
    site.drivers_conf.write_text(wattmeters())
    made = Rrd(site, audit)
    yield made
    made.kill()


@pytest.mark.usefixtures("trial")
def test_kills_change_nothing(rrd: Rrd) -> None:
    """Killed while it writes, while it starts, and stopped in order: the same bytes."""
    moments = random.Random()
    rrd.start()
    rrd.drivers.start()
    for _ in range(4):
        rrd.wait_until_written()
        time.sleep(moments.uniform(0, 1))
        rrd.kill()
        rrd.script.start()
    time.sleep(moments.uniform(0, 2))
    rrd.kill()
    rrd.start()
    rrd.wait_until_written()
    assert rrd.script.stop() == 0
    rrd.start()
    rrd.wait_until_written()
    rrd.settle()
    rrd.compare()
    assert rrd.script.stop() == 0
    assert "Traceback" not in rrd.script.log
    assert "set aside" not in rrd.script.log


def test_rrdcached_dies_and_comes_back(
    site: scripts.Site, audit: audits.Audit, tmp_path: Path
) -> None:
    """Killed and stopped while it is written to: told once each time, and nothing is lost."""
    daemon = daemons.RRDCached(tmp_path)
    daemon.start()
    site.drivers_conf.write_text(wattmeters())
    rrd = Rrd(site, audit, f"rrdcached = {daemon.socket}")
    try:
        rrd.start()
        rrd.drivers.start()
        rrd.wait_until_written()
        for number, end in enumerate((daemon.kill, daemon.stop, daemon.kill), 1):
            end()
            rrd.script.wait_for_log("files cannot be written, messages wait: rrdcached", number)
            time.sleep(1)
            daemon.start()
            rrd.script.wait_for_log("files are written again after", number)
            rrd.wait_until_written()
        rrd.settle()
        assert rrd.script.stop() == 0
        daemon.stop()
        rrd.compare()
        assert len(re.findall("messages wait", rrd.script.log)) == 3
    finally:
        rrd.kill()
        daemon.close()


def test_a_directory_that_is_away_loses_nothing(rrd: Rrd) -> None:
    """Its messages wait in the broker, unacknowledged; told once, whatever it is started."""
    rrd.directory.write_text("this is no directory")
    rrd.start()
    rrd.drivers.start()
    rrd.script.wait_for_log("files cannot be written, messages wait")
    time.sleep(2)
    assert rrd.script.stop() == 0
    rrd.start()
    rrd.script.wait_for_log("files cannot be written, messages wait", 2)
    rrd.directory.unlink()
    rrd.script.wait_for_log("files are written again")
    rrd.wait_until_written()
    rrd.settle()
    rrd.compare()
    assert len(re.findall("messages wait", rrd.script.log)) == 2


def test_garbage_stops_nothing(rrd: Rrd) -> None:
    """In its queue and in its directory: the first is counted, the second set aside."""
    rrd.directory.mkdir()
    (rrd.directory / "pdu-1.1.rrd").write_text("hello")
    (rrd.directory / "index.json").write_text("{")
    rrd.start()
    rrd.drivers.start()
    rrd.wait_until_written()
    garbage.put(rrd.site.transport_url, rrd.queue, garbage.make_garbage(rrd.site) * 10)
    rrd.wait_until_written()
    rrd.settle()
    rrd.compare()
    assert len(re.findall("ERROR.*set aside", rrd.script.log)) == 1
    assert rrd.script.stop() == 0


def test_what_is_signed_may_still_be_nonsense(rrd: Rrd, audit: audits.Audit) -> None:
    """Hostile names and values leave the directory alone; true probes are written."""
    rrd.start()
    names = ["../../evil", "/etc/evil", "a/b", 'a"b', "a'b", "a\nb", "%s", "x" * 300, "\u202egnp"]
    reading = measurement.Reading("w", time.time(), ("true", *names), (1.0,) * 10, (), 1.0)
    sealer = garbage.signer(rrd.site)
    text = measurement.encode(measurement.Body((reading,)))
    good = garbage.frame(json.dumps(garbage.wrap(sealer.seal(text, time.time()))))
    odd = [
        garbage.frame(json.dumps(garbage.wrap(message)))
        for message in garbage.make_nonsense(rrd.site)
    ]
    garbage.put(rrd.site.transport_url, rrd.queue, [*odd, good])
    index = indexes.Index(rrd.directory)
    scripts.wait_until(lambda: "true" in index.read(), "the true probe")
    assert index.read().keys() <= {"true", "n.1"}
    files = {path.name for path in rrd.directory.iterdir()}
    assert files <= {"true.rrd", "n.1.rrd", "index.json", ".lock"}
    assert not list(rrd.site.folder.glob("*evil*"))
    assert rrd.script.is_running


def test_pages_are_served_beside(rrd: Rrd) -> None:
    """From the files it writes: the probes are there, and each has a picture."""
    rrd.start()
    rrd.drivers.start()
    rrd.wait_until_written()
    scripts.wait_until(lambda: "pdu-0.0" in rrd.get("/last/minute/").text, "a probe on the page")
    answer = rrd.get("/graph/minute/pdu-0.0/")
    assert answer.status_code == 200
    assert answer.content.startswith(b"\x89PNG")
    assert rrd.get("/probe/pdu-0.0/").status_code == 200
    assert rrd.get("/probe/none/").status_code == 404
    assert rrd.get("/healthcheck").status_code == 200


def test_without_workers_it_only_writes(site: scripts.Site, audit: audits.Audit) -> None:
    site.drivers_conf.write_text(wattmeters())
    rrd = Rrd(site, audit, "workers = 0")
    try:
        rrd.start()
        rrd.drivers.start()
        rrd.wait_until_written()
        with pytest.raises(requests.ConnectionError):
            rrd.get("/")
    finally:
        rrd.kill()


def test_a_reload_takes_up_new_keys(rrd: Rrd) -> None:
    """What was signed with a key it did not know is refused; from the reload on it is written."""
    site = rrd.site
    rrd.start()
    key = "k" * 40
    site.add_secret(key)
    conf = site.conf_path.read_text()
    site.conf_path.write_text(
        conf.replace(f"signing_keys = first:{site.key}", f"signing_keys = second:{key}")
    )
    rrd.drivers.start()
    rrd.script.wait_for_log("Bad signature")
    rrd.script.send(signal.SIGHUP)
    rrd.wait_until_written()
    assert indexes.Index(rrd.directory).read().keys() >= {"pdu-0.0"}
    assert rrd.script.stop() == 0


#: What is configured wrongly, and what has to be said of it.
MISTAKES = {
    "everybody": ("[rrd]\nhost = 0.0.0.0\n", r"\[rrd\] host: .*loopback"),
    "no rrdtool": ("[rrd]\nrrdtool = nix\n", r"\[rrd\] rrdtool: nix is not installed.*rrdtool"),
    "no time zone": ("[rrd]\ntime_zone = Mars/Base\n", r"\[rrd\] time_zone: .*'Mars/Base'"),
    "no tariff": ("[rrd]\ntariff = night: cheap\n", r"\[rrd\] tariff: "),
    "no averages": (
        "[rrd]\nconsolidations = MAX\n",
        r"\[rrd\] consolidations: must include AVERAGE",
    ),
    "no consolidation": ("[rrd]\nconsolidations = LAST\n", r"consolidations.*LAST"),
    "a port that is taken": ("[rrd]\nport = {taken}\n", r"\[rrd\] host, port: cannot listen"),
    "a short link": ("[rrd]\nauth_strategy = link\nlink_key = short\n", r"\[rrd\] link_key: "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_configuration_is_told_in_one_line(site: scripts.Site, mistake: str) -> None:
    text, expected = MISTAKES[mistake]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        site.configure(text.format(taken=taken.getsockname()[1]))
        script = site.script("kwapi-rrd")
        assert script.run() == 2, script.log
    (line,) = [line for line in script.log.splitlines() if line.startswith("kwapi-rrd: ")]
    assert re.search(expected, line)
    assert "Traceback" not in script.log


# ---- everything in one process


@pytest.fixture
def climate(tmp_path: Path) -> Iterator[one_process.OneProcess]:
    """All of Kwapi and Climate on the simulated rack, not started."""
    made = one_process.OneProcess(tmp_path)
    yield made
    made.script.kill()


def test_the_one_process_shows_the_simulated_rack(climate: one_process.OneProcess) -> None:
    """At the address that it prints: each server, with a picture."""
    climate.start()
    url = scripts_url(climate)
    assert url == f"http://127.0.0.1:{climate.pages_port}/"
    scripts.wait_until(
        lambda: "server-8" in requests.get(f"{url}last/minute/", timeout=patience.SECONDS).text,
        "all servers",
    )
    picture = requests.get(f"{url}graph/minute/server-1/", timeout=patience.SECONDS)
    assert picture.content.startswith(b"\x89PNG")
    assert climate.script.stop(signal.SIGINT) == 0
    assert "Traceback" not in climate.script.log


def scripts_url(climate: one_process.OneProcess) -> str:
    return climate.script.wait_for_log(r"the web pages +(http://\S+/)")[1]


def test_the_one_process_runs_without_rrdtool(climate: one_process.OneProcess) -> None:
    """It says which package is missing; all else is there."""
    conf = Path(climate.arguments[1])
    conf.write_text(conf.read_text().replace("[rrd]\n", "[rrd]\nrrdtool = no-rrdtool\n"))
    climate.start()
    climate.script.wait_for_log(
        "the web pages +none, no-rrdtool is not installed; Debian's package is rrdtool"
    )
    climate.wait_until_measured()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{climate.pages_port}/", timeout=patience.SECONDS)
    assert climate.script.stop(signal.SIGINT) == 0
