# SPDX-License-Identifier: Apache-2.0
"""Energy and power as Ceilometer's samples, polled or published."""
