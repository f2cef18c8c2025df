# SPDX-License-Identifier: Apache-2.0
"""The static files of the pages: styles, scripts and pictures of this release.

Owns their address, which has a digest of them all in it: a browser keeps them
for good, and after an upgrade asks for new ones.  The colours of bands are a
file made from :mod:`kwapi.graphs.palette`, so that a chart and its PNG agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources

from energybase.web import conditional
from kwapi.graphs import views

_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
#: What a style sheet calls what a picture has, too.
_THEMED = {
    "card": "background",
    "chart-text": "text",
    "chart-grid": "grid",
    "chart-axis": "axis",
    "band-total": "total",
}


class StaticFiles:
    """The files by name, in memory; what is no style, script or picture is not among them."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.version = _digest(contents)
        self._files = {
            name: conditional.Representation(
                hashlib.blake2b(body, digest_size=12).hexdigest(), body, _TYPES[_suffix(name)]
            )
            for name, body in contents.items()
            if _suffix(name) in _TYPES
        }

    @classmethod
    def load(cls) -> StaticFiles:
        """Return the files of this release."""
        folder = resources.files("kwapi.pages") / "static"
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        return cls({**files, "colours.css": make_colours().encode()})

    def find(self, name: str) -> conditional.Representation | None:
        """Return a file, or None."""
        return self._files.get(name)

    def list_paths(self) -> list[str]:
        """Return the path of each file."""
        return [f"/static/{self.version}/{name}" for name in self._files]


def make_colours() -> str:
    """Return the style sheet that names the colours of charts."""
    bands = (f".band-{number} {{ --band: #{one}; }}\n" for number, one in enumerate(views.BANDS))
    light, dark = views.THEMES["light"], views.THEMES["dark"]
    themes = (
        f"  --{name}: light-dark(#{getattr(light, field)}, #{getattr(dark, field)});\n"
        for name, field in _THEMED.items()
    )
    return f":root {{\n{''.join(themes)}}}\n{''.join(bands)}"


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]


def _digest(contents: Mapping[str, bytes]) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for name in sorted(contents):
        digest.update(f"{name}:{len(contents[name])}:".encode() + contents[name])
    return digest.hexdigest()
