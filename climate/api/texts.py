# SPDX-License-Identifier: Apache-2.0
"""Validates text of a client's choosing, and quotes it for logs."""

from __future__ import annotations

from climate import lease as leases

_TOLD_CHARACTERS = 40


def require_line(text: str) -> str:
    """Return the text, if it is a line of bearable length.

    :raises ValueError: it is not; why.
    """
    if not 1 <= len(text) <= leases.MAX_NAME_LENGTH:
        raise ValueError(f"must be text of 1 to {leases.MAX_NAME_LENGTH} characters")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must be one line, without control characters")
    return text


def quote(text: str) -> str:
    """Return the beginning of any text, fit for a line of a log."""
    return ascii(text[:_TOLD_CHARACTERS])[1:-1]
