# SPDX-License-Identifier: Apache-2.0
"""Measures speed and size, each module one thing; run as ``python -m benchmarks.NAME``."""
