# SPDX-License-Identifier: Apache-2.0
"""Climate's REST API: leases, hosts and their ranking, asked of the services behind it by RPC."""
