# SPDX-License-Identifier: Apache-2.0
"""climate-planning: makes proposals, and starts and ends leases.

Owns the command; its parts are :mod:`climate.planning.service`'s.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from climate.cmd import process
from climate.planning import service


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    return process.main("climate-planning", service.PlanningService, argv)


if __name__ == "__main__":
    sys.exit(main())
