# SPDX-License-Identifier: Apache-2.0
"""Power over time: one RRD file for each probe, written from the bus.

Owns the files, the process that writes them and the ways to read them.

::

    periods     what a file keeps, and for how long
    layout      which file a probe has, and what is in it
    store       readings -> files, through rrdtool or rrdcached
    writer      the bus -> store
    service     the writer and its listener, as kwapi-rrd has them
    index       which probes there are, told by the writer to readers

The files are a view: the energy that is billed is the collector's.
"""
