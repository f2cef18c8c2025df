# SPDX-License-Identifier: Apache-2.0
"""Power as pictures: one RRD file per probe, graphs of them, and web pages.

Owns everything between the bus and a browser.

::

    periods     what a file keeps, and for how long
    store       readings -> files, through pipe (rrdtool) or rrdcached
    index       which probes there are, told by the writer to whoever draws
    writer      the bus -> store
    graph, series, cache, app    files -> pictures, numbers, pages

The files are a view: energy that is billed is the collector's.
"""
