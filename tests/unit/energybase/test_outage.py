# SPDX-License-Identifier: Apache-2.0
"""An outage is told once when it begins, and once when it is over."""

from __future__ import annotations

import logging

import pytest

from energybase import outage
from tests import conftest

LOG = logging.getLogger("kwapi.test")


@pytest.fixture
def broker(fake_clock: conftest.FakeClock, caplog: pytest.LogCaptureFixture) -> outage.Outage:
    caplog.set_level(logging.INFO, "kwapi")
    return outage.Outage(
        LOG, "away: %(reason)s", "back after %(seconds).0f s", level=logging.ERROR, clock=fake_clock
    )


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what was logged since the last time."""
    records = [(record.levelname, record.getMessage()) for record in caplog.records]
    caplog.clear()
    return records


def test_it_is_told_once_and_its_end_once(
    broker: outage.Outage, fake_clock: conftest.FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the reason is meanwhile, and for each outage anew."""
    for _ in range(2):
        for reason in ("100% refused", "timed out"):
            broker.note(reason)
            fake_clock.advance(6)
        broker.note(None)
        broker.note(None)
        assert told(caplog) == [("ERROR", "away: 100% refused"), ("INFO", "back after 12 s")]
        fake_clock.advance(1)


def test_what_was_never_away_is_not_told_back(
    broker: outage.Outage, caplog: pytest.LogCaptureFixture
) -> None:
    assert not broker.end()
    assert told(caplog) == []


def test_the_end_tells_whether_there_was_an_outage(broker: outage.Outage) -> None:
    broker.begin("refused")
    assert broker.end()
    assert not broker.end()


def test_a_try_from_before_the_end_begins_no_other(
    broker: outage.Outage, fake_clock: conftest.FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As when one of two threads waits for its timeout while the other is answered."""
    tried_at = fake_clock.monotonic()
    broker.begin("refused", tried_at)
    fake_clock.advance(5)
    broker.end()
    told(caplog)
    broker.begin("timed out", tried_at)
    assert told(caplog) == []
    fake_clock.advance(1)
    broker.begin("timed out", fake_clock.monotonic())
    assert told(caplog) == [("ERROR", "away: timed out")]


def test_texts_need_not_name_anything(caplog: pytest.LogCaptureFixture) -> None:
    """By default it is a warning, and the machine's clock."""
    caplog.set_level(logging.INFO, "kwapi")
    quiet = outage.Outage(LOG, "away", "back")
    quiet.note(ValueError("x"))
    quiet.note(None)
    assert told(caplog) == [("WARNING", "away"), ("INFO", "back")]
