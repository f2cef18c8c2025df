# SPDX-License-Identifier: Apache-2.0
"""Waits for ``--wait`` until a lease is active.

Owns the interval and the progress on stderr: on a terminal one line that is
renewed, elsewhere a line for each change.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any
from typing import TextIO

from energyclient import client
from energyclient import errors
from energyclient import records
from energyclient import times

_SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 30.0


class Progress:
    """Tells how far it is."""

    def __init__(self, output: TextIO) -> None:
        self._output, self._is_live = output, output.isatty()
        self._width, self._last = 0, ""

    def tell(self, what: str, live: str = "") -> None:
        """Tell that.

        :param live: what is told instead to those who look on; it changes all the time.
        """
        if self._is_live:
            # A line that wraps could not be renewed.
            line = (live or what)[: shutil.get_terminal_size().columns - 1]
            self._output.write(f"\r{line:<{self._width}}")
            self._width = len(line)
        elif what != self._last:
            self._output.write(f"{what}\n")
        self._last = what
        self._output.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._is_live and self._width:
            self._output.write("\n")
            self._output.flush()


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--wait``."""
    parser.add_argument(
        "--wait",
        action="store_true",
        help="Wait until it is active; Ctrl-C ends the waiting, and the lease stays",
    )


def wait(leases: client.LeaseClient, lease: records.Lease) -> records.Lease:
    """Return the lease when it has started; who interrupts that is told that it stays."""
    try:
        return wait_until_active(leases, lease, Progress(sys.stderr))
    except KeyboardInterrupt:
        sys.stderr.write(f"Lease {lease.id} stays; 'openstack lease show' tells how it fares.\n")
        raise


def wait_until_active(
    leases: client.LeaseClient,
    lease: records.Lease,
    progress: Progress,
    sleep: Callable[[float], Any] = time.sleep,
    now: Callable[[], float] = time.time,
) -> records.Lease:
    """Return the lease when it has started.

    :raises NotFound: it was cancelled meanwhile.
    :raises ClientError: it cannot be asked for; a service that is only away is waited for.
    """
    try:
        while lease.status in ("proposed", "confirmed"):
            left_seconds = lease.start_time - now()
            begun = f"Lease {lease.id} is {lease.status} and starts"
            starts = times.format_time(lease.start_time, times.LocalZone())
            left = times.format_duration(left_seconds)
            progress.tell(f"{begun} at {starts}", f"{begun} in {left}")
            sleep(min(max(left_seconds / 2, _SHORTEST_SECONDS), _LONGEST_SECONDS))
            lease = _look(leases, lease, progress)
        progress.tell(f"Lease {lease.id} is {lease.status}.")
    finally:
        progress.end()
    return lease


def _look(leases: client.LeaseClient, lease: records.Lease, progress: Progress) -> records.Lease:
    try:
        return leases.get(lease.id)
    except (errors.Unreachable, errors.Unavailable) as exc:
        progress.tell(f"{exc} Waiting for it.")
        return lease
    except errors.NotFound:
        message = f"Lease {lease.id} was given back meanwhile."
    raise errors.NotFound(message, 404)
