# SPDX-License-Identifier: Apache-2.0
"""Names say nothing to rrdtool but what they are; rrdtool itself is the judge."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from kwapi.graphs import syntax
from kwapi.history import rrdtool as reader
from tests import depth

_HOSTILE = [
    "a:b",
    "50 % of %s %lf",
    'it\'s "quoted"',
    "back\\slash \\n \\",
    "\u05e9\u05dc\u05d5\u05dd",
    "x" * 255,
    "<b>bold</b> &amp;",
    "new\nline ERROR: none\nOK u:1 s:1 r:1\nquit",
    "$(reboot) `reboot` ; | & >",
    "",
    "\u202eevil\u202c\0",
]


@pytest.fixture(scope="module")
def rrdtool(tmp_path_factory: pytest.TempPathFactory) -> reader.Reader:
    """rrdtool in an empty directory."""
    return reader.Reader(tmp_path_factory.mktemp("rrd"))


@pytest.mark.parametrize("text", _HOSTILE)
def test_a_name_is_shown_as_it_is(rrdtool: reader.Reader, text: str) -> None:
    """But for what cannot be shown, and for what is too long."""
    command = ["graphv", "-", "--imgformat", "SVG", "--title", syntax.clean(text)]
    command += ["--start", "-60", f"HRULE:0#ff0000:{syntax.show(text, 40)}|\\l"]
    [picture] = rrdtool.ask([syntax.line(command)])
    assert picture.startswith(b"<?xml")


@hypothesis.given(text=st.text(max_size=60))
@hypothesis.settings(max_examples=depth.examples(0.6))
def test_no_text_breaks_a_command(text: str, rrdtool: reader.Reader) -> None:
    """Whatever it is, rrdtool draws a picture with one line below."""
    command = ["graphv", "-", "--start", "-60", "--title", syntax.clean(text)]
    command += ["HRULE:0#ff0000", f"COMMENT:{syntax.show(text, 40)}|\\l"]
    [picture] = rrdtool.ask([syntax.line(command)])
    assert picture.startswith(b"\x89PNG") and picture.endswith(b"IEND\xaeB`\x82")


def test_a_word_with_the_end_of_a_line_is_refused() -> None:
    """It would be two commands."""
    with pytest.raises(ValueError, match="one line"):
        syntax.line(["graph", "x\nquit"])


@hypothesis.given(text=st.text(max_size=80), width=st.integers(8, 40))
def test_shown_text_is_as_wide_as_told(text: str, width: int) -> None:
    """So that columns stand under each other."""
    shown = syntax.show(text, width).replace("\\:", ":")
    assert syntax.measure(shown) - 2 == width  # the marks take no room


def test_both_ends_of_a_long_name_stay() -> None:
    """rack-a.node-1 and rack-a.node-2 differ in their ends."""
    assert syntax.shorten("lyon.rack-12.node-0123456", 12) == "lyon.r\N{HORIZONTAL ELLIPSIS}23456"


@hypothesis.given(values=st.lists(st.integers(0, 3), min_size=1, max_size=50))
def test_a_step_function_is_its_values(values: list[int]) -> None:
    """Worked out as rrdtool does."""
    rows = [(10 * (number + 1), float(value)) for number, value in enumerate(values)]
    expression = syntax.step(rows).split(",")
    assert [_evaluate(expression, end) for end, _ in rows] == pytest.approx(values)


def _evaluate(expression: list[str], time: int) -> float:
    stack: list[float] = []
    for word in expression:
        if word in ("GT", "*", "+"):
            right, left = stack.pop(), stack.pop()
            stack.append({"GT": float(left > right), "*": left * right, "+": left + right}[word])
        else:
            stack.append(time if word == "TIME" else float(word))
    return stack.pop()


def test_the_reader_stays_in_step(tmp_path: Path) -> None:
    """After a refusal the next answer is that to the next question."""
    rrdtool = reader.Reader(tmp_path)
    with pytest.raises(reader.Failed):
        rrdtool.ask(["info nothing.rrd"])
    assert str(tmp_path).encode() in rrdtool.ask(["pwd"])[0]
