# SPDX-License-Identifier: Apache-2.0
"""The transport of measurements, and the keys that sign them.

Owns what publishers and listeners share.
"""

from __future__ import annotations

import uuid
from typing import Any

from oslo_config import cfg

from energybase import exception
from energybase import messaging
from kwapi import signing

EVENT_TYPE = "kwapi.measurements"
PRIORITY = "info"


def get_transport(conf: cfg.ConfigOpts, default_url: str = "rabbit://") -> Any:
    """Return the transport that the configuration names.

    Durable queues and a bounded prefetch are the default here, and may be
    set otherwise under [oslo_messaging_rabbit].

    :param default_url: where ``[DEFAULT] transport_url`` is not set.
    """
    messaging.register_opts(conf)
    conf.set_default("amqp_durable_queues", True, "oslo_messaging_rabbit")
    conf.set_default("rabbit_qos_prefetch_count", conf.bus.prefetch, "oslo_messaging_rabbit")
    return messaging.open_notifications(conf, default_url)


def keys_of(conf: cfg.ConfigOpts) -> dict[str, bytes]:
    """Return the signing keys by id.

    :raises ConfigurationInvalid: there is none.
    """
    if not conf.bus.signing_keys:
        raise exception.ConfigurationInvalid(
            where="[bus] signing_keys",
            reason="no key is set; `kwapi-manage key generate` makes one",
        )
    return {key_id: key.encode() for key_id, key in conf.bus.signing_keys.items()}


def find_short_key(conf: cfg.ConfigOpts) -> str | None:
    """Return which key is too short, in words; None if none is.

    :raises ConfigurationInvalid: there is no key.
    """
    for key_id, key in keys_of(conf).items():
        if len(key) < signing.KEY_BYTES:
            return (
                f"[bus] signing_keys: key {key_id} has {len(key)} bytes and needs at least "
                f"{signing.KEY_BYTES}"
            )
    return None


def signing_key_of(conf: cfg.ConfigOpts) -> tuple[str, bytes]:
    """Return the key that signs what this process sends, after its id.

    :raises ConfigurationInvalid: no key, or it is not said which.
    """
    keys, key_id = keys_of(conf), conf.bus.signing_key_id
    if key_id is None and len(keys) == 1:
        key_id = next(iter(keys))
    if key_id not in keys:
        raise exception.ConfigurationInvalid(
            where="[bus] signing_key_id", reason=f"must be one of {', '.join(sorted(keys))}"
        )
    return key_id, keys[key_id]


def signer_of(conf: cfg.ConfigOpts) -> signing.Signer:
    """Return what signs as this run of this process.

    :raises ConfigurationInvalid: no key, or it is not said which.
    """
    return signing.Signer(*signing_key_of(conf), conf.bus.sender, uuid.uuid4().hex)


def verifier_of(conf: cfg.ConfigOpts) -> signing.Verifier:
    """Return what verifies by the configured keys.

    :raises ConfigurationInvalid: no key.
    """
    return signing.Verifier(
        keys_of(conf), conf.bus.max_message_age_seconds, conf.bus.max_clock_skew_seconds
    )
