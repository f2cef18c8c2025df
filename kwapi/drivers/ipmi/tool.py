# SPDX-License-Identifier: Apache-2.0
"""Runs the program ``ipmitool``, for BMCs that pyghmi cannot talk to.

Owns running it, with the password in its environment and never among its
arguments, and reading what it prints.  A process for each reading costs many
times what a session does; see ``benchmarks/ipmi_polling.py``.
"""

from __future__ import annotations

import csv
import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from typing import TypeVar

from energybase import numbers
from kwapi import exception
from kwapi.drivers.ipmi import session

_T = TypeVar("_T")

_REFUSALS = ("hmac is invalid", "unauthorized", "invalid role", "privilege level", "password")
_DEAD = ("unable to establish", "address lookup", "could not open socket")
#: An ipmitool that repeats itself gives up later than this many times its own time-out.
_ALLOWANCE_SECONDS = 10.0


class Row(NamedTuple):
    """A sensor as ``ipmitool sdr elist full`` prints it.

    :ivar entity: as "7.1": what it is about, and which of them.
    :ivar watts: None where it has none just now, or measures something else.
    """

    name: str
    entity: str
    watts: float | None


def parse_elist(text: str) -> list[Row]:
    """Return the sensors of ``ipmitool sdr elist full`` that are in watts just now.

    :raises ValueError: these lines are something else.
    """
    rows = []
    for line in filter(str.strip, text.splitlines()):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != 5:
            raise ValueError(f"the line {line[:60]!r} has {len(cells)} columns instead of 5")
        number, _, unit = cells[4].partition(" ")
        rows.append(Row(cells[0], cells[3], numbers.finite(number) if unit == "Watts" else None))
    return [row for row in rows if row.watts is not None]


def parse_readings(text: str) -> dict[str, float]:
    """Return the readings of ``ipmitool -c sensor reading``; what says nothing is absent.

    :raises ValueError: these lines are something else.
    """
    readings = {}
    for cells in csv.reader(filter(str.strip, text.splitlines())):
        if len(cells) != 2:
            raise ValueError(f"the line {','.join(cells)[:60]!r} has {len(cells)} cells, not 2")
        watts = numbers.finite(cells[1])
        if watts is not None:
            readings[cells[0].strip()] = watts
    return readings


def choose(rows: Iterable[Row]) -> list[str]:
    """Return the names that may be the machine's power: the system board's before supplies'."""
    ranked: dict[int, list[str]] = {}
    for row in rows:
        rank = 0 if row.entity == "7.1" else 2 if row.entity.startswith("10.") else 1
        ranked.setdefault(rank, []).append(row.name)
    return ranked[min(ranked)] if ranked else []


class Tool:
    """Runs ipmitool against one BMC."""

    def __init__(
        self,
        account: session.Account,
        patience: session.Patience,
        interface: str,
        cipher_suite: int | None = None,
        program: str = "ipmitool",
    ) -> None:
        """Prepare.

        :param cipher_suite: as ipmitool's -C; None lets it ask, which old BMCs
            answer with silence, a second or more of it at each run.
        """
        self._account, self._patience, self._interface = account, patience, interface
        self._suite = [] if cipher_suite is None else ["-C", str(cipher_suite)]
        self._program = program
        self._cache: Path | None = None

    def open(self) -> None:
        """Fetch the sensor data records into a file, so that readings need not fetch them."""
        directory = tempfile.mkdtemp(prefix="kwapi-ipmi-")
        self._cache = Path(directory) / "sdr"
        # Only when it is verbose does it say why it failed; its output is then another.
        self._run("-v", "sdr", "dump", str(self._cache))

    def list_sensors(self) -> list[Row]:
        """Return the sensors that measure watts just now."""
        return self._parse(parse_elist, self._run(*self._cached("sdr", "elist", "full")))

    def read(self, names: Sequence[str]) -> dict[str, float]:
        """Return what sensors measure, W."""
        return self._parse(
            parse_readings, self._run(*self._cached("-c", "sensor", "reading", *names))
        )

    def close(self) -> None:
        """Remove the file of records."""
        cache, self._cache = self._cache, None
        if cache is not None:
            shutil.rmtree(cache.parent, ignore_errors=True)

    def _cached(self, *arguments: str) -> list[str]:
        return ["-S", str(self._cache), *arguments] if self._cache else list(arguments)

    def _run(self, *arguments: str) -> str:
        done = self._execute(*arguments)
        if done.returncode and not done.stdout.strip():
            raise self._translate(done.stderr)
        return done.stdout

    def _execute(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        patience, repeats = self._patience, self._patience.retries + 1
        command = [
            self._program,
            *("-I", self._interface, "-H", self._account.host, "-p", str(self._account.port)),
            *("-U", self._account.username, "-L", self._account.privilege.upper(), "-E"),
            *self._suite,
            *("-N", str(math.ceil(patience.timeout_seconds)), "-R", str(repeats)),
            *arguments,
        ]
        environment = {
            "HOME": os.environ.get("HOME", "/"),
            "LC_ALL": "C",
            "PATH": os.environ.get("PATH", os.defpath),
            "IPMITOOL_PASSWORD": self._account.password,
        }
        try:
            return subprocess.run(  # noqa: S603 - a list of our own making, and no shell
                command,
                env=environment,
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=math.ceil(patience.timeout_seconds) * repeats + _ALLOWANCE_SECONDS,
            )
        except FileNotFoundError as exc:
            raise exception.WattmeterError(
                reason=f"the program {self._program} is not installed on this host"
            ) from exc
        except subprocess.TimeoutExpired:
            # Not from the exception: that one holds all that was printed.
            raise exception.WattmeterUnreachable(
                address=str(self._account), reason=f"{self._program} did not end in time"
            ) from None

    def _parse(self, parse: Callable[[str], _T], text: str) -> _T:
        try:
            return parse(text)
        except (ValueError, csv.Error) as exc:
            raise exception.MalformedAnswer(address=str(self._account), reason=str(exc)) from exc

    def _translate(self, said: str) -> exception.WattmeterError:
        lines = [line.strip(" >") for line in said.splitlines() if line.strip(" >")]
        reason = "; ".join(dict.fromkeys(lines[-3:])) or f"{self._program} says nothing"
        lower = said.lower()
        if any(word in lower for word in _REFUSALS):
            return exception.WattmeterRefused(address=str(self._account), reason=reason)
        if any(word in lower for word in _DEAD):
            return exception.WattmeterUnreachable(address=str(self._account), reason=reason)
        return exception.WattmeterError(reason=f"{self._account}: {reason}")
