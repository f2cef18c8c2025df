# SPDX-License-Identifier: Apache-2.0
"""Kwapi's applications for any WSGI server."""
