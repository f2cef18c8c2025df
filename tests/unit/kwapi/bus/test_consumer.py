# SPDX-License-Identifier: Apache-2.0
"""Whoever listens and whoever publishes: keys at a reload, and the order at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from energybase import service
from kwapi import exception
from kwapi import measurement
from kwapi.bus import batch as batches
from kwapi.bus import consumer
from kwapi.bus import producer
from kwapi.bus import transport as transports
from kwapi.cmd import conf as options
from tests import conftest

A, B = "a:" + "x" * 32, "b:" + "y" * 32


def write(path: Path, *keys: str, signs: str = "a") -> None:
    path.write_text(f"[bus]\nsigning_keys = {','.join(keys)}\nsigning_key_id = {signs}\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "kwapi.conf"
    write(made, A)
    return made


@pytest.fixture
def conf(path: Path) -> cfg.ConfigOpts:
    return service.prepare(
        ["--config-file", str(path)], "test", register=(options.register_opts,), project="kwapi"
    )


@pytest.fixture
def transport(conf: cfg.ConfigOpts) -> Iterator[Any]:
    made = transports.get_transport(conf, "fake://")
    yield made
    made.cleanup()


class Handler:
    """Keeps what it is given; while it is ``away`` a batch waits until the handler stops."""

    def __init__(self) -> None:
        self.watts: list[float] = []
        self.refused = 0
        self.away = False
        self.waits, self._stopping = threading.Event(), threading.Event()

    def handle(self, batch: batches.Batch) -> None:
        if self.away:
            self.waits.set()
            assert self._stopping.wait(60)
            raise batches.Stopping
        self.refused += batch.refused.total()
        self.watts += [r.watts[0] for m in batch.messages for r in m.body.readings]

    def start(self) -> None:
        """Nothing to begin."""

    def stop(self) -> None:
        self._stopping.set()

    def reload(self) -> None:
        raise AssertionError("the consumer says what a reload changes")


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def hearing(conf: cfg.ConfigOpts, transport: Any, handler: Handler) -> Iterator[consumer.Consumer]:
    made = consumer.Consumer(conf, transport, handler.handle, handler, flush_seconds=0.05)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def sending(conf: cfg.ConfigOpts, transport: Any) -> Iterator[producer.Producer]:
    made = producer.Producer(conf, transport)
    made.start()
    yield made
    made.stop()


def send(sending: producer.Producer, watts: float) -> None:
    at = conftest.clock.Clock().time()
    sending.publisher.publish(measurement.Reading("pdu", at, ("p",), (watts,)))


def test_keys_are_taken_up_at_a_reload(
    hearing: consumer.Consumer, sending: producer.Producer, handler: Handler, path: Path
) -> None:
    """First where it is verified, then where it is signed, as an operator rotates them."""
    send(sending, 1.0)
    conftest.wait(lambda: handler.watts == [1.0])
    write(path, A, B, signs="b")
    sending.reload()
    send(sending, 2.0)
    conftest.wait(lambda: handler.refused == 1)
    hearing.reload()
    send(sending, 3.0)
    conftest.wait(lambda: handler.watts == [1.0, 3.0])


def test_without_a_key_a_reload_changes_nothing(
    hearing: consumer.Consumer, sending: producer.Producer, handler: Handler, path: Path
) -> None:
    path.write_text("[bus]\n")
    for part in (hearing, sending):
        with pytest.raises(exception.ConfigurationInvalid, match="no key is set"):
            part.reload()
    send(sending, 1.0)
    conftest.wait(lambda: handler.watts == [1.0])


def test_a_batch_that_waits_does_not_keep_the_process_from_its_end(
    hearing: consumer.Consumer, sending: producer.Producer, handler: Handler
) -> None:
    """What handles it is told to stop before the listener waits for the batch."""
    handler.away = True
    send(sending, 1.0)
    assert handler.waits.wait(60)
    hearing.stop()
    assert handler.watts == []
