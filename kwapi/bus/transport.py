# SPDX-License-Identifier: Apache-2.0
"""The broker that the configuration names, the keys, and a quiet log.

Owns what publishers and listeners share.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging import opts as messaging_opts

from kwapi import exception
from kwapi import signing

EVENT_TYPE = "kwapi.measurements"
PRIORITY = "info"


def get_transport(conf: cfg.ConfigOpts, default_url: str = "rabbit://") -> Any:
    """Return the transport that the configuration names.

    Durable queues and a bounded prefetch are the default here, and may be
    set otherwise under [oslo_messaging_rabbit].

    :param default_url: where ``[DEFAULT] transport_url`` is not set.
    """
    for group, opts in messaging_opts.list_opts():
        conf.register_opts(opts, group=group)
    conf.set_default("transport_url", default_url)
    conf.set_default("amqp_durable_queues", True, "oslo_messaging_rabbit")
    conf.set_default("rabbit_qos_prefetch_count", conf.bus.prefetch, "oslo_messaging_rabbit")
    try:
        return oslo_messaging.get_notification_transport(conf)
    except (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure):
        # Not from exc: it quotes the URL, password and all.
        kind = (conf.transport_url or default_url).partition(":")[0]
        reason = f"{kind} is no transport; a URL looks like rabbit://user:password@host:5672/"
        raise exception.ConfigurationInvalid(
            where="[DEFAULT] transport_url", reason=reason
        ) from None


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


class _OncePerOutage(logging.Filter):
    """Lets the first complaint of each kind pass, until better news comes."""

    def __init__(self) -> None:
        super().__init__()
        self._made: set[tuple[str, int]] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if "Reconnected" in str(record.msg):
            self.forget()
            return True
        if record.levelno < logging.INFO:
            return True
        # By where it is logged: the texts differ, and several take turns.
        kind = record.pathname, record.lineno
        repeated = kind in self._made
        self._made.add(kind)
        return not repeated

    def forget(self) -> None:
        """Let complaints pass again: the outage is over."""
        self._made.clear()


_once_per_outage = _OncePerOutage()


def quiet_driver_log() -> None:
    """Have oslo.messaging's drivers log an outage once, not at every try."""
    for package in ("oslo.messaging", "oslo_messaging"):  # oslo.log renames some loggers
        for module in ("impl_rabbit", "amqpdriver"):
            # Adding it a second time does nothing.
            logging.getLogger(f"{package}._drivers.{module}").addFilter(_once_per_outage)


def end_outage() -> None:
    """Let oslo.messaging complain again: the broker is back."""
    _once_per_outage.forget()
