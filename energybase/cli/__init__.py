# SPDX-License-Identifier: Apache-2.0
"""Commands of ``PRODUCT-manage``: database schema, configuration check, upgrade check."""
