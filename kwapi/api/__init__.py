# SPDX-License-Identifier: Apache-2.0
"""Kwapi's REST API: probes, wattmeters' drivers and Prometheus metrics, read from the store."""
