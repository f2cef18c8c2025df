# SPDX-License-Identifier: Apache-2.0
"""Unit tests: the folders mirror the sources; no process, network or server."""
