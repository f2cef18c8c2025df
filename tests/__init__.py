# SPDX-License-Identifier: Apache-2.0
"""All proof: ``unit`` mirrors the sources, ``functional`` runs real processes and servers.

``contracts`` hold what every plug-in must pass, ``fakes`` stand-ins, ``servers`` what
functional tests start; ``integration`` and ``nova`` need a real OpenStack.
"""
