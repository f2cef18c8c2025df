# SPDX-License-Identifier: Apache-2.0
"""What every driver, store, calendar, inventory, ranking and route must pass."""
