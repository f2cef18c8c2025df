# SPDX-License-Identifier: Apache-2.0
"""Prometheus exporters: the driver, series, known exporters in ``presets.yaml``, and HTTP."""
