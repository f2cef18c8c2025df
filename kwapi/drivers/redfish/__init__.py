# SPDX-License-Identifier: Apache-2.0
"""BMCs by Redfish: the driver, where power is found, and a session."""
