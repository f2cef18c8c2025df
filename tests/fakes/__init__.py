# SPDX-License-Identifier: Apache-2.0
"""Stand-ins in the test's process for services that are not available or must misbehave."""
