# SPDX-License-Identifier: Apache-2.0
"""Sums the k smallest weights present at each of many instants.

Owns the arithmetic behind :func:`climate.planning.availability.find_greenest`,
and knows nothing of hosts.
"""

from __future__ import annotations

from typing import Any
from typing import NamedTuple

import numpy as np
from numpy import typing as npt

Integers = npt.NDArray[np.int64]


class Things(NamedTuple):
    """Things in columns: there from ``opens`` to ``lasts``, both included."""

    opens: Integers
    lasts: Integers
    weights: Integers


def sum_lightest(things: Things, moments: Integers, number: int) -> Integers:
    """Return the sum of the ``number`` smallest weights of things at each moment.

    All moments look at once for the heaviest weight they need, by halving the list
    of different weights: if the things of the lower half are too few, all of them
    are needed, and the rest is in the upper half.  So the work grows with the
    logarithm of how many weights there are: none for equal hosts, little for a few
    models.

    :param moments: at each there are at least as many things.
    """
    different, rank = np.unique(things.weights, return_inverse=True)
    half = np.zeros_like(moments)
    missing = np.full_like(moments, number)
    total = np.zeros_like(moments)
    for bit in reversed(range((len(different) - 1).bit_length())):
        half = half * 2
        count, weight = _sum_group(things, rank >> bit, moments, half)
        few = count < missing
        missing -= np.where(few, count, 0)
        total += np.where(few, weight, 0)
        half += few
    return total + missing * different[half]


def _sum_group(
    things: Things, groups: Integers, moments: Integers, wanted: Integers
) -> tuple[Integers, Integers]:
    """Return number and weight of the things at each moment that are of the wanted group.

    That is what came until then, less what had gone.  Both are sorted by group,
    then by time; what is of the groups before is in both, and cancels out.
    """
    origin = things.opens.min()
    width = things.lasts.max() - origin + 1

    def sum_before(times: Integers, side: Any) -> tuple[Integers, Integers]:
        keys = groups * width + (times - origin)
        order = np.argsort(keys)
        count = np.searchsorted(keys[order], wanted * width + (moments - origin), side=side)
        return count, np.concatenate(([0], np.cumsum(things.weights[order])))[count]

    came, weight_came = sum_before(things.opens, "right")
    gone, weight_gone = sum_before(things.lasts, "left")
    return came - gone, weight_came - weight_gone
