# SPDX-License-Identifier: Apache-2.0
"""Climate's console scripts: each module runs one process."""
