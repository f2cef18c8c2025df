# SPDX-License-Identifier: Apache-2.0
"""PDUs and meters by Modbus: the driver, register maps in ``profiles``, requests, and a session."""
