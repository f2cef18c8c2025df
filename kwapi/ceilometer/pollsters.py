# SPDX-License-Identifier: Apache-2.0
"""Pollsters for Ceilometer's central agent: the meters of probes, and the power of hosts.

Owns how the agent finds, configures and calls them; no other module of ours
imports Ceilometer.  :mod:`kwapi.ceilometer.reading` reads Kwapi,
:mod:`kwapi.ceilometer.samples` makes the samples.
"""

from __future__ import annotations

import itertools
import logging
import threading
import types
import uuid
import weakref
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from ceilometer import sample as ceilometer_sample
from ceilometer.polling import plugin_base
from oslo_config import cfg

from kwapi import client
from kwapi import meters
from kwapi.ceilometer import options
from kwapi.ceilometer import reading
from kwapi.ceilometer import samples

LOG = logging.getLogger(__name__)

#: By agent: its pollsters are made apart from each other, and share what they were told.
_AGENTS: weakref.WeakKeyDictionary[Any, reading.Agent] = weakref.WeakKeyDictionary()
_AGENTS_LOCK = threading.Lock()
_CYCLE = "kwapi"


class _Pollster(plugin_base.PollsterBase):  # type: ignore[misc]  # Ceilometer comes without types
    """Polls one meter of every probe."""

    meter: str

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__(conf)
        try:
            self._options = options.read(conf)
        except ValueError as exc:
            reason = f"{self.meter} is not polled: [{options.GROUP}] of the configuration: {exc}"
        else:
            return
        # The agent goes on without, and would say so in its debug log alone.
        LOG.error(reason)
        raise plugin_base.ExtensionLoadError(reason)

    @property
    def default_discovery(self) -> str:
        """Every Kwapi that Keystone's catalogue names."""
        return f"endpoint:{client.SERVICE_TYPE}"

    def get_samples(
        self, manager: Any, cache: dict[str, Any], resources: Iterable[str]
    ) -> Iterator[ceilometer_sample.Sample]:
        """Yield this meter's samples of every Kwapi; one that fails is logged, and hides no other.

        :param cache: the polling cycle's.
        :param resources: URLs of Kwapi's API.
        """
        cycle = self._find_cycle(manager, cache)
        for url in resources:
            if read := cycle.read(url, lambda: manager.keystone.session):
                yield from map(_to_ceilometer, read.samples_of(self.meter), _make_ids())

    def _find_cycle(self, manager: Any, cache: dict[str, Any]) -> reading.Cycle:
        with _AGENTS_LOCK:
            if _CYCLE not in cache:
                agent = _AGENTS.setdefault(manager, reading.Agent(self._options))
                cache[_CYCLE] = reading.Cycle(agent)
            cycle: reading.Cycle = cache[_CYCLE]
            return cycle


def _make_pollsters() -> Iterator[tuple[str, type[_Pollster]]]:
    for meter in meters.METERS:
        if meter.sample:
            name = f"Pollster of {meter.sample.name}"
            yield meter.field, type(name, (_Pollster,), {"meter": meter.sample.name})


#: Pollsters of the meters of a probe, by the meter's field: setup.cfg names them so.
OF = types.SimpleNamespace(**dict(_make_pollsters()))
#: As the entry points of earlier releases name them.
Energy, Power = OF.kwh, OF.watts


class HostPower(_Pollster):
    """Watts of a host, from all the probes that feed it."""

    meter = samples.HOST_POWER


def _to_ceilometer(sample: samples.Sample, message_id: str) -> ceilometer_sample.Sample:
    return ceilometer_sample.Sample(
        name=sample.meter,
        type=sample.kind,
        unit=sample.unit,
        volume=sample.volume,
        user_id=None,
        project_id=None,
        resource_id=sample.resource_id,
        # The agent puts the time of the poll here; the metadata keep this one.
        timestamp=sample.metadata["measured_at"],
        resource_metadata=sample.metadata,
        id=message_id,
    )


def _make_ids() -> Iterator[str]:
    """Return ids of samples: a random UUID whose last digits count.

    Ceilometer would make one of the clock for each sample, which takes longer
    than all the rest of it.
    """
    prefix = str(uuid.uuid4())[:-12]
    return (f"{prefix}{number:012x}" for number in itertools.count())
