# SPDX-License-Identifier: Apache-2.0
"""Real servers and services of ours that functional tests start, stop and kill."""
