# SPDX-License-Identifier: Apache-2.0
"""The time zone in which days begin and tariffs hold.

Owns its option's meaning, and how the machine's own zone is found.
"""

from __future__ import annotations

import datetime
import os
import zoneinfo
from pathlib import Path

from energybase import exception

_LOCAL_ZONE = Path("/etc/localtime")


def find_zone(name: str | None) -> datetime.tzinfo:
    """Return the time zone of that name, or the machine's own.

    :raises ConfigurationInvalid: there is none of that name.
    """
    if name:
        try:
            return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
            raise exception.ConfigurationInvalid(
                where="[rrd] time_zone",
                reason=f"must be the name of a time zone such as Europe/Paris, not {name!r}",
            ) from exc
    try:
        if name := os.environ.get("TZ", "").removeprefix(":"):
            return zoneinfo.ZoneInfo(name)
        with _LOCAL_ZONE.open("rb") as file:
            return zoneinfo.ZoneInfo.from_file(file)
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
        return datetime.UTC
