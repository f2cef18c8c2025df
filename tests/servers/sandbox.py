# SPDX-License-Identifier: Apache-2.0
"""Runs a program under the system call filter of a unit, as systemd would, without systemd.

``python -m tests.servers.sandbox UNIT PROGRAM [ARGUMENT]...``

Owns what SystemCallFilter=, MemoryDenyWriteExecute= and
RestrictAddressFamilies= come to, by libseccomp, which systemd itself uses.
What the other settings keep from a service is not done here.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_EQUAL, _MASKED_EQUAL = 4, 7
_WRITE, _EXECUTE = 2, 4


class _Compare(ctypes.Structure):
    """libseccomp's scmp_arg_cmp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("how", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


def read(unit: Path) -> dict[str, list[str]]:
    """Return the values of each key."""
    values: dict[str, list[str]] = {}
    for key, value in re.findall(r"(?m)^(\w+)=(.*)$", unit.read_text()):
        values.setdefault(key, []).append(value)
    return values


def list_allowed(filters: list[str]) -> set[str]:
    """Return the system calls that these values of SystemCallFilter= let through."""
    allowed: set[str] = set()
    for text in filters:
        calls = {call for name in text.lstrip("~").split() for call in _expand(name)}
        allowed = allowed - calls if text.startswith("~") else allowed | calls
    return allowed


def install(unit: Path) -> None:
    """Filter this process's system calls from now on, and those of what it becomes."""
    values = read(unit)
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(_ERRNO | errno.EPERM))
    for name in list_allowed(values["SystemCallFilter"]):
        number = library.seccomp_syscall_resolve_name(name.encode())
        for compare in _conditions(name, values):
            array = (_Compare * len(compare))(*compare)
            # Some calls are of other architectures: those fail, and are not made.
            library.seccomp_rule_add_array(context, _ALLOW, number, len(compare), array)
    if failed := library.seccomp_load(context):
        raise OSError(-failed, os.strerror(-failed))


def _conditions(name: str, values: dict[str, list[str]]) -> Iterator[list[_Compare]]:
    """Yield on which conditions a call is let through; any of them will do."""
    if values["MemoryDenyWriteExecute"] == ["yes"] and name in ("mmap", "mmap2"):
        for protection in (0, _WRITE, _EXECUTE):
            yield [_Compare(2, _MASKED_EQUAL, _WRITE | _EXECUTE, protection)]
    elif values["MemoryDenyWriteExecute"] == ["yes"] and name in ("mprotect", "pkey_mprotect"):
        yield [_Compare(2, _MASKED_EQUAL, _EXECUTE, 0)]
    elif name == "socket":
        for family in values["RestrictAddressFamilies"][0].split():
            yield [_Compare(0, _EQUAL, getattr(socket, family), 0)]
    else:
        yield []


def _expand(name: str) -> Iterator[str]:
    if not name.startswith("@"):
        yield name
        return
    command = ["systemd-analyze", "syscall-filter", name]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines()[1:]:
        if line.strip() and not line.strip().startswith("#"):
            yield from _expand(line.strip())


if __name__ == "__main__":
    install(Path(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 the shell would be one more program
