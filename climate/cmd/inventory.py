# SPDX-License-Identifier: Apache-2.0
"""climate-inventory: reads which hosts there are, and answers which of them match.

Owns the command; its parts are :mod:`climate.inventory.service`'s.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from climate.cmd import process
from climate.inventory import service


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    return process.main("climate-inventory", service.InventoryService, argv)


if __name__ == "__main__":
    sys.exit(main())
