# SPDX-License-Identifier: Apache-2.0
"""PDUs by SNMP: the driver, devices in ``profiles``, plans, and two libraries behind one client."""
