# SPDX-License-Identifier: Apache-2.0
"""Climate reserves: leases of hosts, which hosts there are, and how efficient they are.

``api`` asks ``inventory``, ``planning`` and ``ranking`` over ``rpc``; these three
share the tables of ``db``.
"""
