# SPDX-License-Identifier: Apache-2.0
"""Options of group [ceilometer], kwapi-ceilometer's, and the rules and limits they make.

The pollsters, which run in Ceilometer's process, have their own:
:mod:`kwapi.ceilometer.options`.
"""

from __future__ import annotations

from typing import NamedTuple

from oslo_config import cfg
from oslo_config import types

from energybase import exception
from kwapi.ceilometer import publisher as publishers
from kwapi.ceilometer import samples

GROUP = "ceilometer"

OPTS = [
    cfg.StrOpt(
        "connection",
        secret=True,
        sample_default="sqlite:///<state_path>/kwapi-ceilometer.sqlite",
        help="URL of the database in which `kwapi-ceilometer` counts; of its own, and of one "
        "`kwapi-ceilometer` alone.",
    ),
    cfg.StrOpt(
        "transport_url",
        secret=True,
        sample_default="<that of the measurements>",
        help="The message bus on which Ceilometer's notification agent listens.",
    ),
    cfg.StrOpt("exchange", default="ceilometer", help="Exchange on which the agent listens."),
    cfg.StrOpt(
        "topic",
        default="notifications",
        help="Topic on which the agent listens; the queue is <topic>.info.",
    ),
    cfg.BoolOpt(
        "durable_queues",
        default=False,
        help="Whether exchange and queue are durable: what [oslo_messaging_rabbit] "
        "amqp_durable_queues says to Ceilometer's agent. With true in both, samples on their "
        "way survive a restart of the broker.",
    ),
    cfg.StrOpt(
        "event_type",
        default="telemetry.polling",
        help="Event type of the notifications. The default is that of Ceilometer's polling "
        "agent, whose samples the notification agent takes as they are; another one wants a "
        "definition in meters.d.",
    ),
    cfg.StrOpt(
        "pool",
        default="kwapi-ceilometer",
        help="Name of the queue in which measurements wait for `kwapi-ceilometer`; two on one "
        "broker need two.",
    ),
    cfg.FloatOpt(
        "period_seconds",
        default=60.0,
        min=0.1,
        help="Of each probe the first measurement in every such period becomes a sample.",
    ),
    cfg.ListOpt(
        "meters",
        default=["energy", "power"],
        item_type=types.String(choices=list(samples.METERS)),
        help="Which meters are sent: energy and power of each probe, and, as "
        "hardware.ipmi.node.power, the power of each host.",
    ),
    cfg.StrOpt(
        "host_pattern",
        default="(?P<host>.+)",
        help="Regular expression that a probe's whole name matches, and whose group `host` is "
        "the name of the host it feeds. By default a probe is called as its host.",
    ),
    cfg.DictOpt(
        "host_probes",
        default={},
        help="Probes of hosts for which host_pattern will not do, such as those with several "
        "power supplies: host:probe probe, comma separated.",
    ),
    cfg.FloatOpt(
        "flush_seconds",
        default=5.0,
        min=0.05,
        max=60.0,
        help="Measurements are counted and stored, and samples sent, together at least this often.",
    ),
    cfg.IntOpt(
        "max_samples_per_message",
        default=250,
        min=1,
        help="A notification with more samples is split.",
    ),
    cfg.IntOpt(
        "max_queued_messages",
        default=1000,
        min=1,
        help="While so many messages wait for Ceilometer, no more are sent: measurements wait "
        "in the queue named by pool. A message of 250 samples has 200 kB.",
    ),
    cfg.FloatOpt(
        "max_behind_seconds",
        default=86400.0,
        min=60.0,
        help="Samples that could not be sent for so long are dropped, and that is logged; "
        "energy is counted all the same.",
    ),
]


class Limits(NamedTuple):
    """How much is sent.

    :ivar max_samples: in one message.
    :ivar max_queued: so many messages may wait for Ceilometer.
    :ivar max_behind_seconds: older samples are not sent.
    """

    max_samples: int = 250
    max_queued: int = 1000
    max_behind_seconds: float = 86400.0


def limits_of(conf: cfg.ConfigOpts) -> Limits:
    """Return how much is sent."""
    group = conf[GROUP]
    return Limits(
        group.max_samples_per_message, group.max_queued_messages, group.max_behind_seconds
    )


def rules_of(conf: cfg.ConfigOpts) -> publishers.Rules:
    """Return what is sampled.

    :raises ConfigurationInvalid: it is not said which host a probe feeds.
    """
    group = conf[GROUP]
    listed = {host: probes.split() for host, probes in group.host_probes.items()}
    try:
        hosts = samples.Hosts(group.host_pattern, listed)
    except ValueError as exc:
        raise exception.ConfigurationInvalid(
            where="[ceilometer] host_pattern, host_probes", reason=exc
        ) from exc
    return publishers.Rules(
        group.period_seconds,
        tuple(dict.fromkeys(group.meters)),
        hosts,
        conf.collector.silent_seconds,
    )
