# SPDX-License-Identifier: Apache-2.0
"""Meters on serial lines and behind programs: five drivers, their codecs, lines and ports."""
