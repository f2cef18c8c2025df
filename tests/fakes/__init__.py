# SPDX-License-Identifier: Apache-2.0
"""Stand-ins in the test's process for what cannot be had, or must misbehave."""
