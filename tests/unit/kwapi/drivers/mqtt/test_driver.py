# SPDX-License-Identifier: Apache-2.0
"""Payloads become numbers, topics plugs; what a broker does is tested in functional."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi.drivers.mqtt import driver as mqtt
from kwapi.drivers.mqtt import session
from kwapi.drivers.mqtt import topics as mqtt_topics

#: As their makers document them, not recorded; the second is Tasmota on a strip with two channels.
TASMOTA = (
    b'{"Time":"2026-11-21T14:00:00","ENERGY":{"TotalStartTime":"2025-01-01T00:00:00",'
    b'"Total":12.345,"Yesterday":1.2,"Today":0.3,"Period":0,"Power":75,"ApparentPower":82,'
    b'"ReactivePower":20,"Factor":0.91,"Voltage":231,"Current":0.357}}'
)
STRIP = b'{"Time":"2026-11-21T14:00:00","ENERGY":{"Total":[1.5,2.5],"Power":[75,80]}}'
SHELLY = (
    b'{"id":0,"source":"init","output":true,"apower":74.3,"voltage":231.2,"current":0.353,'
    b'"aenergy":{"total":1234.567,"by_minute":[0,0,0],"minute_ts":1795269600}}'
)


def read(preset: str, payloads: dict[str, bytes], device: Any = "plug1") -> Any:
    """Return what is known of a plug after it published, and its topics."""
    driver = mqtt.Mqtt("m", ("a",), lambda _: None, ip="192.0.2.1", preset=preset,
                       plugs={"a": device})  # fmt: skip
    for topic, payload in payloads.items():
        driver._board.take(session.Message(topic, payload, False), 1000.0,
                           driver._clock.monotonic())  # fmt: skip
    return dict(driver._measure()), driver._board.subscriptions


@pytest.mark.parametrize(
    ("preset", "device", "payloads", "watts", "kwh"),
    (
        ("tasmota", "plug1", {"tele/plug1/SENSOR": TASMOTA}, 75.0, 12.345),
        (
            "tasmota",
            {"device": "strip", "channel": 1},
            {"tele/strip/SENSOR": STRIP},
            80.0,
            2.5,
        ),
        (
            "shelly-gen1",
            "shellyplug-s-4A5B6C",
            {
                "shellies/shellyplug-s-4A5B6C/relay/0/power": b"74.31",
                "shellies/shellyplug-s-4A5B6C/relay/0/energy": b"120000",
            },
            74.31,
            2.0,
        ),
        (
            "shelly-gen2",
            {"device": "shellyplus1pm-a8032ab11c22"},
            {"shellyplus1pm-a8032ab11c22/status/switch:0": SHELLY},
            74.3,
            1.234567,
        ),
    ),
)
def test_presets_read_what_plugs_publish(
    preset: str, device: Any, payloads: dict[str, bytes], watts: float, kwh: float
) -> None:
    measured, topics = read(preset, payloads, device)
    assert measured["a"].watts == pytest.approx(watts)
    assert measured["a"].kwh == pytest.approx(kwh)
    assert measured["a"].timestamp == 1000.0
    assert set(payloads) < set(topics)


@pytest.mark.parametrize(
    ("payload", "number"),
    (
        (b"75", 75.0),
        (b" 75.5 ", 75.5),
        (b"null", None),
        (b"NaN", None),
        (b"[7]", 7.0),
        (b"[]", None),
    ),
)
def test_a_payload_may_be_the_number(payload: bytes, number: float | None) -> None:
    assert mqtt_topics.Source("t").read(payload) == number


@pytest.mark.parametrize("payload", (b"", b"ON", b'"75"', b"true", b"{}", b"\xff\x00", b"7" * 5000))
def test_what_is_no_number(payload: bytes) -> None:
    with pytest.raises(ValueError, match="not JSON|not a number"):
        mqtt_topics.Source("t").read(payload)


def test_a_path_that_ends_early() -> None:
    """Absent is missing; another shape is an error."""
    source = mqtt_topics.Source("t", ("ENERGY", "Power"))
    assert source.read(b'{"ENERGY": {"Total": 1}}') is None
    assert source.read(b'{"Time": "now"}') is None
    with pytest.raises(ValueError, match=r"no ENERGY\.Power"):
        source.read(b'{"ENERGY": 75}')


@given(payload=st.binary() | st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "b"]), inner),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_payload_is_read_or_refused(payload: bytes) -> None:
    """With ValueError, which the driver makes a clear error of."""
    with contextlib.suppress(ValueError):
        number = mqtt_topics.Source("t", ("a", "b")).read(payload)
        assert number is None or isinstance(number, float)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    (
        ({"ip": None}, "host is missing"),
        ({"host": "also"}, "host and ip are names of the same parameter; give one of them"),
        ({"port": 70000}, "port must be a whole number from 1 to 65535, not 70000"),
        ({"password": "secret"}, "password needs a user"),
        ({"user": "ann", "password": 5}, "password must be a text"),
        ({"tls": "yes"}, "tls must be True or False, not 'yes'"),
        ({"ca_file": "/nosuch"}, "need tls"),
        ({"tls": True, "ca_file": "/nosuch"}, "ca_file, cert_file or key_file"),
        ({"preset": None}, "preset or watts must say where the watts are; presets are shelly"),
        (
            {"preset": "nobody"},
            "preset must be one of shelly-gen1, shelly-gen2, tasmota, not 'nobody'",
        ),
        ({"watts": {"topic": ""}}, "topic of watts"),
        ({"watts": {"path": "a"}}, "topic of watts"),
        (
            {"watts": {"topic": "{plug}/power"}},
            "topic: unknown placeholder 'plug'; known are {device} and {channel}",
        ),
        ({"watts": {"topic": "{0}/power"}}, "topic: unknown placeholder"),
        ({"watts": {"topic": "{device}", "scale": 0}}, "scale of watts"),
        ({"watts": {"topic": "{device}", "unit": "W"}}, "watts has no 'unit'"),
        ({"online": {"topic": "{device}"}}, "alive of online"),
        ({"plugs": {"a": 7}}, "plugs of 'a'"),
        ({"plugs": {"a": "+"}}, "plugs of 'a'"),
        ({"plugs": {"a": {"device": "x", "channel": -1}}}, "plugs of 'a'"),
        ({"plugs": {"a": {"name": "x"}}}, "plugs of 'a'"),
        ({"plugs": {"x": "y"}}, "'x', which is not in probes"),
        ({"plugs": {"a": ["y", "y"]}}, "named 2 times"),
        ({"max_age_seconds": 0}, "max_age_seconds must be a number above 0, not 0"),
        ({"timeout_seconds": 0}, "timeout_seconds must be a number above 0, not 0"),
    ),
)
def test_wrong_parameters_are_told(parameters: dict[str, Any], complaint: str) -> None:
    """Each complaint names the parameter; none repeats a secret."""
    right = {"ip": "192.0.2.1", "preset": "tasmota"}
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        mqtt.Mqtt("m", ("a",), lambda _: None, **{**right, **parameters})
    assert complaint in str(caught.value)
    assert "secret" not in str(caught.value)
