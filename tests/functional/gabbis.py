# SPDX-License-Identifier: Apache-2.0
"""Runs the steps of a gabbi file as one test, since they follow from each other."""

from __future__ import annotations

import pathlib
import unittest
from collections.abc import Callable
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from gabbi import handlers
from gabbi import suitemaker
from gabbi import utils


def names(folder: pathlib.Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def run(
    path: pathlib.Path, host: str, fixtures: ModuleType, app: Callable[..., Iterable[bytes]]
) -> None:
    """Fail unless every step of the file is answered as it says.

    :param host: that clients take the application for.
    :param fixtures: has the classes that the file names as its fixtures.
    :param app: asked once these were started.
    """
    document = utils.load_yaml(yaml_file=str(path))
    suite = _make_suite(document, path, host, fixtures, app)
    result = unittest.TestResult()
    suite.run(result)
    told = "\n".join(f"{case}\n{text}" for case, text in result.failures + result.errors)
    assert not told, told
    assert result.testsRun == len(document["tests"])
    assert not result.skipped


def _make_suite(
    document: dict[str, Any],
    path: pathlib.Path,
    host: str,
    fixtures: ModuleType,
    app: Callable[..., Iterable[bytes]],
) -> Any:
    return suitemaker.test_suite_from_dict(
        unittest.TestLoader(),
        path.stem,
        document,
        str(path.parent),
        host,
        80,
        fixtures,
        lambda: app,
        handlers=[handler() for handler in handlers.RESPONSE_HANDLERS],
    )
