# SPDX-License-Identifier: Apache-2.0
"""``openstack energy top``: the probes that use most, refreshed until Ctrl-C.

Owns the interval; an outage of the service is reported, and does not end it.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import time

from energyclient import errors
from energyclient import records
from energyclient.osc import arguments
from energyclient.osc import command
from energyclient.osc import screen


class Top(command.Command):
    """Show the probes that use most watts, live; Ctrl-C ends it.

    On a terminal the picture is renewed; elsewhere one follows the other.
    """

    examples = """
        # live, every two seconds
        openstack energy top

        # the present state, once, into a file
        openstack energy top --count 1 > now.txt
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--interval",
            metavar="<seconds>",
            type=arguments.interval,
            default=2.0,
            help="How often to look (default: 2)",
        )
        parser.add_argument(
            "--count",
            metavar="<n>",
            type=arguments.count,
            help="End after so many looks (default: at Ctrl-C)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Show until somebody has seen enough."""
        # Who can never be asked is told so before the screen is taken.
        probes = self.energy.list_probes()
        with (
            contextlib.suppress(KeyboardInterrupt),
            screen.Screen(self.app.stdout, dict(os.environ)).open() as shown,
        ):
            self._show(shown, probes, parsed_args)

    def _show(
        self,
        shown: screen.Screen,
        probes: tuple[records.Probe, ...],
        parsed_args: argparse.Namespace,
    ) -> None:
        note = ""
        for look in itertools.count(1):
            shown.show(probes, time.time(), note)
            if look == parsed_args.count:
                return
            time.sleep(parsed_args.interval)
            probes, note = self._look(probes)

    def _look(self, before: tuple[records.Probe, ...]) -> tuple[tuple[records.Probe, ...], str]:
        """Return the probes and nothing, or what was seen last and why."""
        try:
            return self.energy.list_probes(), ""
        except errors.ClientError as exc:
            return before, str(exc)
