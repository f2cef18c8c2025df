# SPDX-License-Identifier: Apache-2.0
"""A wattmeter that needs no device: predictable for tests, random for trying out.

Also the example to start a driver from.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver


class Dummy(driver.Driver):
    """Measures between ``min`` and ``max`` watts at each probe.

    :param min: least power, W.
    :param max: most power, W; the same as ``min`` makes it constant.
    :param seed: the same seed gives the same values.
    """

    resolution_watts = 1.0

    def __init__(
        self,
        *args: Any,
        min: float = 75,  # the first Kwapi's parameter names
        max: float = 100,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(*args, **common)
        self._min, self._max = int(min), int(max)
        if not 0 <= self._min <= self._max:
            raise exception.ConfigurationInvalid(
                where="parameters", reason=f"min {min} and max {max} must be 0 <= min <= max"
            )
        self._random = random.Random(seed)  # noqa: S311 - no secret is made of it

    def open(self) -> None:
        """Nothing to open."""

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return a value for each probe."""
        return {
            probe: measurement.Measurement(float(self._random.randint(self._min, self._max)))
            for probe in self.probes
            if probe is not None
        }
