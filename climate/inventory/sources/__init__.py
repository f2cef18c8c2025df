# SPDX-License-Identifier: Apache-2.0
"""Where hosts come from; entry points in the namespace ``climate.inventory.sources``."""
