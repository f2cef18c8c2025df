# SPDX-License-Identifier: Apache-2.0
"""Kwapi's console scripts: each module runs one process."""
