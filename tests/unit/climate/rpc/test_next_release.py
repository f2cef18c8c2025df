# SPDX-License-Identifier: Apache-2.0
"""The next release and this one, side by side: more members than are known here.

Whatever services and API say to each other is widened on its way: an unknown
member in every object of the arguments, of the answers, of the request's context and of
exceptions.  Clients of the API see no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import oslo_messaging
import pytest

from tests.fakes import next_release
from tests.servers import climate_apis
from tests.unit.climate.rpc import sessions

_Dispatch = Callable[[Any], Any]


@pytest.fixture
def make() -> Iterator[Callable[[], climate_apis.Climate]]:
    """Makes sites alike."""
    made: list[climate_apis.Climate] = []

    def make_one() -> climate_apis.Climate:
        made.append(climate_apis.make(sessions.CONFIGURATION))
        made[-1]._sampler.look()
        return made[-1]

    yield make_one
    for each in made:
        each.stop()


def newer_client(_topic: str, incoming: Any, dispatch: _Dispatch) -> Any:
    """Have a client of the next release ask."""
    incoming.message["args"] = next_release.widen_all(incoming.message["args"])
    incoming.ctxt[next_release.UNKNOWN] = {"new": True}
    return dispatch(incoming)


def newer_service(_topic: str, incoming: Any, dispatch: _Dispatch) -> Any:
    """Have a service of the next release answer."""
    try:
        return next_release.widen_all(dispatch(incoming))
    except oslo_messaging.ExpectedException as expected:
        expected.exc_info[1].details[next_release.UNKNOWN] = {"new": True}
        raise


@pytest.mark.parametrize("newer", [newer_client, newer_service])
def test_no_client_of_the_api_sees_the_difference(
    make: Callable[[], climate_apis.Climate], newer: Callable[..., Any]
) -> None:
    plain = sessions.run(make())
    site = make()
    sessions.tap(site, newer)
    widened = sessions.run(site)
    assert {exchange.status for exchange in plain} >= {200, 201, 204, 400, 404, 409}
    for before, after in zip(plain, widened, strict=True):
        assert after[:2] == before[:2]
        assert sessions.is_wider(after.body, before.body), before.request


def test_the_ranking_sees_the_same_hosts(make: Callable[[], climate_apis.Climate]) -> None:
    """It asks the inventory for what hosts are."""
    plain, site = make(), make()
    sessions.tap(site, newer_service)
    for each in (plain, site):
        each.clock.advance(60)
        each._sampler.look()
    assert site._ranking.rank_hosts() == plain._ranking.rank_hosts()
