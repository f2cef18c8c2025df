#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copies this tree, as a clone would have it, into the directory $1.
set -euo pipefail
tree="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
tar -C "$tree" -c --exclude=./{.git,.hypothesis,.tox,.venv,build} --exclude='./.*_cache' \
  --exclude='*.egg-info' --exclude=__pycache__ --warning=no-file-changed . | tar -C "$1" -x
