# SPDX-License-Identifier: Apache-2.0
"""The whole product in one process, and the simulated rack that it measures by default.

Kwapi and Climate meet here, and by HTTP; neither imports the other.
"""
