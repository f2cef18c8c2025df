# SPDX-License-Identifier: Apache-2.0
"""Messages become energy once each, in whatever order and however often they come."""

from __future__ import annotations

import collections
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import measurement
from kwapi import signing
from kwapi.bus import batch as batches
from kwapi.collector import ledger
from kwapi.store import state as states

NOW = 1_700_000_000.0


def books(state: states.State | None = None, **rules: float) -> ledger.Ledger:
    return ledger.Ledger(state or states.State(0, {}, {}, {}, set()), ledger.Rules(**rules), NOW)


def message(
    sequence: int,
    *readings: measurement.Reading,
    instance: str = "run",
    timestamp: float = NOW,
    **body: object,
) -> batches.Message:
    return batches.Message(
        signing.Envelope("node-1", instance, sequence, timestamp, ""),
        measurement.Body(tuple(readings), **body),  # type: ignore[arg-type]
    )


def reading(seconds: float, watts: float = 3600.0, probe: str = "p") -> measurement.Reading:
    return measurement.Reading("pdu", NOW + seconds, (probe,), (watts,), (), 5.0, 1.0)


def apply(to: ledger.Ledger, *messages: batches.Message, now: float = NOW + 1000) -> states.Changes:
    to.apply(batches.Batch(messages, collections.Counter()), now)
    changes = to.changes()
    assert changes is not None
    return changes


def only(changes: states.Changes) -> float:
    (record,) = changes.records
    return record.kwh


def test_a_repeated_message_counts_once() -> None:
    first, second = message(1, reading(0)), message(2, reading(10))
    changes = apply(books(), first, second, second, first, second)
    assert only(changes) == pytest.approx(0.01)
    assert changes.tallies["repeated"] == 3
    assert changes.tallies["received"] == 5


def test_lost_messages_are_counted_and_found_when_they_come_late() -> None:
    made = books()
    assert apply(made, message(1, reading(0)), message(5, reading(50))).tallies["lost"] == 3
    changes = apply(made, message(3, reading(30)))
    assert changes.tallies["lost"] == 2
    assert only(changes) == pytest.approx(0.05)
    assert changes.tallies["late"] == 1


def test_the_first_message_heard_of_a_sender_may_have_any_number() -> None:
    assert apply(books(), message(1000, reading(0))).tallies["lost"] == 0


def test_each_run_of_a_sender_counts_for_itself() -> None:
    changes = apply(books(), message(1, reading(0)), message(1, reading(10), instance="next run"))
    assert only(changes) == pytest.approx(0.01)
    assert changes.tallies["repeated"] == 0


def test_what_a_sender_dropped_is_counted_once() -> None:
    made = books()
    apply(made, message(1, dropped=5), message(2, dropped=5))
    assert apply(made, message(3, dropped=7)).tallies["dropped"] == 7


@pytest.mark.parametrize("probe", ["a/b", "", "x" * 256])
def test_a_probe_that_could_not_be_addressed_is_refused(probe: str) -> None:
    changes = apply(books(), message(1, reading(0, probe=probe)))
    assert (list(changes.records), changes.tallies["refused"]) == ([], 1)


def test_measurements_from_the_future_are_refused() -> None:
    changes = apply(books(), message(1, reading(0), reading(2000)), now=NOW)
    assert changes.tallies["refused"] == 1
    assert [r.timestamp for r in changes.records] == [NOW]


def test_measurements_of_another_age_are_refused() -> None:
    """Their sums would leave what a database can hold."""
    changes = apply(books(), message(1, reading(-1e300), reading(-15 * 86400.0), reading(0)))
    assert changes.tallies["refused"] == 2
    assert [r.timestamp for r in changes.records] == [NOW]


def test_a_silent_probe_leaves_the_list_and_finds_its_counters_again() -> None:
    made = books(silent_seconds=60.0)
    apply(made, message(1, reading(0), reading(0, probe="q")), message(2, reading(10)))
    made.stored()
    made.tidy(NOW + 30)
    apply(made, message(3, reading(50, probe="q")), now=NOW + 50)
    made.stored()
    made.tidy(NOW + 91)
    changes = made.changes()
    assert changes is not None
    assert list(changes.unlisted) == ["p"]
    assert json.loads(changes.probe_ids_body or b"") == {"probe_ids": ["q"]}
    made.stored()
    back = apply(made, message(4, reading(100)), now=NOW + 100)
    assert json.loads(back.probe_ids_body or b"") == {"probe_ids": ["p", "q"]}
    assert only(back) == pytest.approx(0.01)


def test_a_backlog_is_not_silence() -> None:
    """After an outage of ours measurements are old, yet their probes are heard of."""
    made = books(silent_seconds=60.0)
    apply(made, message(1, reading(-5000)))
    made.stored()
    made.tidy(NOW + 30)
    assert made.changes() is None


def test_nothing_changed_is_nothing_to_store() -> None:
    made = books()
    made.tidy(NOW)
    assert made.changes() is None


def test_the_body_is_the_first_kwapis_with_more_keys() -> None:
    changes = apply(books(), message(1, reading(0)), message(2, reading(10)))
    assert json.loads(changes.probes_body or b"") == {
        "probes": {
            "p": {
                "timestamp": NOW + 10,
                "kwh": pytest.approx(0.01),
                "w": 3600.0,
                "wattmeter": "pdu",
                "period_seconds": 5.0,
                "resolution_watts": 1.0,
            }
        }
    }


def test_a_probe_that_moves_to_another_wattmeter_says_so() -> None:
    made = books()
    apply(made, message(1, reading(0)))
    made.stored()
    moved = reading(10)._replace(wattmeter="other", resolution_watts=None)
    body = json.loads(apply(made, message(2, moved)).probes_body or b"")["probes"]["p"]
    assert (body["wattmeter"], body["resolution_watts"]) == ("other", None)


def rack(seconds: float, **change: object) -> measurement.Reading:
    made = measurement.Reading("pdu", NOW + seconds, ("p", "q"), (3600.0, 7200.0), (), 5.0, 1.0)
    return made._replace(**change)  # type: ignore[arg-type]


def kwhs(changes: states.Changes) -> dict[str, float]:
    return {r.probe_id: pytest.approx(r.kwh) for r in changes.records}


def test_what_a_wattmeter_says_again_and_again_counts_for_each_probe() -> None:
    made = books()
    changes = apply(made, *(message(n, rack(10.0 * n)) for n in (1, 2, 3)))
    assert kwhs(changes) == {"p": 0.02, "q": 0.04}
    assert changes.tallies["measurements"] == 6


def test_of_a_wattmeter_known_already_each_outcome_is_told() -> None:
    odd = [rack(20, watts=(-1.0, 7200.0)), rack(20), rack(100), rack(110, watts=(1.0, 1e9))]
    sent = [rack(0), rack(10), *odd]
    changes = apply(books(), *(message(n, each) for n, each in enumerate(sent, 1)))
    assert kwhs(changes)["q"] == 0.04
    tallies = {name: changes.tallies[name] for name in ("refused", "late", "gap", "measurements")}
    assert tallies == {"refused": 2, "late": 1, "gap": 2, "measurements": 12}


def test_a_wattmeters_counters_decide_each_time() -> None:
    sent = [rack(10.0 * n, kwh=(1000.0 + n, None)) for n in (0, 1, 2)]
    changes = apply(books(), *(message(n, each) for n, each in enumerate(sent, 1)))
    assert kwhs(changes) == {"p": 2.0, "q": 0.04}


def test_probes_in_another_order_keep_their_energy() -> None:
    turned = rack(10, probes=("q", "p"), watts=(7200.0, 3600.0))
    sent = [rack(0), turned, turned._replace(timestamp=NOW + 20), rack(30)]
    changes = apply(books(), *(message(n, each) for n, each in enumerate(sent, 1)))
    assert kwhs(changes) == {"p": 0.03, "q": 0.06}


def test_a_probe_refused_each_time_holds_up_no_other() -> None:
    sent = [rack(10.0 * n, probes=("a/b", "q")) for n in (0, 1, 2)]
    changes = apply(books(), *(message(n, each) for n, each in enumerate(sent, 1)))
    assert kwhs(changes) == {"q": 0.04}
    assert changes.tallies["refused"] == 3


def test_a_probe_named_twice_is_one() -> None:
    sent = [rack(10.0 * n, probes=("q", "q")) for n in (0, 1, 2)]
    assert kwhs(apply(books(), *(message(n, each) for n, each in enumerate(sent, 1)))) == {
        "q": 0.02
    }


def test_a_probe_whose_first_measurement_was_refused_is_labelled_later() -> None:
    sent = [rack(0, watts=(-1.0, 0.0)), rack(10)]
    changes = apply(books(), *(message(n, each) for n, each in enumerate(sent, 1)))
    labels = {(r.probe_id, r.wattmeter, r.period_seconds) for r in changes.records}
    assert labels == {("p", "pdu", 5.0), ("q", "pdu", 5.0)}


def status(wattmeter: str) -> measurement.DriverStatus:
    return measurement.DriverStatus(wattmeter, "dummy", "running", NOW, 1)


def test_a_wattmeter_no_longer_reported_is_forgotten() -> None:
    made = books()
    apply(made, message(1, drivers=(status("one"), status("two"))))
    made.stored()
    changes = apply(made, message(2, drivers=(status("two"),)))
    assert list(changes.forget_drivers) == [("one", "node-1")]
    assert [row.status.wattmeter for row in changes.drivers] == ["two"]


def test_senders_too_old_to_be_heard_of_again_are_forgotten() -> None:
    made = books(remember_seconds=100.0)
    apply(made, message(1, reading(0)))
    made.stored()
    made.tidy(NOW + 101)
    changes = made.changes()
    assert changes is not None
    assert changes.forget_senders_before == NOW + 1


@given(st.data())
def test_energy_does_not_depend_on_repeats_and_batches(data: st.DataObject) -> None:
    """Whatever is sent again, and however it is cut into batches, the energy is the same."""
    watts = data.draw(st.lists(st.floats(0, 1000), min_size=1, max_size=20))
    sent = [message(n + 1, reading(n * 5.0, w)) for n, w in enumerate(watts)]
    plain = only(apply(books(), *sent))
    disturbed: list[batches.Message] = []
    for number, original in enumerate(sent):
        disturbed.append(original)
        disturbed += data.draw(st.lists(st.sampled_from(sent[: number + 1]), max_size=3))
    made, changes = books(), None
    while disturbed:
        size = data.draw(st.integers(1, len(disturbed)))
        batch, disturbed = disturbed[:size], disturbed[size:]
        changes = apply(made, *batch)
    assert changes is not None
    assert only(changes) == plain
    assert changes.tallies["lost"] == 0
