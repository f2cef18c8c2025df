# SPDX-License-Identifier: Apache-2.0
"""What Nova's scheduler loads: servers go where their lease and the watts say.

::

    nova-scheduler -> filters.LeaseFilter ------> reservations -\\
                   `-> weights.EfficiencyWeigher --------------- > answers -> climate.client

Configured by group [climate] of Nova's own configuration.  Needs only what Nova
has, and asks Climate over HTTP, so neither need be upgraded with the other.
"""
