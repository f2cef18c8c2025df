# SPDX-License-Identifier: Apache-2.0
"""climate-ranking: observes hosts' watts and load, and answers in what order they are.

Owns the command; its parts are :mod:`climate.ranking.service`'s.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from climate.cmd import process
from climate.ranking import service


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    return process.main("climate-ranking", service.RankingService, argv)


if __name__ == "__main__":
    sys.exit(main())
