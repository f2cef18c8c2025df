# SPDX-License-Identifier: Apache-2.0
"""The resources of Kwapi's REST API."""
