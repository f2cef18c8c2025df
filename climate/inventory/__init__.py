# SPDX-License-Identifier: Apache-2.0
"""Which hosts there are, and which of them have some properties.

::

    source of hosts --> worker --> store --> manager --> RPC
                                               ^
                             properties, parsed and compiled
"""
