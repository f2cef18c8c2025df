# SPDX-License-Identifier: Apache-2.0
"""Kwapi measures: reads wattmeters, counts energy, and serves both to clients.

Measurements go from ``drivers`` over ``bus`` to ``collector``, ``history`` and
``ceilometer``; ``store`` is what ``collector`` writes and ``api`` reads.
"""
