# SPDX-License-Identifier: Apache-2.0
"""What the tests in Nova's environment share: a Climate, and Nova's configuration."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import nova.conf
import pytest
from nova import monkey_patch

# Before anything else of Nova: with green threads, or without.
monkey_patch.patch()

from nova import objects  # noqa: E402

from nova_ext import answers  # noqa: E402
from nova_ext import conf  # noqa: E402
from tests.fakes import climate as fake_climate  # noqa: E402

Configure = Callable[..., None]

objects.register_all()


@pytest.fixture
def climate() -> Iterator[fake_climate.FakeClimate]:
    """A Climate that answers."""
    server = fake_climate.FakeClimate()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def configure(climate: fake_climate.FakeClimate) -> Iterator[Configure]:
    """Set options of [climate]; that Climate is to be asked is set."""
    conf.register_opts(nova.conf.CONF)

    def set_options(**options: Any) -> None:
        for name, value in options.items():
            nova.conf.CONF.set_override(name, value, group="climate")

    # The first question of a test also starts threads.
    set_options(endpoint_override=climate.url, timeout_seconds=20.0)
    yield set_options
    nova.conf.CONF.reset()
    nova.conf.CONF.clear()


@pytest.fixture
def retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask Climate again at once after it failed."""
    monkeypatch.setattr(answers, "_RETRY_SECONDS", 0.0)
