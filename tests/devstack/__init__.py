# SPDX-License-Identifier: Apache-2.0
"""The devstack plugin's shell functions, run on stand-ins for devstack's own."""
