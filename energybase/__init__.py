# SPDX-License-Identifier: Apache-2.0
"""The floor that every service stands on: processes, configuration, databases, REST, broker.

Imports nothing of ours, and names no product: whoever uses it says whose
options, tables, rules and files it works on.
"""
