# SPDX-License-Identifier: Apache-2.0
"""Climate's console scripts: each module puts the parts of one process together."""
