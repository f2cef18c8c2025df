# SPDX-License-Identifier: Apache-2.0
"""Sources of hosts; entry points in the namespace ``climate.inventory.sources``."""
