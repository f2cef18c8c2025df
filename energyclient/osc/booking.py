# SPDX-License-Identifier: Apache-2.0
"""``openstack lease create``.

Owns its options and its error messages; :mod:`energyclient.osc.arguments` parses
times and properties.
"""

from __future__ import annotations

import argparse
from typing import Any

from osc_lib import exceptions

from energyclient import errors
from energyclient import properties
from energyclient import records
from energyclient import times
from energyclient.osc import arguments
from energyclient.osc import command
from energyclient.osc import shown
from energyclient.osc import waiting


class Create(command.ShowOne):
    """Lease hosts for a while: nobody else's servers are placed on them.

    Say how long, and which hosts.  By default the lease starts now; with
    --start it starts then.  Give --end, too, to leave Climate the choice: the
    lease is then at the first time between at which enough of these hosts are
    free together.  If there is none, you are told what would work.
    """

    examples = """
        # two hosts with 16 vCPUs or more, now, for an hour
        openstack lease create --duration 1h --quantity 2 --property 'vcpus>=16'

        # from tomorrow morning till evening, and wait until it starts
        openstack lease create --start 'tomorrow 08:00' --end 'tomorrow 18:00' --wait

        # three hours within this week, when they cost the least energy
        openstack lease create --duration 3h --end 'friday 18:00' --objective greenest

        # look before you take it: it is held for some minutes
        openstack lease create --duration 2h --propose
        openstack lease confirm <id>

        # then place a server on the lease's hosts
        openstack server create --hint lease_id=<id> ...
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = super().get_parser(prog_name)
        _add_when(parser)
        _add_which(parser)
        parser.add_argument("--name", metavar="<name>", help="Whatever you like to call it")
        parser.add_argument(
            "--propose",
            action="store_true",
            help="Only hold the hosts for some minutes, until 'lease confirm'",
        )
        waiting.add_option(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """Return the lease."""
        if parsed_args.duration is None and parsed_args.end is None:
            raise exceptions.CommandError(
                "Say how long: --duration 2h for example, or --end 'tomorrow 18:00'."
            )
        if parsed_args.propose and parsed_args.wait:
            raise exceptions.CommandError(
                "A proposal does not start: either --propose or --wait, not both."
            )
        wanted = [*parsed_args.property, parsed_args.host_properties or []]
        lease = self.leases.create(
            duration_seconds=parsed_args.duration,
            start_time=parsed_args.start,
            end_time=parsed_args.end,
            quantity=parsed_args.quantity,
            hosts_max=parsed_args.max_hosts,
            host_properties=properties.combine(wanted),
            objective=parsed_args.objective,
            name=parsed_args.name,
            confirm=not parsed_args.propose,
        )
        return shown.describe(waiting.wait(self.leases, lease) if parsed_args.wait else lease)

    def explain(self, exc: errors.ClientError) -> str:
        """Return the reason, with what would work, and where to look if nobody knows."""
        if isinstance(exc, errors.Conflict):
            return f"{exc}{_suggest(exc.proposal)}"
        if isinstance(exc, errors.Unreachable) and exc.maybe_done:
            return f"{exc} Look at 'openstack lease list' before you try again."
        return str(exc)


def _add_when(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--duration",
        metavar="<duration>",
        type=arguments.duration,
        help=f"How long, {arguments.DURATIONS} (default: from --start to --end)",
    )
    parser.add_argument(
        "--start",
        metavar="<time>",
        type=arguments.point_in_time,
        help=f"Not before, {arguments.TIMES} (default: now)",
    )
    parser.add_argument(
        "--end",
        metavar="<time>",
        type=arguments.point_in_time,
        help="Not after (default: --start and --duration); with a --duration that is shorter, "
        "the lease is at any time between",
    )
    parser.add_argument(
        "--objective",
        choices=records.OBJECTIVES,
        help="As soon as possible (default), or when and where it costs the least energy",
    )


def _add_which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quantity",
        metavar="<n>",
        type=arguments.count,
        default=1,
        help="How many hosts, at least (default: 1)",
    )
    parser.add_argument(
        "--max-hosts",
        metavar="<n>",
        type=arguments.count,
        help="How many hosts at most, if more are free (default: as --quantity)",
    )
    parser.add_argument(
        "--property",
        metavar="<comparison>",
        type=arguments.comparison,
        action="append",
        default=[],
        help="Only hosts of which this is true, such as 'vcpus>=16', 'cpu_info.vendor=Intel' "
        "or 'avx2 in cpu_info.features' (repeat for several, all of which must be true)",
    )
    parser.add_argument(
        "--host-properties",
        metavar="<json>",
        type=arguments.expression,
        help="The same as an expression of Nova's JSON filter, which knows or and not, too",
    )


def _suggest(proposal: errors.Proposal) -> str:
    """Return what to type instead."""
    choices = []
    if proposal.largest_quantity:
        choices.append(f"--quantity {proposal.largest_quantity}")
    if proposal.start_time is not None and proposal.end_time is not None:
        times_to_type = map(times.format_iso, (proposal.start_time, proposal.end_time))
        choices.append("--start {} --end {}".format(*times_to_type))
    return f" Try {', or '.join(choices)}." if choices else ""
