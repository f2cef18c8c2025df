# SPDX-License-Identifier: Apache-2.0
"""Databases with measurements: the driver, known writers in ``presets.yaml``, and a session."""
