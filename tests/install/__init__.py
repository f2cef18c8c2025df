# SPDX-License-Identifier: Apache-2.0
"""The pages of ``doc/source/install``, followed on a fresh Debian; see ``run``."""
