# SPDX-License-Identifier: Apache-2.0
"""Calls from one of Climate's services to another, over oslo.messaging RPC.

::

    transport   the broker; a server that answers; a client whose errors are ours
    inventory   what climate-inventory answers, as a class
    planning    what climate-planning answers, as a class
    ranking     what climate-ranking answers, as a class

InventoryAPI, PlanningAPI and RankingAPI are all that callers know of these
services.  A call that nobody took in time is dropped by the broker, so a request
whose sender was told 503 is not carried out later.

Each service has a version, ``VERSION`` in its module.  A new method, a new
argument that must not be passed over, or a value that an old service refuses
raises the minor version, and the call that sends it says ``needs_version``:
all other calls are answered by an older service as before.  A new member of an
answer, and an argument that may be passed over, need no new version.
"""

# Before any module of ours imports oslo.messaging; it says why.
from energybase import messaging as messaging
