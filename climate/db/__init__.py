# SPDX-License-Identifier: Apache-2.0
"""Climate's tables, and their schema's revisions."""
