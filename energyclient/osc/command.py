# SPDX-License-Identifier: Apache-2.0
"""The base of all commands: help with examples, errors as one sentence.

Owns neither what they ask nor what they show.
"""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from osc_lib import exceptions
from osc_lib.command import command

from energyclient import errors


class _Shared(command.Command):
    """Mixed into each kind of command.

    :cvar examples: commands as they are typed, each below a line that says what it is for.
    """

    examples = ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser, whose help shows the examples as they are."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.formatter_class = _keep_lines(parser.formatter_class)
        if self.examples:
            shown = textwrap.indent(textwrap.dedent(self.examples).strip("\n"), "  ")
            parser.epilog = f"examples:\n{shown}\n\n{parser.epilog or ''}".rstrip()
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Do it, or say in a sentence why not."""
        try:
            return super().run(parsed_args)
        except errors.ClientError as exc:
            reason = self.explain(exc)
        raise exceptions.CommandError(reason)

    def explain(self, exc: errors.ClientError) -> str:
        """Return what is told of an error."""
        return str(exc)

    @property
    def energy(self) -> Any:
        """Return the client of the energy service, :class:`energyclient.client.EnergyClient`."""
        return self._clients.energy

    @property
    def leases(self) -> Any:
        """Return the client of the lease service, :class:`energyclient.client.LeaseClient`."""
        return self._clients.leases

    @property
    def _clients(self) -> Any:
        return self.app.client_manager.energy  # type: ignore[attr-defined]  # set by the plugin


class Command(_Shared):
    """A command that shows what it shows by itself."""


class Lister(_Shared, command.Lister):
    """A command that shows a table."""


class ShowOne(_Shared, command.ShowOne):
    """A command that shows one thing."""


def _keep_lines(formatter: Any) -> Any:
    """Return a formatter of help that leaves lines of descriptions and examples as they are."""

    class Formatter(formatter):  # type: ignore[misc]
        def _fill_text(self, text: str, width: int, indent: str) -> str:
            return "\n".join(f"{indent}{line}".rstrip() for line in text.splitlines())

    return Formatter
