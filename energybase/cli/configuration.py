# SPDX-License-Identifier: Apache-2.0
"""``config check``: every mistake of all configuration files in one run.

Owns the order of the looks: at the lines, at the values, and at what services
would refuse to start with.  Those refusals are the services' own code, given as
trials; nothing is connected to.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

from oslo_config import cfg

from energybase import exception
from energybase.cli import inifile
from energybase.cli import options

#: How our exceptions and oslo.config's name an option.
_PLACE = re.compile(r"\[([^\]]+)\](?: ([A-Za-z0-9_]+))?")


class Trial(NamedTuple):
    """What some services would refuse to start with.

    :ivar services: their names.
    :ivar run: raises ConfigurationInvalid; connects to nothing, starts nothing.
    """

    services: frozenset[str]
    run: Callable[[cfg.ConfigOpts], object]


class Plan(NamedTuple):
    """What is looked at.

    :ivar services: all there are, in the order to name them.
    :ivar register: registers their options.
    :ivar strangers: returns the sections that are no groups of options.
    :ivar foreign: yields what is wrong with those.
    """

    services: tuple[str, ...]
    register: Callable[[cfg.ConfigOpts], None]
    trials: Sequence[Trial]
    strangers: Callable[[Sequence[inifile.Entry]], Collection[str]] = lambda _entries: ()
    foreign: Callable[[Sequence[str]], Iterable[inifile.Mistake]] = lambda _paths: ()


def check(
    plan: Plan, paths: Sequence[str], services: Collection[str] = ()
) -> list[inifile.Mistake]:
    """Return what is wrong with these files, in their order.

    :param services: that will run with them; by default all.
    """
    files = [inifile.read(path) for path in paths]
    entries = [entry for file in files for entry in file.entries]
    mistakes = [mistake for file in files for mistake in file.mistakes]
    known = options.list_known()
    # Libraries log what they raise, too.
    with _silence():
        strangers = set(plan.strangers(entries)) - known.keys()
        mistakes += options.judge(entries, known, strangers)
        # Who cannot read a file finds there no value, and would call it missing.
        if not any(file.mistakes for file in files):
            lines = {(each.path, each.line) for each in entries if each.section not in strangers}
            foreign = plan.foreign(paths)
            mistakes += (each for each in foreign if (each.path, each.line) not in lines)
            told = {(mistake.path, mistake.line) for mistake in mistakes}
            wrong = [entry for entry in entries if (entry.path, entry.line) in told]
            load = functools.partial(_load, plan, paths, known, wrong)
            refusals = _refusals(plan, load, frozenset(services or plan.services))
            located = (_locate(text, entries) for text in refusals)
            mistakes += (each for each in located if (each.path, each.line) not in told)
    return _sort(mistakes, paths)


def render(mistakes: Sequence[inifile.Mistake], paths: Sequence[str]) -> Iterator[str]:
    """Yield the lines that an operator reads."""
    yield from map(str, mistakes)
    where = ", ".join(paths) or "no file at all"
    count = {0: "No mistake", 1: "1 mistake"}.get(len(mistakes), f"{len(mistakes)} mistakes")
    yield f"{count} in {where}."


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable()
    try:
        yield
    finally:
        logging.disable(before)


def _load(
    plan: Plan, paths: Sequence[str], known: options.Known, wrong: Sequence[inifile.Entry]
) -> cfg.ConfigOpts:
    """Return the configuration; where a value is wrong, and that is told, its default."""
    conf = options.load(paths, plan.register)
    options.set_right(conf, known, wrong)
    return conf


def _refusals(
    plan: Plan, load: Callable[[], cfg.ConfigOpts], services: frozenset[str]
) -> Iterator[str]:
    """Yield why services would not start."""
    for trial in plan.trials:
        if services & trial.services:
            try:
                trial.run(load())
            except exception.EnergyException as exc:
                yield str(exc)
            except cfg.Error:
                # A value that is none: told where its line was looked at.
                continue
            except Exception as exc:  # whatever a service would die of is a mistake, not ours
                yield f"{type(exc).__name__}: {exc}"


def _locate(text: str, entries: Sequence[inifile.Entry]) -> inifile.Mistake:
    """Return a mistake at the line that it names by section and option."""
    named = _PLACE.match(text)
    found = inifile.find(entries, named[1], named[2] or "") if named else None
    return found.mistake(text) if found else inifile.Mistake("", 0, text)


def _sort(mistakes: Iterable[inifile.Mistake], paths: Sequence[str]) -> list[inifile.Mistake]:
    """Return each once, by file and line; those without come last."""
    order = {path: number for number, path in enumerate(paths)}
    return sorted(
        dict.fromkeys(mistakes),
        key=lambda mistake: (order.get(mistake.path, len(order)), mistake.line, mistake.reason),
    )
