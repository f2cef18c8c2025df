# SPDX-License-Identifier: Apache-2.0
"""Databases: transactions, schema upgrades, column types, and writing many rows at once."""
