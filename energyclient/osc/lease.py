# SPDX-License-Identifier: Apache-2.0
"""``openstack lease list``, ``show``, ``confirm``, ``extend`` and ``delete``.

Owns finding and changing a lease; :mod:`energyclient.osc.booking` creates one.
"""

from __future__ import annotations

import argparse
from typing import Any

from osc_lib import exceptions

from energyclient import errors
from energyclient import records
from energyclient import times
from energyclient.osc import arguments
from energyclient.osc import command
from energyclient.osc import shown
from energyclient.osc import waiting


class List(command.Lister):
    """List leases of your project, newest first."""

    examples = """
        # all of them
        openstack lease list

        # those that are active, as JSON
        openstack lease list --status active -f json

        # who has server-3 tomorrow?  (for administrators)
        openstack lease list --all-projects --host server-3 --long
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--status", choices=records.STATUSES, help="Only those; cancelled and expired only so"
        )
        parser.add_argument("--name", metavar="<name>", help="Only those of this name")
        parser.add_argument("--host", metavar="<host>", help="Only those with this host")
        parser.add_argument(
            "--starts-before",
            metavar="<time>",
            type=arguments.point_in_time,
            help=f"Only those that start before a time {arguments.TIMES}",
        )
        parser.add_argument(
            "--ends-after",
            metavar="<time>",
            type=arguments.point_in_time,
            help="Only those that end after a time",
        )
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument(
            "--all-projects", action="store_true", help="Everybody's (administrators only)"
        )
        whose.add_argument(
            "--project", metavar="<project-id>", help="This project's (administrators only)"
        )
        parser.add_argument(
            "--limit",
            metavar="<n>",
            type=arguments.count,
            help="At most so many (default: all)",
        )
        parser.add_argument("--long", action="store_true", help="Show more of each")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Any]:
        """Return the table."""
        headers: tuple[str, ...] = ("ID", "Name", "Status", "Start", "End", "Hosts")
        if parsed_args.long:
            headers += ("Degraded", "Objective", "Host Properties", "Project ID", "User ID")
        found = self.leases.list_leases(
            status=parsed_args.status,
            name=parsed_args.name,
            host=parsed_args.host,
            starts_before=parsed_args.starts_before,
            ends_after=parsed_args.ends_after,
            all_projects=parsed_args.all_projects,
            project_id=parsed_args.project,
            limit=parsed_args.limit,
        )
        # All of them: a table is not begun that cannot be ended.
        return headers, [shown.make_row(lease)[: len(headers)] for lease in found]


class Show(command.ShowOne):
    """Show a lease."""

    examples = """
        # all of it
        openstack lease show <id or name>

        # the names of its hosts
        openstack lease show <id or name> -f json -c hosts
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        return _add_lease(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """Return the lease."""
        return shown.describe(self.leases.find(parsed_args.lease))


class Confirm(command.ShowOne):
    """Take what 'lease create --propose' proposed."""

    examples = """
        # take it, and wait until it starts
        openstack lease confirm <id> --wait
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = _add_lease(super().get_parser(prog_name))
        waiting.add_option(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """Return the lease."""
        lease_id = _get_id(self.leases, parsed_args.lease)
        lease = self.leases.confirm(lease_id)
        return shown.describe(waiting.wait(self.leases, lease) if parsed_args.wait else lease)


class Extend(command.ShowOne):
    """Have a lease end later, if nobody else holds its hosts by then; or sooner."""

    examples = """
        # two hours more
        openstack lease extend <id or name> --by 2h

        # until a time, which may be sooner
        openstack lease extend <id or name> --to 18:00
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = _add_lease(super().get_parser(prog_name))
        until = parser.add_mutually_exclusive_group(required=True)
        until.add_argument(
            "--by",
            metavar="<duration>",
            type=arguments.duration,
            help=f"How much longer, {arguments.DURATIONS}",
        )
        until.add_argument(
            "--to",
            metavar="<time>",
            type=arguments.point_in_time,
            help=f"When it is to end, {arguments.TIMES}",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        """Return the lease."""
        lease = self.leases.find(parsed_args.lease)
        end_time = lease.end_time + parsed_args.by if parsed_args.by else parsed_args.to
        return shown.describe(self.leases.extend(lease.id, end_time))

    def explain(self, exc: errors.ClientError) -> str:
        """Return the reason, with what would work."""
        latest = exc.proposal.latest_end_time if isinstance(exc, errors.Conflict) else None
        return str(exc) if latest is None else f"{exc} Try --to {times.format_iso(latest)}."


class Delete(command.Command):
    """Give a lease's hosts back: cancel it, or if it has started, end it now."""

    examples = """
        # one, or several
        openstack lease delete <id or name>
        openstack lease delete <id or name> <id or name>
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "lease", metavar="<lease>", nargs="+", help="Id or name of a lease (or of several)"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Delete each, as far as it goes; then tell which did not."""
        failures = []
        for name in parsed_args.lease:
            try:
                self.leases.delete(self.leases.find(name).id)
            except errors.ClientError as exc:
                failures.append(str(exc))
        if failures:
            raise exceptions.CommandError(" ".join(failures))


def _add_lease(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("lease", metavar="<lease>", help="Id or name of the lease")
    return parser


def _get_id(leases: Any, name_or_id: str) -> str:
    """Return the id of a lease; of one that expired, too: it is for the service to say so."""
    try:
        found: str = leases.find(name_or_id).id
    except errors.NotFound:
        return name_or_id
    return found
