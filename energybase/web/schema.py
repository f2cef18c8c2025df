# SPDX-License-Identifier: Apache-2.0
"""Base classes of the documents of an API.

Owns the border to WSME, which comes without types: only here is a class of its made
the base of one of ours.
"""

from __future__ import annotations

import wsme.types


class Object(wsme.types.Base):  # type: ignore[misc]  # WSME comes without types
    """A JSON object; a subclass declares its members and their types."""


class AnyJson(wsme.types.UserType):  # type: ignore[misc]  # WSME comes without types
    """The type of a member that may be any JSON, and is sent as it is."""

    basetype = object
    name = "json"
