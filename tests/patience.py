# SPDX-License-Identifier: Apache-2.0
"""How long a test waits for what happens at once on a quiet machine.

Owns the one deadline of all tests.  It ends a test that would wait for ever, and is
longer than a machine with ten times the load takes to start a process.
"""

from __future__ import annotations

SECONDS = 300.0
