# SPDX-License-Identifier: Apache-2.0
"""``openstack energy driver list``."""

from __future__ import annotations

import argparse
from typing import Any

from osc_lib.cli import format_columns

from energyclient.osc import columns
from energyclient.osc import command


class List(command.Lister):
    """List wattmeters, and how the driver of each fares."""

    examples = """
        # is every wattmeter read?
        openstack energy driver list

        # why are some not?
        openstack energy driver list --long
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--long", action="store_true", help="Show also errors, restarts and missing probes"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Any]:
        """Return the table."""
        headers: tuple[str, ...] = ("Wattmeter", "Driver", "State", "Since", "Last Reading")
        headers += ("Probes",)
        if parsed_args.long:
            headers += ("Missing", "Restarts", "Last Error")
        rows = (
            (
                driver.wattmeter,
                driver.driver,
                driver.state,
                columns.Time(driver.since),
                columns.Time(driver.last_reading),
                driver.probes,
                format_columns.ListColumn(list(driver.missing)),
                driver.restarts,
                driver.last_error,
            )[: len(headers)]
            for driver in self.energy.list_drivers()
        )
        return headers, rows
