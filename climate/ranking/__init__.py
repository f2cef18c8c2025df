# SPDX-License-Identifier: Apache-2.0
"""The ranking: hosts in order of what they compute for a watt.

::

    processors    what CPU models can compute: the table
    performance   flop/s of a host, deduced from what Nova tells of its processors
    power_model   watts as a function of load, fitted to what Kwapi measured
    efficiency    both together: hosts in order, best first

These are arithmetic of values.  The other modules fetch the values, keep
them and answer.
"""
