# SPDX-License-Identifier: Apache-2.0
"""climate-planning: books hosts for leases, never one twice; starts and ends the leases."""
