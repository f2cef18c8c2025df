# SPDX-License-Identifier: Apache-2.0
"""A fresh Debian for each page."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.install import fresh_root


@pytest.fixture
def root() -> Iterator[fresh_root.FreshRoot]:
    """One that nobody has touched."""
    # Below /tmp itself: some of it is read by users of the Debian in it.
    folder = Path(tempfile.mkdtemp(prefix="kwapi-install-"))
    folder.chmod(0o755)
    made = fresh_root.FreshRoot(folder / "root", Path(os.environ["KWAPI_INSTALL_BASE"]))
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
