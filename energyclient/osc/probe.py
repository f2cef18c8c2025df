# SPDX-License-Identifier: Apache-2.0
"""``openstack energy probe list`` and ``show``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from energyclient import records
from energyclient.osc import columns
from energyclient.osc import command

_SORT = {
    "id": lambda probe: probe.id,
    "watts": lambda probe: -probe.watts,
    "kwh": lambda probe: -probe.kwh,
}


class List(command.Lister):
    """List probes: what each measured last, in watts, and its energy so far, in kWh."""

    examples = """
        # all probes, those that use most first
        openstack energy probe list --by watts

        # the same for a program
        openstack energy probe list -f json
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--by",
            choices=tuple(_SORT),
            default="id",
            help="Order: by id (default), or the greatest watts or kWh first",
        )
        parser.add_argument("--long", action="store_true", help="Show also how it is measured")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Any]:
        """Return the table."""
        titles = (meter.title for meter in records.METERS)
        headers: tuple[str, ...] = ("Probe", *titles, "Measured At", "Wattmeter")
        if parsed_args.long:
            headers += ("Period Seconds", "Resolution Watts")
        probes = sorted(self.energy.list_probes(), key=_SORT[parsed_args.by])
        return headers, (tuple(_cells(probe))[: len(headers)] for probe in probes)


class Show(command.ShowOne):
    """Show one probe."""

    examples = """
        # all of it
        openstack energy probe show server-1

        # nothing but the watts
        openstack energy probe show server-1 -f value -c w
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument("probe", metavar="<probe>", help="Id of the probe")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Any]:
        """Return its record."""
        probe = self.energy.get_probe(parsed_args.probe)
        keys = (meter.key for meter in records.METERS)
        measured = ("timestamp", "wattmeter", "period_seconds", "resolution_watts")
        return ("id", *keys, *measured), tuple(_cells(probe))


def _cells(probe: records.Probe) -> Iterator[Any]:
    yield probe.id
    for meter in records.METERS:
        yield columns.Number(getattr(probe, meter.field), meter.places)
    yield columns.Time(probe.timestamp)
    yield probe.wattmeter
    yield probe.period_seconds
    yield probe.resolution_watts
