# SPDX-License-Identifier: Apache-2.0
"""The distribution as it would be published, and environments that have nothing else.

Owns building both forms of it, from what git has or would have if all were
committed now, and fresh virtual environments with one of its extras each.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests import patience

TOP = Path(__file__).resolve().parents[2]
_BUILD_SDIST = "import sys; from pbr import build; print(build.build_sdist(sys.argv[1]))"


def list_sources() -> list[str]:
    """Return the files of the tree, by their names in it."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    found = subprocess.run(command, cwd=TOP, capture_output=True, check=True).stdout
    return [name for name in found.decode().split("\0") if name and (TOP / name).is_file()]


def build_sdist(folder: Path) -> Path:
    """Return the source distribution, made below a folder."""
    tree, made = folder / "tree", folder / "sdist"
    made.mkdir(parents=True)
    for name in list_sources():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TOP / name, tree / name)
    # pbr takes what git knows of the copy, and reno wants a history.
    somebody = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    for words in (["init", "-q"], ["add", "-A"], [*somebody, "commit", "-q", "-m", "As it is"]):
        subprocess.run(["git", *words], cwd=tree, check=True)
    _run([sys.executable, "-c", _BUILD_SDIST, str(made)], tree, PBR_VERSION="0.0.0")
    [path] = made.glob("*.tar.gz")
    return path


def build_wheel(sdist: Path) -> Path:
    """Return the wheel that is made from a source distribution, as an installer would."""
    made = sdist.parent.with_name("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    _run([*pip, "--wheel-dir", str(made), str(sdist)], sdist.parent)
    [path] = made.glob("*.whl")
    return path


class Environment:
    """A virtual environment with the wheel and one of its extras, and all these bring."""

    def __init__(self, folder: Path, wheel: Path, extra: str) -> None:
        self.folder = folder
        venv.create(folder, with_pip=True)
        install = ["-m", "pip", "install", "-q", "--disable-pip-version-check"]
        pinned = ["-c", str(TOP / "constraints.txt")]
        _run([self.program("python"), *install, *pinned, f"{wheel}[{extra}]"], folder)

    def program(self, name: str) -> str:
        """Return the path of one of its programs."""
        return str(self.folder / "bin" / name)

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs to the end, away from the tree."""
        environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(
            [self.program(name), *arguments],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=patience.SECONDS,
            check=False,
        )


def _run(command: list[str], cwd: Path, **environ: str) -> None:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{(done.stdout + done.stderr)[-4000:]}")
