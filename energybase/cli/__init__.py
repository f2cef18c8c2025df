# SPDX-License-Identifier: Apache-2.0
"""Finds what is wrong before a service is started: with configuration files, with an upgrade."""
