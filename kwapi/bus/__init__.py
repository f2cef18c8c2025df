# SPDX-License-Identifier: Apache-2.0
"""Publish what drivers measure, and listen to it, over oslo.messaging notifications.

Owns the transport, batching, and not losing anything while the broker is
away.  What a message means is :mod:`kwapi.measurement`'s, who may send one is
:mod:`kwapi.signing`'s.

::

    transport   the broker, the keys, and a quiet log while the broker is away
    publisher   readings -> signed messages -> broker
    batch       what a listener hands over
    listener    broker -> verified messages -> handler
    producer    a service that publishes: a publisher and its key
    consumer    a service that listens: handlers, a listener and its keys

Queues are durable and a message is acknowledged once whoever handles it is
done with it.  One consumer, the collector, listens without a pool; every
other must name a pool of its own, else it takes the collector's messages.
"""
