# SPDX-License-Identifier: Apache-2.0
"""Which probes a query means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybase.web import errors
from kwapi.history import index
from kwapi.pages import selection

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@+~,=-]{0,12}", fullmatch=True)


def know(*probe_ids: str) -> dict[str, index.ProbeState]:
    return {
        probe_id: index.ProbeState(probe_id, 0.0, float(number), None, "pdu-7")
        for number, probe_id in enumerate(probe_ids)
    }


def test_several_names_in_one_value_or_in_several() -> None:
    known = know("a", "b", "c")
    assert selection.choose(["a,c"], known) == selection.choose(["c", "a", ""], known)
    assert selection.choose(["a,c"], known).probe_ids == ("a", "c")


def test_a_name_may_have_commas_in_it() -> None:
    known = know("1,2", "2", "3")
    assert selection.choose(["3,1,2"], known).probe_ids == ("1,2", "3")
    assert selection.choose(["1,2,2"], known).probe_ids == ("1,2", "2")


def test_names_that_no_probe_has_are_counted() -> None:
    assert selection.choose(["a,x,y,x"], know("a")) == selection.Choice(("a",), 2)


def test_too_many_names_are_refused() -> None:
    with pytest.raises(errors.RequestRefused, match="501 probes are chosen; at most 500"):
        selection.choose(["a," * 501], know("a"))


@given(st.sets(IDS, min_size=1, max_size=8))
def test_each_name_alone_means_itself(names: set[str]) -> None:
    known = know(*names)
    assert set(selection.choose(sorted(names), known).probe_ids) <= names
    for name in names:
        assert selection.choose([name], known).probe_ids == (name,)


@given(st.lists(st.text(max_size=300), max_size=5))
def test_any_text_is_understood_or_refused(values: list[str]) -> None:
    try:
        choice = selection.choose(values, know("a", "b,c"))
    except errors.RequestRefused:
        return
    assert set(choice.probe_ids) <= {"a", "b,c"}


def test_a_list_is_sorted_as_people_do() -> None:
    found = selection.list_probes(know("n10", "n9", "m", "10", "9"), selection.Wish())
    assert [state.probe_id for state in found.probes] == ["9", "10", "m", "n9", "n10"]


def test_a_list_has_pages() -> None:
    known = know(*(f"n{number}" for number in range(50)))
    first = selection.list_probes(known, selection.Wish())
    assert (len(first.probes), first.found, first.pages) == (24, 50, 3)
    last = selection.list_probes(known, selection.Wish(page=99))
    assert (last.page, [state.probe_id for state in last.probes]) == (3, ["n48", "n49"])


def test_a_list_is_of_what_a_text_finds_in_name_or_wattmeter() -> None:
    known = know("Rack-1", "rack-2", "x")
    found = selection.list_probes(known, selection.Wish("RACK"))
    assert [state.probe_id for state in found.probes] == ["Rack-1", "rack-2"]
    assert selection.list_probes(known, selection.Wish("pdu-7")).found == 3
    nothing = selection.list_probes(known, selection.Wish("none"))
    assert (nothing.probes, nothing.page, nothing.pages) == ((), 1, 1)


def test_a_list_may_begin_with_those_that_use_most() -> None:
    found = selection.list_probes(know("a", "b", "c"), selection.Wish(order="watts"))
    assert [state.probe_id for state in found.probes] == ["c", "b", "a"]
