# SPDX-License-Identifier: Apache-2.0
"""REST APIs: the WSGI pipeline, resources, policy, errors, and the processes that serve them."""
