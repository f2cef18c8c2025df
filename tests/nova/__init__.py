# SPDX-License-Identifier: Apache-2.0
"""The filter and the weigher inside the scheduler of an installed Nova."""
