# SPDX-License-Identifier: Apache-2.0
"""The client: the ``openstack`` command's plugin, and a Python client for people's programs."""
