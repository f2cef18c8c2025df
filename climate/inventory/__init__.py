# SPDX-License-Identifier: Apache-2.0
"""The inventory: all hosts, and those that match an expression.

::

    source of hosts --> worker --> store --> manager --> RPC
                                               ^
                             properties, parsed and compiled
"""
