# SPDX-License-Identifier: Apache-2.0
"""kwapi-drivers as a process: signals, wrong files and outages.

At the end of each test every log is searched for every secret.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

import pytest

from tests.functional import audit as audits
from tests.servers import kwapi_sites
from tests.servers import ports
from tests.servers import scripts
from tests.servers.kwapi_sites import audit as audit
from tests.servers.kwapi_sites import lone_site as lone_site
from tests.servers.kwapi_sites import site as site


def test_drivers_take_up_a_changed_file(site: scripts.Site, audit: audits.Audit) -> None:
    """On SIGHUP only the wattmeters whose section changed are touched."""
    site.drivers_conf.write_text(
        kwapi_sites.dummy("kept") + kwapi_sites.dummy("changed") + kwapi_sites.dummy("removed")
    )
    drivers = site.script("kwapi-drivers")
    drivers.start()
    for name in ("kept", "changed", "removed"):
        kwapi_sites.wait_for_measurements(audit, f"{name}.1", 100)
    scripts.wait_until(lambda: audit.statuses.get("kept"), "a report")
    before = audit.statuses["kept"]
    # Elsewhere in the file, but as it was.
    text = (
        kwapi_sites.dummy("added")
        + unreachable(site.community)
        + kwapi_sites.dummy("changed", 200)
        + kwapi_sites.dummy("kept")
    )
    site.drivers_conf.write_text(text)
    drivers.send(signal.SIGHUP)
    kwapi_sites.wait_for_measurements(audit, "added.1", 100)
    kwapi_sites.wait_for_measurements(audit, "changed.1", 200)
    kwapi_sites.wait_for_measurements(audit, "kept.1", 100)
    now = {"kept", "changed", "added", "unreachable"}
    scripts.wait_until(lambda: audit.statuses.keys() == now, "the report of the new wattmeters")
    after = audit.statuses["kept"]
    assert (after.since, after.restarts, after.state) == (before.since, 0, "running")
    assert "removed: no longer configured" in drivers.log
    assert "changed: configuration changed, restarting" in drivers.log
    assert "kept:" not in drivers.log
    assert drivers.stop() == 0
    assert "Traceback" not in drivers.log


def unreachable(community: str) -> str:
    """Return the section of an SNMP wattmeter that is not there."""
    (port,) = ports.find_tcp(1)
    parameters = {"ip": "127.0.0.1", "port": port, "community": community, "timeout_seconds": 0.2}
    return f"[unreachable]\ndriver = Snmp\nprobes = ['u.1']\nparameters = {parameters}\n"


def test_a_broken_file_at_reload_changes_nothing(site: scripts.Site, audit: audits.Audit) -> None:
    site.drivers_conf.write_text(kwapi_sites.dummy("kept"))
    drivers = site.script("kwapi-drivers")
    drivers.start()
    kwapi_sites.wait_for_measurements(audit, "kept.1", 100)
    site.drivers_conf.write_text(f"{kwapi_sites.dummy('kept', 300)}community {site.community}\n")
    drivers.send(signal.SIGHUP)
    told = drivers.wait_for_log(r"ERROR.*going on with the configuration as it was")[0]
    assert f"{site.drivers_conf}: line 5" in told
    kwapi_sites.wait_for_measurements(audit, "kept.1", 100)
    # Not as text: a time may have these digits.
    assert 300.0 not in {watts for one in audit.series().values() for _, watts in one}
    assert drivers.stop() == 0
    assert "Traceback" not in drivers.log


def test_a_broken_section_at_reload_leaves_the_others(
    site: scripts.Site, audit: audits.Audit
) -> None:
    """It is said where it is wrong, and the wattmeter goes on as it was."""
    site.drivers_conf.write_text(kwapi_sites.dummy("right") + kwapi_sites.dummy("wrong"))
    drivers = site.script("kwapi-drivers")
    drivers.start()
    kwapi_sites.wait_for_measurements(audit, "wrong.1", 100)
    wrong = f"[wrong]\ndriver = Dummy\nprobes = ['w.1']\nparameters = {{{site.community!r}\n"
    site.drivers_conf.write_text(kwapi_sites.dummy("right", 200) + wrong)
    drivers.send(signal.SIGHUP)
    drivers.wait_for_log(rf"ERROR.*{site.drivers_conf}:8: \[wrong\] parameters must be a mapping")
    kwapi_sites.wait_for_measurements(audit, "right.1", 200)
    kwapi_sites.wait_for_measurements(audit, "wrong.1", 100)
    assert drivers.stop() == 0


def test_drivers_end_while_the_broker_is_away(lone_site: scripts.Site) -> None:
    """They end in order, and say what is lost by it."""
    lone_site.drivers_conf.write_text(kwapi_sites.dummy("pdu"))
    drivers = lone_site.script("kwapi-drivers")
    drivers.start()
    drivers.wait_for_log("The broker takes no messages, keeping measurements")
    assert drivers.stop() == 0
    assert re.search(r"ERROR.* [1-9]\d* measurements could not be sent and are lost", drivers.log)
    assert "Traceback" not in drivers.log


def set_key(site: scripts.Site, keys: str) -> None:
    site.configure(keys=keys)


def break_drivers_conf(site: scripts.Site) -> None:
    site.drivers_conf.write_text(f"[pdu]\ndriver = Snmp\nparameters '{site.community}'\n")


#: What is wrong, and what has to be said of it.
MISTAKES: dict[str, tuple[Callable[[scripts.Site], None], str]] = {
    "no key": (lambda site: set_key(site, "# none"), r"\[bus\] signing_keys: .*key generate"),
    "short key": (
        lambda site: set_key(site, "signing_keys = first:tooshort"),
        r"\[bus\] signing_keys, key 'first': shorter than 32",
    ),
    "unnamed key": (
        lambda site: set_key(site, f"signing_keys = {site.key}"),
        r"signing_keys.*kwapi\.conf",
    ),
    "no number": (
        lambda site: site.configure("[bus]\nprefetch = many\nwindow_seconds = fast\n"),
        r"(window_seconds|prefetch).*kwapi\.conf",
    ),
    "no broker's URL": (
        lambda site: site.configure("[DEFAULT]\ntransport_url = nonsense://x\n"),
        r"\[DEFAULT\] transport_url: ",
    ),
    "no sender's name": (lambda site: site.configure("[bus]\nsender = a b\n"), "a b"),
    "no file": (lambda site: site.drivers_conf.unlink(), r"drivers\.conf"),
    "no assignment": (break_drivers_conf, r"drivers\.conf.*3"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_configuration_is_told_in_one_line(lone_site: scripts.Site, mistake: str) -> None:
    """It is said what is wrong and where, without a traceback, nor what may be secret."""
    make, expected = MISTAKES[mistake]
    make(lone_site)
    drivers = lone_site.script("kwapi-drivers")
    assert drivers.run() == 2, drivers.log
    (line,) = [line for line in drivers.log.splitlines() if line.startswith("kwapi-drivers: ")]
    assert re.search(expected, line)
    assert "Traceback" not in drivers.log
