# SPDX-License-Identifier: Apache-2.0
"""Calls between Climate's services, over oslo.messaging RPC.

::

    transport   the broker; a server that answers; a client whose errors are ours
    inventory   calls climate-inventory: InventoryAPI
    planning    calls climate-planning: PlanningAPI
    ranking     calls climate-ranking: RankingAPI

These three classes are all that callers know of the services.  A call that
nobody took in time is dropped by the broker, so a request whose sender was told
503 is not carried out later.

Each service has a version, ``VERSION`` in its module.  A new method, a new
argument that must not be passed over, or a value that an old service refuses
raises the minor version, and the call that sends it says ``needs_version``:
an older service goes on to answer all other calls.  A new member of an
answer, and an argument that may be passed over, need no new version.
"""

# Before any module of ours imports oslo.messaging; it says why.
from energybase import messaging as messaging
