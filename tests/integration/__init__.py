# SPDX-License-Identifier: Apache-2.0
"""The whole system against a real OpenStack installed beside it; see ``run``."""
