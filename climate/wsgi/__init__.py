# SPDX-License-Identifier: Apache-2.0
"""Climate's applications for any WSGI server."""
