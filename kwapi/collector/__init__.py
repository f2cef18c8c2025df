# SPDX-License-Identifier: Apache-2.0
"""kwapi-collector: counts the energy of each measurement on the bus exactly once."""
