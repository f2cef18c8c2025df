# SPDX-License-Identifier: Apache-2.0
"""``EfficiencyWeigher`` for Nova's scheduler: prefers the hosts that compute most for a watt.

Owns the weight of a host, with a figure or without; Climate's ranking has the figures.

As Nova does with other weights, the figures of a request's hosts are brought to
0..1, the least efficient to 0, the most efficient to 1.  A host without a figure
is given the middle between the two, 0.5: it is neither sought nor avoided.  If
all known figures are equal, or there are none, all hosts have 0, and the other
weighers decide.

They are brought there in thousandths: no figure is better than that, and short
numbers are written faster.  Nova writes each into a text for its log, whether
that is on or not, which takes it longer than all that is done here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import nova.conf
from nova.scheduler import utils
from nova.scheduler import weights

from climate import client
from nova_ext import answers
from nova_ext import conf

_STEPS = 1000
_WEIGHTS = [step / _STEPS for step in range(_STEPS + 1)]
_MULTIPLIER = "efficiency_weight_multiplier"
#: Old ones are remembered until there are so many.
_MOST_AGGREGATES = 10_000


class EfficiencyWeigher(weights.BaseHostWeigher):  # type: ignore[misc]
    """Weighs hosts by ``score`` of Climate's ranking, as kept from its last answer."""

    #: Nova need not look for the extremes: see :func:`weigh`.
    minval, maxval = 0.0, 1.0

    def __init__(self) -> None:
        super().__init__()
        conf.register_opts(nova.conf.CONF)
        options = nova.conf.CONF.climate
        # Reading an option takes longer than weighing ten hosts.
        self._multiplier: float = options.efficiency_weight_multiplier
        # Aggregates that set none. The scheduler replaces one that changes by a new object.
        self._plain: set[Any] = set()
        asked = conf.open_client(nova.conf.CONF)
        self._scores: answers.Answers[None, dict[str, float]] = answers.Answers(
            lambda _, etag: asked.get_ranking(etag),
            read_scores,
            options.timeout_seconds,
            answers.Outage("hosts are not weighed by their efficiency"),
        )

    def weight_multiplier(self, host_state: Any) -> float:
        """Return the multiplier of the host's aggregates, else the configured one."""
        # Asked for each host of each request; Nova's own way takes a microsecond or more.
        if self._plain.issuperset(host_state.aggregates):
            return self._multiplier
        return self._read_multiplier(host_state)

    def weigh_objects(self, weighed_obj_list: Sequence[Any], weight_properties: Any) -> list[float]:
        """Return the weight of each host; Climate is asked once, if at all."""
        try:
            scores = self._scores.get(None)
        except client.ClientError:
            # Logged once, when Climate went.
            return [0.0] * len(weighed_obj_list)
        return weigh([weighed.obj.nodename for weighed in weighed_obj_list], scores)

    def _read_multiplier(self, host_state: Any) -> float:
        plain = [one for one in host_state.aggregates if _MULTIPLIER not in one.metadata]
        if len(plain) < len(host_state.aggregates):
            multiplier: float = utils.get_weight_multiplier(
                host_state, _MULTIPLIER, self._multiplier
            )
            return multiplier
        if len(self._plain) > _MOST_AGGREGATES:
            self._plain.clear()
        self._plain.update(plain)
        return self._multiplier

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> float:
        """Return the weight of one host, which there is nothing to compare with."""
        return 0.0


def read_scores(body: Mapping[str, Any]) -> dict[str, float]:
    """Return the figure of each host that has one, in flop per watt."""
    hosts = body["hosts"]
    return {host["host"]: host["score"] for host in hosts if host.get("score") is not None}


def weigh(names: Sequence[str], scores: Mapping[str, float]) -> list[float]:
    """Return a weight for each name, from 0 to 1; see above."""
    found = list(map(scores.get, names))
    known = [score for score in found if score is not None]
    least = min(known, default=0.0)
    width = max(known, default=0.0) - least
    # Numbers may be so far apart that they have no difference.
    if not 0.0 < width < math.inf:
        return [0.0] * len(found)
    steps = _STEPS / width
    middle = _STEPS // 2
    # To the nearest step.
    return [
        _WEIGHTS[middle if score is None else int((score - least) * steps + 0.5)] for score in found
    ]
