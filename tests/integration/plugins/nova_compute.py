# SPDX-License-Identifier: Apache-2.0
"""nova-compute that finds virt drivers in this folder too.

Nova loads them from its own package only.
"""

from __future__ import annotations

import pathlib
import sys

import nova.virt
from nova.cmd import compute

if __name__ == "__main__":
    nova.virt.__path__.append(str(pathlib.Path(__file__).parent))
    sys.exit(compute.main())
