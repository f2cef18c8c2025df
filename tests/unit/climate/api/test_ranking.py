# SPDX-License-Identifier: Apache-2.0
"""What is asked of the ranking, and what is refused before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.climate.api import conftest as given


def test_a_ranking_may_be_reused(api: given.Api) -> None:
    answer = api.ask("GET", "/v1/ranking/?by=peak&host=a&host=b")
    assert answer.json["by"] == "peak"
    assert api.ranking.asked == [(["a", "b"], "peak")]
    assert answer.headers["Cache-Control"] == "private, max-age=30"
    again = api.ask("GET", "/v1/ranking", HTTP_IF_NONE_MATCH='"other"')
    assert again.status_int == 200
    assert api.ranking.asked[-1] == (None, None)


def test_who_has_it_is_told_so(api: given.Api) -> None:
    tag = api.ask("GET", "/v1/ranking/").headers["ETag"]
    again = api.ask("GET", "/v1/ranking/", HTTP_IF_NONE_MATCH=tag)
    assert again.status_int == 304
    assert again.headers["Cache-Control"] == "private, max-age=30"


@pytest.mark.parametrize(
    ("query", "member"),
    [
        ("by=best", "by"),
        ("by=", "by"),
        ("by=peak&by=load", "by"),
        ("host=", "host"),
        ("host=a&host=b%0A", "host"),
        ("limit=1", "limit"),
    ],
)
def test_a_wrong_parameter_is_named(api: given.Api, query: str, member: str) -> None:
    refused = api.refused("GET", f"/v1/ranking/?{query}")
    assert refused["status"] == 400
    assert refused["meta"] == {"member": member}
    assert not api.ranking.asked


def test_without_climate_ranking(api: given.Api) -> None:
    api.ranking.away = True
    assert api.refused("GET", "/v1/ranking/")["status"] == 503


def test_a_performance_is_recorded_by_the_hosts_name(api: given.Api) -> None:
    answer = api.ask("PUT", "/v1/hosts/1/performance/", {"flops": 10, "detail": "Linpack"})
    assert (answer.status_int, answer.body) == (204, b"")
    assert api.ranking.performances == {"node-1": (10.0, "Linpack")}
    api.ask("PUT", "/v1/hosts/node-1/performance", {"flops": 1.5e12})
    assert api.ranking.performances == {"node-1": (1.5e12, "")}
    assert api.ask("DELETE", "/v1/hosts/node-1/performance").status_int == 204
    assert not api.ranking.performances


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({}, "flops"),
        ({"flops": None}, "flops"),
        ({"flops": True}, "flops"),
        ({"flops": "1e12"}, "flops"),
        ({"flops": 0}, "flops"),
        ({"flops": -1.0}, "flops"),
        ({"flops": 1, "detail": 1}, "detail"),
        ({"flops": 1, "detail": "two\nlines"}, "detail"),
        ({"flops": 1, "detail": "x" * 256}, "detail"),
        ({"flops": 1, "watts": 1}, "watts"),
        (b"[]", "body"),
    ],
)
def test_a_wrong_performance_is_refused(api: given.Api, body: Any, member: str) -> None:
    refused = api.refused("PUT", "/v1/hosts/1/performance/", body)
    assert refused["status"] == 400
    assert refused["meta"] == {"member": member}
    assert not api.ranking.performances


def test_of_hosts_that_are_there(api: given.Api) -> None:
    assert api.refused("PUT", "/v1/hosts/9/performance/", {"flops": 1})["status"] == 404
    assert api.refused("DELETE", "/v1/hosts/%0A/performance/")["status"] == 404
    assert api.refused("GET", "/v1/hosts/1/performance/")["status"] == 405
    assert api.refused("GET", "/v1/hosts/1/watts/")["status"] == 404
