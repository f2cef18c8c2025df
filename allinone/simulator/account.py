# SPDX-License-Identifier: Apache-2.0
"""Who may use the simulated BMCs: everybody may know, there is nothing to protect."""

from __future__ import annotations

USERNAME = "kwapi"
PASSWORD = "not-secret"  # noqa: S105 - printed when the simulator starts
