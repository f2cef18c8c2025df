# SPDX-License-Identifier: Apache-2.0
"""``openstack lease host list``."""

from __future__ import annotations

import argparse
from typing import Any

from energyclient.osc import command


class List(command.Lister):
    """List the hosts that can be leased."""

    examples = """
        # all of them
        openstack lease host list

        # those that can be reached now
        openstack lease host list --status up
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--status",
            choices=("up", "down", "missing"),
            help="Only those with this status",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Any]:
        """Return the table."""
        wanted = parsed_args.status
        hosts = [host for host in self.leases.list_hosts() if wanted in (None, host.status)]
        return ("ID", "Name", "Status"), hosts
