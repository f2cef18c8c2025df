# SPDX-License-Identifier: Apache-2.0
"""The table of processors: flop per cycle and frequency by CPU model.

Owns its YAML format, and the look-up of a CPU model or of a rule for its features.
``data/processors.yaml`` explains its members.
"""

from __future__ import annotations

import functools
import importlib.resources
import math
import re
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import yaml

from energybase import exception

#: libvirt's variants of a model, which compute alike.
_VARIANT = re.compile(r"(?:-(?:IBRS|IBPB|noTSX|noMPX|v\d+))+$")

_MOST_MHZ = 100_000.0
_MOST_FLOPS_PER_CYCLE = 100_000.0

# libyaml reads ten times as fast, where PyYAML was built with it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Model(NamedTuple):
    """A CPU model: ``such_as`` names the processor whose base frequency ``mhz`` is."""

    name: str
    such_as: str
    mhz: float
    flops_per_cycle: float
    sources: tuple[str, ...]


class Rule(NamedTuple):
    """For CPUs with all these ``features``, of any vendor if that is empty."""

    vendor: str
    features: tuple[str, ...]
    flops_per_cycle: float
    sources: tuple[str, ...]


class Table(NamedTuple):
    """``models``: by name; ``rules``: the first that fits counts."""

    models: Mapping[str, Model]
    rules: tuple[Rule, ...]
    unknown_mhz: float

    def find_model(self, name: str) -> Model | None:
        """Return the model that a host's is, or is a variant of."""
        return self.models.get(_VARIANT.sub("", name))

    def find_rule(self, vendor: str, features: frozenset[str]) -> Rule | None:
        """Return the rule for a model that is not here."""
        for rule in self.rules:
            if rule.vendor in ("", vendor) and features.issuperset(rule.features):
                return rule
        return None


@functools.cache
def packaged() -> Table:
    """Return the table that comes with Climate."""
    file = importlib.resources.files("climate.ranking") / "data" / "processors.yaml"
    return load(file.read_text(encoding="utf-8"), file.name)


def load(text: str, name: str) -> Table:
    """Return the table in a YAML text.

    :param name: what the text is called in error messages.
    :raises ConfigurationInvalid: the first mistake, with its line.
    """
    try:
        return _table(yaml.compose(text, Loader=_Loader))
    except _Mistake as exc:
        line, reason = exc.line, exc.reason
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line, reason = mark.line + 1 if mark else 1, exc.problem or "is no YAML"
    except yaml.reader.ReaderError as exc:
        line, reason = text[: exc.position].count("\n") + 1, f"is no YAML: {exc.reason}"
    except RecursionError:
        line, reason = 1, "is nested too deep"
    raise exception.ConfigurationInvalid(where=f"{name}, line {line}", reason=reason)


class _Mistake(Exception):
    """``line``: counted from 1."""

    def __init__(self, node: Any, reason: str) -> None:
        super().__init__(reason)
        self.line = node.start_mark.line + 1 if node else 1
        self.reason = reason


#: Reads what a node of the YAML says.
_Reader = Callable[[Any], Any]


def _table(root: Any) -> Table:
    members = _members(
        root,
        required={
            "models": _list_of(_model),
            "features": _list_of(_rule),
            "unknown_mhz": _number_up_to(_MOST_MHZ),
        },
    )
    models: dict[str, Model] = {}
    for node, model in members["models"]:
        if model.name in models:
            raise _Mistake(node, f"model {model.name} is there already")
        models[model.name] = model
    rules = tuple(rule for _node, rule in members["features"])
    return Table(models, rules, members["unknown_mhz"])


def _model(node: Any) -> Model:
    members = _members(
        node,
        required={
            "name": _name,
            "such_as": _text,
            "mhz": _number_up_to(_MOST_MHZ),
            "flops_per_cycle": _number_up_to(_MOST_FLOPS_PER_CYCLE),
        },
        optional=_SOURCES,
    )
    return Model(sources=_take_sources(node, members), **members)


def _rule(node: Any) -> Rule:
    members = _members(
        node,
        required={"all": _texts, "flops_per_cycle": _number_up_to(_MOST_FLOPS_PER_CYCLE)},
        optional={"vendor": _text, **_SOURCES},
    )
    sources = _take_sources(node, members)
    vendor = members.get("vendor", "")
    return Rule(vendor, members["all"], members["flops_per_cycle"], sources)


def _take_sources(node: Any, members: dict[str, Any]) -> tuple[str, ...]:
    sources: tuple[str, ...] = members.pop("read", ()) + members.pop("see", ())
    if not sources:
        raise _Mistake(node, "has no source: neither `read` nor `see`")
    return sources


def _members(
    node: Any, required: Mapping[str, _Reader], optional: Mapping[str, _Reader] | None = None
) -> dict[str, Any]:
    readers = {**required, **(optional or {})}
    if not isinstance(node, yaml.MappingNode):
        raise _Mistake(node, f"is no mapping of {', '.join(readers)}")
    members: dict[str, Any] = {}
    for key, value in node.value:
        name = _text(key)
        if name not in readers:
            raise _Mistake(key, f"{name!r} is none of {', '.join(readers)}")
        if name in members:
            raise _Mistake(key, f"{name!r} is said twice")
        members[name] = readers[name](value)
    for name in required:
        if name not in members:
            raise _Mistake(node, f"has no {name}")
    return members


def _list_of(read: _Reader) -> _Reader:
    """Return a reader of pairs: the node of each element, and what it says."""

    def read_list(node: Any) -> list[tuple[Any, Any]]:
        if not isinstance(node, yaml.SequenceNode):
            raise _Mistake(node, "is no list")
        return [(element, read(element)) for element in node.value]

    return read_list


def _number_up_to(most: float) -> _Reader:
    def read_number(node: Any) -> float:
        try:
            number = float(_text(node))
        except ValueError:
            number = math.nan
        if not 0 < number <= most:
            raise _Mistake(node, f"is no number above 0, and up to {most:g}")
        return number

    return read_number


def _text(node: Any) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise _Mistake(node, "is no text")
    text: str = node.value
    return text


def _name(node: Any) -> str:
    """Return a model's name, which must be one that a host's model can be found by."""
    name = _text(node)
    if _VARIANT.search(name):
        raise _Mistake(node, f"{name} is a variant: leave out what comes after the model")
    return name


def _texts(node: Any) -> tuple[str, ...]:
    texts = tuple(text for _node, text in _list_of(_text)(node))
    if not texts:
        raise _Mistake(node, "is empty")
    return texts


_SOURCES: Mapping[str, _Reader] = {"read": _texts, "see": _texts}
