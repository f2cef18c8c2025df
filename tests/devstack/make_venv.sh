#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes what the plugin installs into: an environment with Keystone, the client,
# and all that Kwapi and Climate need, but not these.  The machine's own Python,
# since Debian's uWSGI is made for that.
#
#   make_venv.sh VENV
#
# DEVSTACK_CONSTRAINTS names a file of constraints, such as upper-constraints.txt
# of openstack/requirements.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="$1"
constraints="${DEVSTACK_CONSTRAINTS:-$here/../integration/constraints.txt}"

# A stamp, so that a half-made environment is never taken for a whole one.
if cmp -s "$constraints" "$venv/constraints.txt"; then
  exit
fi
echo "Installing OpenStack into $venv; this takes a minute." >&2
rm -rf "$venv"
/usr/bin/python3 -m venv --system-site-packages "$venv"
source="$(mktemp -d)"
trap 'rm -rf "$source"' EXIT
"$here/copy_source.sh" "$source"
export PBR_VERSION=0.0.0
pip=("$venv/bin/pip" install -q --disable-pip-version-check -c "$constraints")
"${pip[@]}" "setuptools<81" pbr wheel
"${pip[@]}" keystone PyMySQL python-memcached python-openstackclient "${source}[kwapi,climate,osc]"
"$venv/bin/pip" uninstall -q -y kwapi-climate
cp "$constraints" "$venv/constraints.txt"
