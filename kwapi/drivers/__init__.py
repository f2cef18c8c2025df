# SPDX-License-Identifier: Apache-2.0
"""Wattmeter drivers: a package for each family of devices, and who runs them.

A driver is a :class:`kwapi.drivers.driver.Driver`; :mod:`kwapi.drivers.manager`
runs those of ``drivers.conf``, :mod:`kwapi.drivers.check` tries them once.
"""
