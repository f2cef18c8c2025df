# SPDX-License-Identifier: Apache-2.0
"""Graphs and numbers made from the files of :mod:`kwapi.history`.

Owns what is drawn and computed; serving it is :mod:`kwapi.pages`.

::

    archive, sections, summary     files -> sums, averages, energy
    grouping, tariff, zone         groups of probes, cost, days
    graph, picture, palette, scale files -> images
    series                         files -> JSON
    syntax, shrink                 rrdtool's commands, Pillow
    cache                          images and JSON, by content version
    views                          the door: all that pages ask for
"""
