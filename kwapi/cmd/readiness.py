# SPDX-License-Identifier: Apache-2.0
"""What each of Kwapi's services refuses to start with, tried without starting it."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence

from oslo_config import cfg

from energybase import clock as clocks
from energybase import exception
from energybase.cli import configuration as checkup
from energybase.cli import inifile
from energybase.cli import manage
from energybase.cli import upgrade
from energybase.web import workers
from kwapi.bus import transport as transports
from kwapi.ceilometer import publisher_options
from kwapi.cmd import conf as options
from kwapi.drivers import configuration as wattmeters
from kwapi.drivers import driver
from kwapi.drivers import manager
from kwapi.pages import app
from kwapi.store import tables

FILES = ("/etc/kwapi/kwapi.conf", "/etc/kwapi/drivers.conf")
_LISTENERS = frozenset(("kwapi-ceilometer", "kwapi-collector", "kwapi-rrd"))
_ON_THE_BUS = _LISTENERS | {"kwapi-drivers"}
_WHERE = re.compile(r"(?P<path>.+?):(?P<line>\d+)(?:, section \[(?P<name>[^\]]*)\])?: (?P<why>.*)")


def _require_keys(conf: cfg.ConfigOpts) -> None:
    transports.verifier_of(conf)


def _require_pages(conf: cfg.ConfigOpts) -> None:
    workers.require_safe(conf, "rrd")
    app.open_app(conf)


def _wattmeters_in(entries: Sequence[inifile.Entry]) -> Collection[str]:
    return {entry.section for entry in entries if entry.key == "driver"}


def _mistaken_wattmeters(paths: Sequence[str]) -> Iterator[inifile.Mistake]:
    """Yield what is wrong with sections of wattmeters; no device is asked."""
    found = wattmeters.read(paths)
    yield from (_located(str(mistake)) for mistake in found.mistakes.values())
    for wattmeter in found.wattmeters.values():
        try:
            manager.build_driver(wattmeter, lambda _reading: None, driver.Retry(), clocks.Clock())
        except exception.EnergyException as exc:
            yield _located(str(exc))


def _located(text: str) -> inifile.Mistake:
    parts = _WHERE.match(text)
    if parts is None:
        return inifile.Mistake("", 0, text)
    why = f"[{parts['name']}] {parts['why']}" if parts["name"] else parts["why"]
    return inifile.Mistake(parts["path"], int(parts["line"]), why)


PLAN = checkup.Plan(
    services=("kwapi-api", "kwapi-ceilometer", "kwapi-collector", "kwapi-drivers", "kwapi-rrd"),
    # One file may configure Climate too.
    namespaces=("kwapi", "climate", "climate.inventory.nova", "climate.ranking"),
    register=options.register_opts,
    trials=[
        checkup.Trial(_ON_THE_BUS, transports.get_transport),
        checkup.Trial(_LISTENERS, _require_keys),
        checkup.Trial(frozenset(("kwapi-drivers",)), transports.signer_of),
        manage.database_trial(frozenset(("kwapi-api", "kwapi-collector")), tables.SCHEMA),
        manage.api_trial("kwapi-api", "api"),
        checkup.Trial(frozenset(("kwapi-ceilometer",)), publisher_options.rules_of),
        checkup.Trial(frozenset(("kwapi-rrd",)), _require_pages),
    ],
    strangers=_wattmeters_in,
    foreign=_mistaken_wattmeters,
)


def list_checks(conf: cfg.ConfigOpts) -> list[upgrade.Check]:
    """Return what an upgrade of Kwapi needs beside what every product does."""
    return [upgrade.Check("Signing keys", functools.partial(_check_keys, conf))]


def _check_keys(conf: cfg.ConfigOpts) -> upgrade.Result:
    """Check that there are keys, that they are long enough, and that one is named to sign."""
    transports.signing_key_of(conf)
    if short := transports.find_short_key(conf):
        return upgrade.fail(f"{short}; `kwapi-manage key generate` makes one.")
    return upgrade.succeed(f"{len(transports.keys_of(conf))}.")
