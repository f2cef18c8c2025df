# SPDX-License-Identifier: Apache-2.0
"""``config check``: finds every mistake of all configuration files in one run.

Owns the order of the checks: first lines, then values, then what services would
refuse to start with.  Those refusals are raised by the services' own code, given
as trials; nothing is connected to.
"""

from __future__ import annotations

import contextlib
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
    """What is checked.

    :ivar services: all of a product, in the order to name them.
    :ivar namespaces: of options, as entry points name them, that the files may hold.
    :ivar register: registers the services' options.
    :ivar strangers: returns the sections that are no groups of options.
    :ivar foreign: yields what is wrong with those.
    """

    services: tuple[str, ...]
    namespaces: tuple[str, ...]
    register: Callable[[cfg.ConfigOpts], None]
    trials: Sequence[Trial]
    strangers: Callable[[Sequence[inifile.Entry]], Collection[str]] = lambda _entries: ()
    foreign: Callable[[Sequence[str]], Iterable[inifile.Mistake]] = lambda _paths: ()


class _Given(NamedTuple):
    """What the files say, and which options may stand in them."""

    paths: Sequence[str]
    entries: Sequence[inifile.Entry]
    known: options.Known


def check(
    plan: Plan, paths: Sequence[str], services: Collection[str] = ()
) -> list[inifile.Mistake]:
    """Return what is wrong with these files, in their order.

    :param services: that will run with them; by default all.
    """
    files = [inifile.read(path) for path in paths]
    unreadable = [mistake for file in files for mistake in file.mistakes]
    entries = [entry for file in files for entry in file.entries]
    given = _Given(paths, entries, options.list_known(plan.namespaces))
    # Libraries log what they raise, too.
    with _silence():
        strangers = set(plan.strangers(entries)) - given.known.keys()
        mistakes = [*unreadable, *options.judge(entries, given.known, strangers)]
        # In a file that cannot be read every value would be missing.
        if not unreadable:
            mistakes += _judge_foreign(plan, given, strangers)
            mistakes += _try_services(plan, frozenset(services or plan.services), given, mistakes)
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


def _judge_foreign(
    plan: Plan, given: _Given, strangers: Collection[str]
) -> Iterator[inifile.Mistake]:
    """Yield what is wrong with sections that are no groups of options."""
    judged = {(each.path, each.line) for each in given.entries if each.section not in strangers}
    return (each for each in plan.foreign(given.paths) if (each.path, each.line) not in judged)


def _try_services(
    plan: Plan, services: frozenset[str], given: _Given, mistakes: Sequence[inifile.Mistake]
) -> list[inifile.Mistake]:
    """Return why services would not start, but for what is wrong with their values already.

    :param mistakes: found so far; a value on such a line is tried with its default.
    """
    told = {(mistake.path, mistake.line) for mistake in mistakes}
    wrong = [entry for entry in given.entries if (entry.path, entry.line) in told]
    located = []
    for trial in plan.trials:
        if services & trial.services:
            refusal = _try(trial, lambda: _load(plan, given, wrong))
            if refusal is not None:
                located.append(_locate(refusal, given.entries))
    return [each for each in located if (each.path, each.line) not in told]


def _try(trial: Trial, load: Callable[[], cfg.ConfigOpts]) -> str | None:
    """Return why a service would not start; None if it would."""
    try:
        trial.run(load())
    except exception.EnergyException as exc:
        return str(exc)
    except cfg.Error:
        # An invalid value: its line was judged.
        return None
    except Exception as exc:  # whatever a service would die of is a mistake, not ours
        return f"{type(exc).__name__}: {exc}"
    return None


def _load(plan: Plan, given: _Given, wrong: Sequence[inifile.Entry]) -> cfg.ConfigOpts:
    """Return the configuration, with the default for every wrong value."""
    conf = options.load(given.paths, plan.register)
    options.set_right(conf, given.known, wrong)
    return conf


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
