# SPDX-License-Identifier: Apache-2.0
"""A simulated rack: servers with a load of their own, and the devices that measure them."""
