# SPDX-License-Identifier: Apache-2.0
"""Every route of every API has a policy rule, a description and an example.

The guard is tried as well: a route is planted, and each thing that it lacks is named.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import webob
from oslo_config import cfg
from oslo_policy import policy as oslo_policy

from climate import policies as climate_policies
from climate.api import app as climate_app
from climate.api import backend
from climate.api import queries
from climate.api.controllers import root as climate_root
from climate.cmd import conf as climate_conf
from energybase import service
from energybase.web import healthcheck
from energybase.web import policy
from energybase.web import resource
from kwapi import policies
from kwapi.api import app
from kwapi.api.controllers import root
from kwapi.graphs import views
from kwapi.pages import app as pages_app
from kwapi.pages import sites
from kwapi.pages.controllers import root as pages_root
from kwapi.store import store
from tests.conftest import FakeClock
from tests.contracts import routes

TOP = Path(__file__).resolve().parents[2]
DOCS, FUNCTIONAL = TOP / "doc/source", TOP / "tests/functional"
EXAMPLES = {
    "file": "pages.js",
    "host": "node-1",
    "lease_id": "00000000-0000-0000-0000-000000000007",
    "meter": "kwh",
    "period": "hour",
    "probe_id": "server-1",
}
#: Rules of Kwapi's that the web pages have, not the API.
PAGES = (policies.PAGES_GET,)


def open_api(conf: cfg.ConfigOpts) -> routes.Api:
    """Kwapi's REST API."""
    return routes.Api(
        root.build_tree(store.open_store(conf), FakeClock(), 60.0),
        (healthcheck.PATH,),
        EXAMPLES,
        app.PUBLIC,
        [rule for rule in policies.list_rules() if rule.name not in PAGES],
        DOCS / "reference/openapi.yaml",
        DOCS / "user/api.rst",
        FUNCTIONAL / "gabbits",
    )


def open_lease_api(_conf: cfg.ConfigOpts) -> routes.Api:
    """Climate's REST API; no service behind it is asked."""
    conf = service.prepare(
        [], "test", register=(climate_conf.register_opts,), config_files=[], project="climate"
    )
    rules = climate_policies.list_rules()
    services = backend.Services(None, None, None, None)  # type: ignore[arg-type]
    behind = backend.Backend(services, FakeClock(), policy.Enforcer(conf, rules))
    return routes.Api(
        climate_root.build_tree(behind, queries.PageSizes(10, 100), 1.0, 30),
        (healthcheck.PATH,),
        EXAMPLES,
        climate_app.PUBLIC,
        rules,
        DOCS / "reference/climate-openapi.yaml",
        DOCS / "user/leases.rst",
        FUNCTIONAL / "climate_gabbits",
    )


def open_pages(conf: cfg.ConfigOpts) -> routes.Api:
    """Kwapi's web pages, which have their own page instead of an OpenAPI document."""
    site = sites.Site(sites.Look.of(conf), views.open_views(conf, FakeClock()))
    return routes.Api(
        pages_root.build_tree(site, conf),
        (),
        {**EXAMPLES, "release": site.static.version},
        pages_app.list_public(site),
        [rule for rule in policies.list_rules() if rule.name in PAGES],
        None,
        DOCS / "user/pages.rst",
        FUNCTIONAL / "rrd_gabbits",
    )


@pytest.mark.parametrize("build", [open_api, open_lease_api, open_pages])
def test_every_route_is_described(conf: cfg.ConfigOpts, build: object) -> None:
    api = build(conf)  # type: ignore[operator]
    assert routes.find_gaps(api) == []


def test_the_routes_are_all_that_are_answered(conf: cfg.ConfigOpts) -> None:
    """What the guard walks is what clients walk; here where it is short enough to be told."""
    found = {str(route) for route in routes.list_routes(open_api(conf))}
    assert found == {
        "GET /",
        "GET /healthcheck",
        "GET /metrics/",
        "GET /v1/",
        "GET /v1/probe-ids/",
        "GET /v1/probes/",
        "GET /v1/probes/{probe_id}/",
        "GET /v1/probes/{probe_id}/{meter}/",
        "GET /v1/drivers/",
    }


class Tallies(resource.Resource):
    """A route as somebody adds it: it works, and nothing else knows of it."""

    def __init__(self, **rules: str | None) -> None:
        super().__init__()
        self.rules = rules

    def get(self, request: webob.Request) -> webob.Response:
        return webob.Response(body=b"{}")


def plant(api: routes.Api, node: resource.Resource, below: str = "v1") -> routes.Api:
    api.tree.children[below].children["tallies"] = node
    return api


def test_a_route_that_nothing_knows_of_is_refused(conf: cfg.ConfigOpts) -> None:
    api = plant(open_api(conf), Tallies(GET=policies.DRIVERS_LIST))
    assert routes.find_gaps(api) == [
        f"GET /v1/tallies/: {policies.DRIVERS_LIST} does not name GET /v1/tallies/",
        f"GET /v1/tallies/: {policies.DRIVERS_LIST} does not name HEAD /v1/tallies/",
        "GET /v1/tallies/ has no OpenAPI operation",
        "GET /v1/tallies/ has no entry in its page",
        "GET /v1/tallies/ has no gabbit",
    ]


def test_another_method_of_a_known_url_is_a_route(conf: cfg.ConfigOpts) -> None:
    api = open_api(conf)
    api.tree.children["v1"].children["drivers"].rules = {
        "GET": policies.DRIVERS_LIST,
        "DELETE": policies.DRIVERS_LIST,
    }
    assert routes.find_gaps(api) == [
        f"DELETE /v1/drivers/: {policies.DRIVERS_LIST} does not name DELETE /v1/drivers/",
        "DELETE /v1/drivers/ has no OpenAPI operation",
        "DELETE /v1/drivers/ has no entry in its page",
        "DELETE /v1/drivers/ has no gabbit",
    ]


def test_a_rule_that_nobody_knows_is_refused(conf: cfg.ConfigOpts) -> None:
    api = plant(open_api(conf), Tallies(GET="kwapi:tallies:list"))
    named = [gap for gap in routes.find_gaps(api) if "kwapi:tallies:list" in gap]
    assert len(named) == 2


def test_a_route_for_everybody_must_be_public(conf: cfg.ConfigOpts) -> None:
    api = plant(open_api(conf), Tallies(GET=None))
    assert "GET /v1/tallies/ has no policy rule, and is not public" in routes.find_gaps(api)
    known = routes.find_gaps(api._replace(public=[*api.public, "/v1/tallies"]))
    assert not any("policy" in gap for gap in known)


def test_what_is_left_of_a_route_is_refused(conf: cfg.ConfigOpts) -> None:
    """Rule, operation and entry go with it."""
    api = open_api(conf)
    del api.tree.children["v1"].children["drivers"]
    assert routes.find_gaps(api) == [
        "OpenAPI operation of GET /v1/drivers/, no route",
        "entry in its page of GET /v1/drivers/, no route",
        f"{policies.DRIVERS_LIST} names GET /v1/drivers, which is no route",
    ]


def test_a_rule_must_name_exactly_the_path(conf: cfg.ConfigOpts) -> None:
    """Another parameter's name is another path to who reads the policy."""
    api = open_api(conf)
    changed = [
        oslo_policy.DocumentedRuleDefault(
            rule.name,
            rule.check_str,
            rule.description,
            [
                {**each, "path": each["path"].replace("{probe_id}", "{id}")}
                for each in rule.operations
            ],
        )
        for rule in api.rules
    ]
    gaps = routes.find_gaps(api._replace(rules=changed))
    assert len(gaps) == 6, gaps


class Unnamed(resource.Resource):
    """Has children of any name, and does not say what they are."""

    def find_child(self, segment: str) -> resource.Resource | None:
        return Tallies(GET=policies.DRIVERS_LIST)


class Named(Unnamed):
    parameter = "tally"


def test_children_that_cannot_be_walked_are_refused(conf: cfg.ConfigOpts) -> None:
    with pytest.raises(AssertionError, match="/v1/tallies/ has children, but names no parameter"):
        routes.find_gaps(plant(open_api(conf), Unnamed()))
    with pytest.raises(AssertionError, match="/v1/tallies/{tally}/ has no example"):
        routes.find_gaps(plant(open_api(conf), Named()))


def test_a_fixed_word_beside_a_parameter_is_a_route_of_its_own(conf: cfg.ConfigOpts) -> None:
    api = plant(open_api(conf), Named({"mine": Tallies(GET=policies.METRICS_GET)}))
    api = api._replace(examples={**EXAMPLES, "tally": "7"})
    found = {str(route) for route in routes.list_routes(api)}
    assert {"GET /v1/tallies/{tally}/", "GET /v1/tallies/mine/"} <= found


def test_a_gabbit_that_is_refused_is_no_example(tmp_path: Path) -> None:
    path = tmp_path / "steps.yaml"
    path.write_text(
        "tests:\n"
        "- {name: made, POST: '/v1/things/?a=b', status: 201}\n"
        "- {name: seen, GET: $LOCATION}\n"
        "- {name: ended, DELETE: \"$HISTORY['made'].$LOCATION\", status: 204}\n"
        "- {name: gone, PUT: /v1/things/7/, status: 404}\n"
    )
    assert list(routes.read_steps(path)) == [
        ("POST", "/v1/things"),
        ("GET", "/v1/things/made"),
        ("DELETE", "/v1/things/made"),
    ]


def test_entries_of_a_page() -> None:
    text = (
        "``GET /a/``, ``POST /a/``\n    More about ``GET /no/``.\n"
        "``GET``, ``PUT``, ``DELETE /a/<b c>``\n``/pages/<period>/``\n``ready``\n"
    )
    assert list(routes.read_entries(text)) == [
        ("GET", "/a"),
        ("POST", "/a"),
        ("GET", "/a/<b c>"),
        ("PUT", "/a/<b c>"),
        ("DELETE", "/a/<b c>"),
        ("GET", "/pages/<period>"),
    ]
