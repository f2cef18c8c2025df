# SPDX-License-Identifier: Apache-2.0
"""BMCs by IPMI over LAN: the driver, a session, and three ways to read the power."""
