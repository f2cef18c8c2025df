# SPDX-License-Identifier: Apache-2.0
"""``openstack energy ranking list``."""

from __future__ import annotations

import argparse
from typing import Any

from energyclient import records
from energyclient.osc import columns
from energyclient.osc import command


class List(command.Lister):
    """List hosts, those that compute most for a watt first."""

    examples = """
        # all hosts, as the operator chose to rank them
        openstack energy ranking list

        # two of them, by what they compute for a watt when fully loaded
        openstack energy ranking list --by peak --host server-1 --host server-2
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--by",
            choices=records.KINDS,
            help="flop/W of one more vCPU (marginal), at the present load, or at the peak; "
            "by default what the operator chose",
        )
        parser.add_argument(
            "--host",
            metavar="<host>",
            action="append",
            default=[],
            help="Only this host (repeat for several)",
        )
        parser.add_argument(
            "--long", action="store_true", help="Show also what the score follows from"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Any]:
        """Return the table."""
        ranking = self.leases.get_ranking(parsed_args.by, parsed_args.host)
        headers: tuple[str, ...] = ("Host", "Flop Per Watt", "W", "Load", "On")
        headers += ("Confidence",)
        if parsed_args.long:
            headers += ("Flop Per Second", "Flop Source", "Idle W", "Max W", "Ranked By")
        rows = (
            (
                host.host,
                columns.Large(host.score),
                columns.Number(host.watts_now),
                columns.Large(host.load),
                host.on,
                host.confidence,
                columns.Large(host.flops),
                host.flops_source,
                columns.Number(host.watts_idle),
                columns.Number(host.watts_max),
                ranking.by,
            )[: len(headers)]
            for host in ranking.hosts
        )
        return headers, rows
