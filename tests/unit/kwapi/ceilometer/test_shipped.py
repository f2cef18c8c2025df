# SPDX-License-Identifier: Apache-2.0
"""The files of etc/ceilometer, as Ceilometer's own classes take them."""

from __future__ import annotations

import configparser
import pathlib
from importlib import metadata
from typing import Any

import pytest
import yaml
from ceilometer import opts
from ceilometer.meter import notifications
from ceilometer.pipeline import sample as pipelines
from ceilometer.polling import manager as polling
from ceilometer.publisher import gnocchi
from oslo_config import cfg

from kwapi import meters
from kwapi.ceilometer import samples

ETC = pathlib.Path(__file__).parents[4] / "etc" / "ceilometer"


def read(name: str) -> Any:
    """Return a file's document."""
    return yaml.safe_load((ETC / name).read_text())


@pytest.fixture
def ceilometer_conf() -> cfg.ConfigOpts:
    """Ceilometer's options at their defaults."""
    conf = cfg.ConfigOpts()
    for group, options in opts.list_opts():
        conf.register_opts(list(options), group=None if group == "DEFAULT" else group)
    conf([], default_config_files=[], default_config_dirs=[])
    return conf


def make_samples() -> list[samples.Sample]:
    """Return one of each meter, of two probes."""
    probes = [meters.Probe(f"node-{n}", 1_700_000_000.5 + n, 9.0, 0.5, "pdu") for n in range(2)]
    hosts = samples.Hosts()
    told = [s for probe in probes for s in samples.samples_of(probe, samples.METERS, hosts)]
    return [*told, *samples.host_samples(probes, hosts, 0.0)]


def test_polling_names_every_meter() -> None:
    """What an operator copies polls all that is installed."""
    (source,) = map(polling.PollingSource, read("polling.yaml")["sources"])
    assert source.meters == list(samples.METERS)


def test_the_pipeline_parts_the_meters() -> None:
    """Ours go to their own sink, and nowhere else; all others as before."""
    theirs, ours = map(pipelines.SampleSource, read("pipeline.yaml")["sources"])
    assert all(ours.support_meter(meter) for meter in samples.METERS)
    assert not any(theirs.support_meter(meter) for meter in samples.METERS)
    others = ("cpu", "power.state", "hardware.ipmi.node.temperature")
    assert all(theirs.support_meter(meter) for meter in others)
    assert not any(ours.support_meter(meter) for meter in others)


def test_gnocchi_has_a_place_for_every_meter() -> None:
    """Each with an archive policy that the file makes."""
    shipped = read("kwapi_gnocchi_resources.yaml")
    definitions = [
        gnocchi.ResourcesDefinition(each, shipped["archive_policy_default"], None, None)
        for each in shipped["resources"]
    ]
    placed = {meter: each for each in definitions for meter in each.metrics}
    assert set(placed) == set(samples.METERS)
    policies = {policy["name"] for policy in shipped["archive_policies"]}
    for meter, definition in placed.items():
        assert definition.metrics[meter]["archive_policy_name"] in policies


def test_the_meter_definition_takes_the_publishers_payload_apart(
    ceilometer_conf: cfg.ConfigOpts,
) -> None:
    """What would be sent to the polling agent's own handler, under another event type."""
    (shipped,) = read("meters.d/kwapi.yaml")["metric"]
    definition = notifications.MeterDefinition(shipped, ceilometer_conf, None)
    assert definition.match_type("kwapi.samples")
    assert not definition.match_type("kwapi.samples.other")
    sent = make_samples()
    notification = {
        "event_type": "kwapi.samples",
        "publisher_id": "kwapi-ceilometer",
        "payload": {"samples": [samples.document(sample) for sample in sent]},
        "metadata": {"timestamp": "2000-01-01T00:00:00"},
        "ctxt": {},
    }
    taken = list(definition.to_samples(notification))
    assert [
        (s["name"], s["type"], s["unit"], s["volume"], s["resource_id"], s["timestamp"])
        for s in taken
    ] == [
        (s.meter, s.kind, s.unit, s.volume, s.resource_id, samples.to_iso(s.timestamp))
        for s in sent
    ]
    assert {(s["user_id"], s["project_id"]) for s in taken} == {(None, None)}
    assert all(s["metadata"] == {"publisher": "kwapi-ceilometer"} for s in taken)


def test_every_meter_has_a_pollster() -> None:
    """Under its own name, in setup.cfg."""
    setup = configparser.ConfigParser()
    setup.read(ETC.parents[1] / "setup.cfg")
    lines = setup["entry_points"]["ceilometer.poll.central"].split("\n")
    named = dict(line.split(" = ") for line in lines if line)
    polled = {
        name: metadata.EntryPoint(name, value, "ceilometer.poll.central").load().meter
        for name, value in named.items()
    }
    assert polled == {name: name for name in samples.METERS}
