# SPDX-License-Identifier: Apache-2.0
"""A fresh Debian in a directory, with processes and a network of its own.

Owns entering it, and that nothing of it is left.  What is typed there is said
by pages.  ``tests/install/run`` makes the Debian that is copied.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests import code_blocks
from tests.servers import scripts

#: Who follows the pages where they do not ask for root.
PERSON = "somebody"
#: The pages' own names; all of them are this one machine.
_NAMES = ("rabbit", "db", "keystone", "kwapi", "climate")
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HOLD = (
    'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && ip link set lo up '
    '&& touch "$0/ready" && exec sleep infinity'
)


class FreshRoot:
    """It: a copy of a base, and namespaces; all its processes end with ``close``."""

    def __init__(self, path: Path, base: Path) -> None:
        self.path = path
        subprocess.run(["cp", "-a", "--reflink=auto", base, path], check=True)
        self._settle()
        command = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c"]
        self._holder = subprocess.Popen([*command, _HOLD, str(path)])
        scripts.wait_until(self._is_ready, "namespaces")
        self.run(f"useradd --create-home {PERSON}")

    def _settle(self) -> None:
        """Give it what an installer asks for: names, and nobody started by apt-get."""
        names = " ".join(f"{name}.example.org" for name in _NAMES)
        self.write("/etc/hosts", f"127.0.0.1 localhost {os.uname().nodename} {names}\n")
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        shutil.copy("/etc/resolv.conf", self.path / "etc/resolv.conf")
        if Path(_CERTIFICATES).exists():
            shutil.copy(_CERTIFICATES, self.path / "etc/of-the-machine.crt")

    def _is_ready(self) -> bool:
        assert self._holder.poll() is None, "no namespaces: this wants root"
        return (self.path / "ready").exists()

    @property
    def first_process(self) -> str:
        """The process id, seen from here, of its first process."""
        pid = self._holder.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file there."""
        found = self.path / path.lstrip("/")
        found.parent.mkdir(parents=True, exist_ok=True)
        found.write_text(text)
        found.chmod(mode)

    def copy_sources(self, to: str, owner: str) -> None:
        """Put this tree there as a clone: what git has, or would have if all were committed."""
        listed = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
        names = subprocess.run(listed, cwd=code_blocks.TOP, capture_output=True, check=True).stdout
        there = self.path / to.lstrip("/")
        for name in filter(None, names.decode().split("\0")):
            if (code_blocks.TOP / name).is_file():
                (there / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(code_blocks.TOP / name, there / name)
        git = ["git", "-c", "user.name=tests", "-c", "user.email=tests@example.org"]
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "As it is"]):
            subprocess.run([*git, *command], cwd=there, check=True)
        self.run(f"chown -R {owner}: {to}")

    def enter(self, user: str = "root", *, network: bool = False) -> list[str]:
        """Return the words to put before a command.

        :param network: whether it sees the machine's network, to install; else its own loopback.
        """
        spaces = ["--mount", "--pid"] + ["--net"] * (not network)
        home = "/root" if user == "root" else f"/home/{user}"
        variables = [f"HOME={home}", f"PATH={_PATH}", "LANG=C.UTF-8"]
        if "PIP_CERT" in os.environ:
            variables.append("PIP_CERT=/etc/of-the-machine.crt")
        become = [] if user == "root" else ["runuser", "-u", user, "--"]
        return [
            "nsenter",
            "-t",
            self.first_process,
            *spaces,
            "chroot",
            str(self.path),
            "env",
            "-i",
        ] + [
            *variables,
            *become,
        ]

    def run(
        self, typed: str, user: str = "root", folder: str = "/", *, network: bool = False
    ) -> str:
        """Type something there, and return what it prints."""
        command = [*self.enter(user, network=network), "bash", "-c", f"cd {folder} && {typed}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
        assert done.returncode == 0, f"{typed}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def start(self, typed: str, log: Path, user: str = "root", folder: str = "/") -> None:
        """Type something there that does not end.

        :param log: its name without suffix is what :meth:`interrupt` knows it by.
        """
        noted = f"echo $$ >/run/{log.stem}.started && cd {folder} && exec {typed}"
        # Ctrl-C is heeded, even if who runs the tests has it ignored.
        heed = ["env", "--default-signal=INT", "setsid", "bash", "-c"]
        command = [*self.enter(user), *heed, noted]
        with open(log, "ab") as output:
            subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)

    def interrupt(self, log: Path) -> None:
        """Type Ctrl-C where something was started."""
        self.run(f"kill -INT -- -$(cat /run/{log.stem}.started)")

    def close(self) -> None:
        """End all that runs there, and remove it."""
        self._holder.kill()
        self._holder.wait()
        # Its processes, killed with the first of them, may take a moment to let go.
        scripts.wait_until(self._is_removed, f"{self.path} to be removed")

    def _is_removed(self) -> bool:
        shutil.rmtree(self.path, ignore_errors=True)
        return not self.path.exists()
