# SPDX-License-Identifier: Apache-2.0
"""Web pages of power: HTTP, HTML, JavaScript and who may see which probe.

Owns everything between a graph or a series and a browser.
"""
