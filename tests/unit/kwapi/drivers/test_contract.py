# SPDX-License-Identifier: Apache-2.0
"""No driver is registered without a test module that holds it to the contract."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

TOP = Path(__file__).resolve().parents[4]


def registered() -> set[str]:
    """Return the names under which setup.cfg registers drivers.

    Not what is installed: that may be of yesterday.
    """
    setup = configparser.ConfigParser()
    setup.read(TOP / "setup.cfg")
    lines = setup["entry_points"]["kwapi.drivers"].strip().splitlines()
    return {line.partition("=")[0].strip() for line in lines}


def held_to_the_contract() -> set[str]:
    """Return the drivers that some test class names which inherits the contract's tests."""
    paths = (TOP / "tests").rglob("test_*.py")
    return {name for path in paths for name in drivers_of(path.read_text(encoding="utf-8"))}


def drivers_of(source: str) -> Iterator[str]:
    """Yield the drivers of which a test module's classes keep the contract."""
    classes = {n.name: n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef)}
    for name in classes:
        line = _line_of_descent(name, classes)
        if name.startswith("Test") and "DriverContract" in line:
            yield from (d for n in line if n in classes for d in _driver_names(classes[n]))


def test_every_driver_is_held_to_the_contract() -> None:
    """A class of tests with ``driver_name = "..."``, derived from DriverContract."""
    assert registered()
    missing = registered() - held_to_the_contract()
    assert not missing, (
        f"no test class derived from DriverContract has driver_name = one of {sorted(missing)}; "
        "tests/contracts/driver.py says what it must give"
    )


def test_the_contract_is_about_drivers_that_exist() -> None:
    """A name that nobody registers is a slip of the pen."""
    assert held_to_the_contract() <= registered()


def test_what_counts() -> None:
    """A class that is collected, with the name in it or in a base of the module's own."""
    base = "class Common(driver_contract.DriverContract):\n    driver_name = 'one'\n"
    assert list(drivers_of(base)) == []
    assert list(drivers_of(base + "class TestOne(Common): pass")) == ["one"]
    assert list(drivers_of("class TestOne:\n    driver_name = 'one'")) == []
    assert list(drivers_of("class TestOne(other.TestOne):\n    driver_name = 'one'")) == []


def _line_of_descent(name: str, classes: Mapping[str, ast.ClassDef]) -> list[str]:
    if name not in classes:
        return [name]
    bases = (ast.unparse(base).rpartition(".")[2] for base in classes[name].bases)
    # A base of the same name is another module's: this one knows nothing of it.
    others = (base for base in bases if base != name)
    return [name, *(n for base in others for n in _line_of_descent(base, classes))]


def _driver_names(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            named = any(isinstance(t, ast.Name) and t.id == "driver_name" for t in targets)
            if named and isinstance(statement.value, ast.Constant):
                yield str(statement.value.value)
