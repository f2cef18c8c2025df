# SPDX-License-Identifier: Apache-2.0
"""Options of group [bus]: topic, signing keys, and how much is sent, kept and fetched at once.

Owns their names, defaults and help; what is read from them is
:mod:`kwapi.bus.transport`'s.
"""

from __future__ import annotations

import socket

from oslo_config import cfg

GROUP = "bus"

OPTS = [
    cfg.DictOpt(
        "signing_keys",
        default={},
        secret=True,
        help="Keys that sign messages, as id:key, comma separated; a key has at least 32 "
        "characters. `kwapi-manage key generate` makes one. Receivers take any of them, which "
        "is how keys are rotated: add the new one to the receivers, then to the senders, then "
        "remove the old one.",
    ),
    cfg.StrOpt(
        "signing_key_id",
        help="Which of signing_keys signs what this process sends; needed when there are several.",
    ),
    cfg.StrOpt(
        "sender",
        default=socket.gethostname(),
        sample_default="<hostname>",
        help="Name under which this process sends.",
    ),
    cfg.StrOpt(
        "topic",
        default="kwapi.measurements",
        help="Topic of the notifications that carry measurements.",
    ),
    cfg.FloatOpt(
        "window_seconds",
        default=0.2,
        min=0.0,
        max=10.0,
        help="Measurements taken within so many seconds travel in one message.",
    ),
    cfg.IntOpt(
        "max_measurements_per_message",
        default=250,
        min=1,
        help="A message with more measurements is split.",
    ),
    cfg.IntOpt(
        "max_kept_measurements",
        default=1_000_000,
        min=1,
        help="How many measurements to keep while the broker is away, at about 100 bytes each; "
        "beyond that the oldest are dropped and counted.",
    ),
    cfg.FloatOpt(
        "max_message_age_seconds",
        default=7 * 86400.0,
        min=60.0,
        help="Older messages are refused. This bounds how long a consumer may be away without "
        "losing measurements, and how long what it has taken is remembered against replays.",
    ),
    cfg.FloatOpt(
        "max_clock_skew_seconds",
        default=300.0,
        min=0.0,
        help="Messages and measurements further in the future than this are refused.",
    ),
    cfg.IntOpt(
        "prefetch",
        default=800,
        min=10,
        help="How many messages the broker hands over before the first is acknowledged.",
    ),
]
