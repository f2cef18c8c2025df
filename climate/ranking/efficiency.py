# SPDX-License-Identifier: Apache-2.0
"""Ranks hosts by what they compute for a watt.

Owns the arithmetic of the three kinds of flop/W; ``doc/source/admin/ranking.rst``
has them in words.  Everything is in columns, ten thousand hosts being many; what is not
known is NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy import typing as npt

from climate import kinds

Floats = npt.NDArray[np.float64]


class Hosts(NamedTuple):
    """What a ranking is made of, in columns, NaN where it is not known.

    ``flops``: flop/s of the whole host.  ``load``: the share of its ``vcpus``
    that servers have.  ``on``: whether it runs.  ``watts_now``, ``watts_max``:
    measured.  ``idle_watts`` to ``slope_error``: of :class:`power_model.Models`.
    """

    flops: Floats
    vcpus: Floats
    load: Floats
    on: npt.NDArray[np.bool_]
    watts_now: Floats
    watts_max: Floats
    idle_watts: Floats
    watts_per_load: Floats
    idle_error: Floats
    slope_error: Floats


class Ranking(NamedTuple):
    """Columns parallel to the hosts', but ``order``: their indices, best first.

    ``scores``: flop/W of the kind asked for.  ``marginal_watts``: of one more
    vCPU; ``marginal_watts_error``: its standard error.
    """

    order: npt.NDArray[np.int64]
    scores: Floats
    marginal_watts: Floats
    marginal_watts_error: Floats


def rank(hosts: Hosts, by: str = kinds.MARGINAL) -> Ranking:
    """Return the hosts in order of flop/W: unknown ones last, equal ones as given.

    :raises ValueError: ``by`` is none of :data:`climate.kinds.KINDS`.
    """
    if by not in kinds.KINDS:
        raise ValueError(f"{by!r} is none of {', '.join(kinds.KINDS)}")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        watts, error = _add_vcpu(hosts)
        if by == kinds.PEAK:
            scores = _divide(hosts.flops, hosts.watts_max)
        elif by == kinds.LOAD:
            scores = _divide(hosts.flops * hosts.load, hosts.watts_now)
        else:
            # Nobody wins by being measured badly: a figure within its error counts as that.
            scores = _divide(hosts.flops / hosts.vcpus, np.maximum(watts, error))
        # NaN is last in every order.
        order = np.argsort(-scores, kind="stable")
    return Ranking(order, scores, watts, error)


def _add_vcpu(hosts: Hosts) -> tuple[Floats, Floats]:
    """Return the watts of one more vCPU, and their standard error.

    A host that is off has to be woken for it, and then draws its idle watts too.
    """
    vcpus = np.where(hosts.vcpus > 0, hosts.vcpus, np.nan)
    watts, error = hosts.watts_per_load / vcpus, hosts.slope_error / vcpus
    # At the most: where both errors are large, they tend to cancel each other out.
    waking_error = np.hypot(hosts.idle_error, error)
    return (
        np.where(hosts.on, watts, hosts.idle_watts + watts),
        np.where(hosts.on, error, waking_error),
    )


def _divide(flops: Floats, watts: Floats) -> Floats:
    """Return flop/W, NaN where either is unknown or no figure at all."""
    scores = flops / watts
    return np.where((watts > 0) & np.isfinite(scores), scores, np.nan)
