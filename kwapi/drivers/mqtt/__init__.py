# SPDX-License-Identifier: Apache-2.0
"""Smart plugs by MQTT: the driver, topics, known plugs in ``presets.yaml``, and a session."""
