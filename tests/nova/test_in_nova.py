# SPDX-License-Identifier: Apache-2.0
"""Filter and weigher in Nova's own in-process services: API, conductor, scheduler, computes."""

from __future__ import annotations

import os
import sys
import unittest
import warnings
from typing import Any

import fixtures
import nova.conf
import pytest
from nova.tests.functional import integrated_helpers

from nova_ext import answers
from nova_ext import conf
from tests.fakes import climate

LEASE = "11111111-1111-4111-8111-111111111111"
OTHERS = "33333333-3333-4333-8333-333333333333"
#: In Nova's make-believe Glance.
OTHER_IMAGE = "155d900f-4e14-4e4c-a73d-069cbf4541e6"
HOST = "OS-EXT-SRV-ATTR:host"


class _Cloud(integrated_helpers.ProviderUsageBaseTestCase):
    """Three hosts, the first of them reserved, all with room."""

    compute_driver = "fake.MediumFakeDriver"

    def setUp(self) -> None:
        self.climate = climate.FakeClimate()
        self.climate.reserved = ["node-1"]
        self.climate.start()
        self.addCleanup(self.climate.stop)
        # A wheel of Nova has it elsewhere than its sources.
        paste = os.path.join(sys.prefix, "etc", "nova", "api-paste.ini")
        self.flags(api_paste_config=paste, group="wsgi")
        self.flags(
            available_filters=[
                "nova.scheduler.filters.all_filters",
                "nova_ext.filters.LeaseFilter",
            ],
            enabled_filters=["ComputeFilter", "SameHostFilter", "LeaseFilter"],
            weight_classes=["nova_ext.weights.EfficiencyWeigher"],
            group="filter_scheduler",
        )
        conf.register_opts(nova.conf.CONF)
        self.flags(
            endpoint_override=self.climate.url,
            timeout_seconds=20.0,
            on_error="deny",
            group="climate",
        )
        super().setUp()
        # Nova's fixtures make some warnings errors; of which SQLAlchemy is not ours to say.
        warnings.simplefilter("ignore")
        for name in ("node-1", "node-2", "node-3"):
            self._start_compute(host=name)

    def give_lease(self, *hosts: str, reason: str | None = None) -> None:
        self.climate.leases = {LEASE: (self.api.project_id, list(hosts), reason)}

    def boot(self, state: str = "ACTIVE", number: int = 1, **hints: Any) -> Any:
        body = {"server": self._build_server(networks="none")}
        body["server"]["max_count"] = body["server"]["min_count"] = number
        if hints:
            body["os:scheduler_hints"] = hints
        return self._wait_for_state_change(self.api.post_server(body), state)

    def find_host(self, server: Any) -> str:
        found: str = self.api.get_server(server["id"])[HOST]
        return found


class _Inside(_Cloud):
    """With a lease."""

    def moves(self) -> None:
        self.give_lease("node-1", "node-3")
        self.climate.reserved = ["node-1", "node-3"]
        self.climate.scores = {"node-1": 9e9, "node-2": 5e9, "node-3": 1e9}
        server = self.boot(lease_id=LEASE)
        assert self.find_host(server) == "node-1"
        self._migrate_server(server)
        assert self.find_host(server) == "node-3"
        self._confirm_resize(server)
        self._resize_server(server, self.api.get_flavors()[1]["id"])
        assert self.find_host(server) == "node-1"
        self._confirm_resize(server)
        self._shelve_server(server)
        self._unshelve_server(server)
        assert self.find_host(server) == "node-1"
        self._evacuate(server, "node-1")
        assert self.find_host(server) == "node-3"

    def _evacuate(self, server: Any, name: str) -> None:
        self.computes[name].stop()
        [down] = self.admin_api.get_services(binary="nova-compute", host=name)
        self.admin_api.put_service(down["id"], {"forced_down": True})
        self._evacuate_server(server)

    def refusals(self) -> None:
        self.climate.leases = {OTHERS: ("another", ["node-2"], None)}
        self.boot("ERROR", lease_id=OTHERS)
        assert f"Lease '{OTHERS}' is not known." in self.stdlog.logger.output
        self.boot("ERROR", lease_id="garbage")
        assert "must be the id of a lease, not 'garbage'" in self.stdlog.logger.output
        self.give_lease(reason="The lease starts at 2030-01-01T00:00:00Z.")
        self.boot("ERROR", lease_id=LEASE)
        assert "The lease starts at 2030-01-01T00:00:00Z." in self.stdlog.logger.output
        self.give_lease("node-2")
        server = self.boot(lease_id=[LEASE])
        assert self.find_host(server) == "node-2"
        self.give_lease(reason="The lease has ended.")
        self._rebuild_server(server, OTHER_IMAGE)
        assert "The lease has ended" not in self.stdlog.logger.output
        self.api.post_server_action(server["id"], {"migrate": None})
        self._wait_for_log("The lease has ended")
        self._wait_for_state_change(server, "ACTIVE")
        assert self.find_host(server) == "node-2"


class _Outside(_Cloud):
    """Without a lease."""

    def free_hosts(self) -> None:
        self.climate.scores = {"node-1": 9e9, "node-2": 5e9, "node-3": 1e9}
        server = self.boot()
        assert self.find_host(server) == "node-2"
        self._migrate_server(server)
        assert self.find_host(server) == "node-3"
        self._confirm_resize(server)
        self.climate.scores["node-3"] = 7e9
        assert self.find_host(self.boot()) == "node-3"
        self._many_servers_one_call()
        self.climate.reserved = ["node-1", "node-2", "node-3"]
        self.boot("ERROR")
        assert "Leases reserve all remaining hosts." in self.stdlog.logger.output
        self._rebuild_server(server, OTHER_IMAGE)
        self._climate_away()

    def _many_servers_one_call(self) -> None:
        before = self.climate.count("allowed-hosts/")
        assert self.find_host(self.boot(number=4)) in ("node-2", "node-3")
        assert self.climate.count("allowed-hosts/") - before == 1

    def _climate_away(self) -> None:
        self.climate.reserved = ["node-1"]
        retry = fixtures.MonkeyPatch(f"{answers.__name__}._RETRY_SECONDS", 0.0)
        self.useFixture(retry)
        self.climate.stop()
        self.boot("ERROR")
        assert "on_error = deny" in self.stdlog.logger.output
        self.climate.start()
        assert self.find_host(self.boot()) in ("node-2", "node-3")


# By hand: pytest's way to run unittest's cases does not agree with testtools'.
@pytest.mark.parametrize(
    "case",
    [_Inside("moves"), _Inside("refusals"), _Outside("free_hosts")],
    ids=lambda case: case.id().rpartition(".")[2],
)
def test_in_nova(case: _Cloud) -> None:
    result = unittest.TestResult()
    case.run(result)
    assert result.testsRun == 1
    for _, text in [*result.errors, *result.failures]:
        pytest.fail(text[-6000:], pytrace=False)
