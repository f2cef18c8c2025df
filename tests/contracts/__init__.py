# SPDX-License-Identifier: Apache-2.0
"""What every driver, store, calendar, inventory and ranking must pass."""
