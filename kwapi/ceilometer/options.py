# SPDX-License-Identifier: Apache-2.0
"""Options of the pollsters: group [kwapi] of Ceilometer's configuration."""

from __future__ import annotations

from oslo_config import cfg

from kwapi.ceilometer import reading
from kwapi.ceilometer import samples

GROUP = "kwapi"
_OPTIONS = (
    cfg.FloatOpt(
        "stale_after_seconds",
        default=180.0,
        min=1.0,
        help="A probe that was not measured for so long gives no samples, unless three of its own"
        " periods are longer. Ceilometer stamps samples with the time of the poll, so an old"
        " value would look like a new one.",
    ),
    cfg.FloatOpt(
        "timeout_seconds",
        default=10.0,
        min=0.1,
        help="How long Kwapi may be silent before a poll is given up.",
    ),
    cfg.StrOpt(
        "host_pattern",
        default=samples.DEFAULT_HOST_PATTERN,
        help="A regular expression that the whole id of a probe is matched with; its group"
        " (?P<host>...) is the name of the host that the probe feeds, as Nova calls it.",
    ),
    cfg.DictOpt(
        "host_probes",
        default={},
        help="The probes of hosts that have several, or whose name is no part of theirs:"
        " host_probes = node-1:pdu-a.3 pdu-b.3,node-2:pdu-a.4. A host's power is their sum. Goes"
        " before host_pattern. A probe with a comma in its id cannot be listed.",
    ),
)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options, for ``oslo-config-generator``."""
    return [(GROUP, list(_OPTIONS))]


def read(conf: cfg.ConfigOpts) -> reading.Options:
    """Return what a configuration says, which need not know these options yet.

    :raises ValueError: something in it cannot be used; a sentence says what.
    """
    conf.register_opts(_OPTIONS, GROUP)
    given = conf[GROUP]
    probes = {host: probe_ids.split() for host, probe_ids in given.host_probes.items()}
    hosts = samples.Hosts(given.host_pattern, probes)
    return reading.Options(given.stale_after_seconds, given.timeout_seconds, hosts)
