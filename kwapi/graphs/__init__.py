# SPDX-License-Identifier: Apache-2.0
"""Graphs and numbers made from the files of :mod:`kwapi.history`.

Owns what is drawn and computed; serving it is :mod:`kwapi.pages`.

::

    archive, sections, summary     files -> series of numbers, averages, energy
    grouping, tariff               sums over probes, cost
    graph, picture, palette, scale files -> images
    series                         files -> JSON
    cache                          both, kept until a file has new content
"""
