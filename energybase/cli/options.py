# SPDX-License-Identifier: Apache-2.0
"""Judges each line of a configuration file: is there such an option, and is its value valid?

Owns the judgement of a single value.  Options are found as
``oslo-config-generator`` finds them, by namespaces: those of libraries that every
service uses, and those that the caller names.  What several values mean
together is for the services to say.

oslo.config's own validator, ``oslo-config-validator``, judges the names of one
file: no values, nothing of [keystone_authtoken], no line numbers, no likely
spellings.  Operators would miss them, so it does not replace this module.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib.metadata
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keystoneauth1 import loading
from oslo_config import cfg
from oslo_log import log

from energybase.cli import inifile

_NAMESPACE = "oslo.config.opts"
_KINDS_OF_AUTH = "keystoneauth1.plugin"
#: Namespaces of the libraries that every service uses.
LIBRARIES = (
    "keystonemiddleware.auth_token",
    "oslo.db",
    "oslo.log",
    "oslo.messaging",
    "oslo.middleware.cors",
    "oslo.middleware.healthcheck",
    "oslo.middleware.http_proxy_to_wsgi",
    "oslo.policy",
)
#: Options by group and name, as a file calls them; some are there by an older name too.
Known = dict[str, dict[str, Any]]


def list_known(namespaces: Iterable[str]) -> Known:
    """Return the options of these namespaces, and of the libraries that every service uses."""
    known: Known = {}
    for group, opts in _list_by_group(frozenset((*LIBRARIES, *namespaces))):
        add(known, group, opts)
    return known


# What is installed stays the same while a process runs, and takes half a second to look through.
@functools.cache
def _list_by_group(namespaces: frozenset[str]) -> tuple[tuple[str, Sequence[Any]], ...]:
    """Return the options of namespaces by group; of those only whose packages are installed."""
    found = []
    for point in _list_entry_points(_NAMESPACE):
        if point.name in namespaces:
            # Its package may want an extra that is not installed.
            with contextlib.suppress(ImportError):
                found += [
                    (str(getattr(group, "name", group) or "DEFAULT"), opts)
                    for group, opts in point.load()()
                ]
    return tuple(found)


@functools.cache
def _list_entry_points(group: str) -> importlib.metadata.EntryPoints:
    return importlib.metadata.entry_points(group=group)


def add(known: Known, group: str, opts: Iterable[Any]) -> None:
    """Add options to a group, under older names too."""
    for opt in opts:
        known.setdefault(_fold(group), {})[opt.dest] = opt
        for older in opt.deprecated_opts:
            names = known.setdefault(_fold(older.group or group), {})
            names.setdefault(older.name or opt.dest, opt)


class _FilesOnly(cfg.ConfigOpts):
    """Has no command line but for the names of files.

    oslo.config ends the process if a file has a wrong value for an option of the command line.
    """

    def register_cli_opts(self, opts: Iterable[Any], group: Any = None) -> None:
        listed = list(opts)
        on_command_line = [opt for opt in listed if opt.name.startswith("config-")]
        super().register_cli_opts(on_command_line, group)
        self.register_opts([opt for opt in listed if opt not in on_command_line], group)


def load(paths: Iterable[str], register: Callable[[cfg.ConfigOpts], object]) -> cfg.ConfigOpts:
    """Return the configuration of these files alone; what is required may be missing.

    :raises cfg.Error: one cannot be read.
    """
    conf = _FilesOnly()
    log.register_options(conf)
    register(conf)
    files = [text for path in paths for text in ("--config-file", path)]
    # That comes last, when everything has been read.
    with contextlib.suppress(cfg.RequiredOptError):
        conf(files, default_config_files=[], default_config_dirs=[])
    return conf


def judge(
    entries: Sequence[inifile.Entry], known: Known, strangers: Collection[str] = ()
) -> Iterator[inifile.Mistake]:
    """Yield what is wrong with single lines.

    :param known: is given the options which the files' own ``auth_type`` brings.
    :param strangers: sections that others read.
    """
    ours = [entry for entry in entries if entry.section not in strangers]
    yield from _learn_keystone(ours, known)
    conf = _registered(known, {entry.path: None for entry in ours})
    last = {(entry.section, entry.key): entry for entry in ours}
    for entry in ours:
        options = known.get(_fold(entry.section))
        if options is None:
            if not entry.key:
                yield entry.mistake(_say_unknown_section(entry.section, known))
        elif entry.key and entry.key not in options:
            yield entry.mistake(_say_unknown_option(entry, options, known))
        elif entry.key:
            opt = options[entry.key]
            is_last = last[entry.section, entry.key] is entry
            yield from _judge_value(entry, opt, conf if is_last else None)


def set_right(conf: cfg.ConfigOpts, known: Known, wrong: Iterable[inifile.Entry]) -> None:
    """Have options whose values are wrong hold their defaults."""
    for entry in wrong:
        group = _fold(entry.section)
        opt = known.get(group, {}).get(entry.key)
        if opt is not None:
            # A library may register it only when it is used.
            with contextlib.suppress(cfg.NoSuchOptError, cfg.NoSuchGroupError):
                conf.set_override(opt.dest, opt.default, None if group == "DEFAULT" else group)


def _fold(group: str) -> str:
    # As oslo.config does: of sections, case does not count.
    return group if group == "DEFAULT" else group.lower()


def _learn_keystone(entries: Sequence[inifile.Entry], known: Known) -> Iterator[inifile.Mistake]:
    """Add the options of every kind of authentication that is named."""
    for entry in entries:
        group = _fold(entry.section)
        if entry.key == "auth_section" and "auth_type" in known.get(group, {}):
            add(known, entry.value, loading.get_auth_common_conf_options())
            add(known, entry.value, loading.get_session_conf_options())
    there = _list_entry_points(_KINDS_OF_AUTH).names
    for entry in entries:
        group = _fold(entry.section)
        if entry.key not in ("auth_type", "auth_plugin") or "auth_type" not in known.get(group, {}):
            continue
        if entry.value in there:
            add(known, group, loading.get_auth_plugin_conf_options(entry.value))
        else:
            reason = f"there is no {entry.value!r}{_suggest(entry.value, there)}"
            yield entry.mistake(f"[{entry.section}] {entry.key}: {reason}")


def _registered(known: Known, paths: Iterable[str]) -> cfg.ConfigOpts | None:
    """Return the files as oslo.config reads them; None if it cannot."""

    def register(conf: cfg.ConfigOpts) -> None:
        for group, opts in known.items():
            for opt in opts.values():
                with contextlib.suppress(cfg.DuplicateOptError):
                    conf.register_opt(opt, None if group == "DEFAULT" else group)

    try:
        return load(paths, register)
    except cfg.Error:
        return None


def _judge_value(
    entry: inifile.Entry, opt: Any, conf: cfg.ConfigOpts | None
) -> Iterator[inifile.Mistake]:
    """Yield what is wrong with a value.

    :param conf: knows what a ``$name`` in it stands for; without it such a value passes.
    """
    try:
        if "$" not in entry.value:
            opt.type(entry.value)
        elif conf is not None:
            group = _fold(entry.section)
            (conf if group == "DEFAULT" else conf[group])[opt.dest]
    except (ValueError, TypeError, cfg.Error) as exc:
        # What is told of a secret repeats none of it.
        reason = f"must be a {opt.type}" if opt.secret else str(exc)
        yield entry.mistake(f"[{entry.section}] {entry.key}: {reason}")


def _say_unknown_section(section: str, known: Known) -> str:
    return f"there is no section [{section}]{_suggest(section, known, '[{}]')}"


def _say_unknown_option(entry: inifile.Entry, options: Mapping[str, Any], known: Known) -> str:
    text = f"[{entry.section}] has no option {entry.key!r}"
    dest = entry.key.replace("-", "_")
    homes = sorted(f"[{group}]" for group, others in known.items() if dest in others)
    if dest not in options and homes:
        return f"{text}; it is one of {' and '.join(homes[:3])}"
    return text + _suggest(entry.key, options)


def _suggest(word: str, there: Iterable[str], form: str = "{}") -> str:
    close = difflib.get_close_matches(word, list(there), 1, 0.6)
    return f"; did you mean {form.format(close[0])}?" if close else ""
