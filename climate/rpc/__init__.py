# SPDX-License-Identifier: Apache-2.0
"""Calls from one of Climate's services to another, over oslo.messaging RPC.

::

    transport   the broker; a server that answers; a client whose errors are ours
    inventory   what climate-inventory answers, as a class
    planning    what climate-planning answers, as a class

The two classes are all that the API knows of the services behind it.  A call
that nobody took in time is dropped by the broker, so a request whose sender was
told 503 is not carried out later.
"""

# Before any module of ours imports oslo.messaging; it says why.
from energybase import messaging as messaging
