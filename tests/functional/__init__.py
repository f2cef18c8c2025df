# SPDX-License-Identifier: Apache-2.0
"""Processes, databases, brokers and devices as in production, on this machine."""
