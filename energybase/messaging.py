# SPDX-License-Identifier: Apache-2.0
"""oslo.messaging as every service of ours uses it: threads, a clear error, a quiet log.

Owns what a broker's URL may be and how an outage of it is told.  What travels
is the affair of :mod:`kwapi.bus` and ``climate.rpc``.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

from oslo_config import cfg
from oslo_service import backend

from energybase import exception

# Before oslo.messaging is imported: that loads oslo.service's default backend,
# and it is eventlet unless said before; other libraries try whether eventlet
# is there.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
backend.register_backend_default_hook(lambda: backend.BackendType.THREADING)

import oslo_messaging  # noqa: E402
from oslo_messaging import opts as messaging_opts  # noqa: E402


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register oslo.messaging's options."""
    for group, opts in messaging_opts.list_opts():
        conf.register_opts(opts, group=group)


def open_transport(
    get_transport: Callable[[cfg.ConfigOpts], Any], conf: cfg.ConfigOpts, default_url: str
) -> Any:
    """Return the transport that the configuration names; connects to nothing yet.

    :param get_transport: oslo.messaging's, for notifications or for RPC.
    :param default_url: where ``[DEFAULT] transport_url`` is not set.
    :raises ConfigurationInvalid: there is no such transport.
    """
    conf.set_default("transport_url", default_url)
    try:
        return get_transport(conf)
    except (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure):
        # Not from exc: it quotes the URL, password and all.
        kind = (conf.transport_url or default_url).partition(":")[0]
        reason = f"{kind} is no transport; a URL looks like rabbit://user:password@host:5672/"
        raise exception.ConfigurationInvalid(
            where="[DEFAULT] transport_url", reason=reason
        ) from None


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
