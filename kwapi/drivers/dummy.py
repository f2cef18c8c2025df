# SPDX-License-Identifier: Apache-2.0
"""The driver for no device: predictable for tests, random for trying out.

Also the example to start a driver from.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters


def _watts(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as exc:
        raise parameters.invalid(f"{name} must be a number of watts, not {value!r}") from exc


class Dummy(driver.Driver):
    """Measures between ``min`` and ``max`` watts at each probe."""

    takes = (
        # The first Kwapi's names.
        parameters.Parameter("min", _watts, "the least power, W", 75),
        parameters.Parameter("max", _watts, "the most power, W; ``min`` again is constant", 100),
        parameters.Parameter("seed", parameters.anything, "the same seed gives the same values"),
    )
    resolution_watts = 1.0

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._min, self._max = self.given["min"], self.given["max"]
        if not 0 <= self._min <= self._max:
            raise parameters.invalid(f"min {self._min} and max {self._max} must be 0 <= min <= max")
        self._random = random.Random(self.given["seed"])  # noqa: S311 - no secret is made of it

    def open(self) -> None:
        """Nothing to open."""

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return a value for each probe."""
        return {
            probe: measurement.Measurement(float(self._random.randint(self._min, self._max)))
            for probe in self.probes
            if probe is not None
        }
