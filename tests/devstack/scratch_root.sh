#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots systemd in a root that is this machine's, with a layer above it that
# takes all that is written, and no network but loopback; runs phases.sh there.
#
#   scratch_root.sh DEVSTACK VENV OUTPUT
#
# DEVSTACK is a checkout of openstack/devstack, VENV what it is to install into.
# What phases.sh says and finds out comes to the directory OUTPUT.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
devstack="$(cd "$1" && pwd)" venv="$(cd "$2" && pwd)" output="$(cd "$3" && pwd)"

if [ -z "${KWAPI_SCRATCH:-}" ]; then
  # Mounts of its own, which go when it ends, however it ends.
  KWAPI_SCRATCH="$(mktemp -d)"
  export KWAPI_SCRATCH
  trap 'rmdir "$KWAPI_SCRATCH"' EXIT
  unshare --mount --propagation private "${BASH_SOURCE[0]}" "$@"
  exit
fi

scratch="$KWAPI_SCRATCH" root="$KWAPI_SCRATCH/root"
mount -t tmpfs -o size=6g scratch "$scratch"
mkdir "$scratch"/{root,upper,work}
mount -t overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" scratch "$root"

# A machine of its own, whose packages are installed already.
rm -f "$root"/etc/{machine-id,resolv.conf}
rm -rf "$root"/tmp/* "$root"/var/log/journal
rm -rf "$root"/etc/{climate,keystone,kwapi,nova} "$root"/var/lib/{climate,kwapi}
echo devstack-1 >"$root/etc/hostname"
printf '127.0.0.1 localhost devstack-1\n' >"$root/etc/hosts"
printf '[global]\nno-index = true\nno-build-isolation = false\n' >"$root/etc/pip.conf"
rm -rf "$root/root/.config/pip"
echo 'Listen 127.0.0.1:80' >"$root/etc/apache2/ports.conf"
printf 'NODE_IP_ADDRESS=127.0.0.1\n' >"$root/etc/rabbitmq/rabbitmq-env.conf"

# The user that devstack runs as, and what it would have cloned.
chroot "$root" useradd -m -s /bin/bash -d /opt/stack stack
echo 'stack ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/stack"
chmod 755 "$root/opt/stack"
cp -a "$devstack" "$root/opt/stack/devstack"
mkdir -p "$root"/opt/stack/{data,kwapi-climate,requirements}
"$here/copy_source.sh" "$root/opt/stack/kwapi-climate"
touch "$root/opt/stack/requirements/upper-constraints.txt"
cp -a "$venv" "$root/opt/stack/data/venv"
# A venv knows its own place: in these scripts, and nowhere else.
grep -rlIZ "^#!$venv/" "$root/opt/stack/data/venv/bin" |
  xargs -0 sed -i "1s|^#!$venv/|#!/opt/stack/data/venv/|"
# Its Python may be in a home, which lets nobody else pass.
folder="$(dirname "$(readlink -f "$venv/bin/python3")")"
while [ "$folder" != / ]; do
  chmod a+x "$root$folder"
  folder="$(dirname "$folder")"
done
cp "$here/phases.sh" "$root/opt/stack/phases.sh"
chroot "$root" chown -R stack:stack /opt/stack

cat >"$root/etc/systemd/system/phases.service" <<UNIT
[Unit]
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
User=stack
WorkingDirectory=/opt/stack/devstack
Environment=HOME=/opt/stack USER=stack LANG=C.UTF-8 PBR_VERSION=0.0.0
ExecStart=/bin/bash /opt/stack/phases.sh /output
StandardOutput=append:/output/log
StandardError=inherit
TimeoutStartSec=1500
UNIT
printf '[Unit]\nRequires=basic.target dbus.service\nAfter=basic.target\nWants=phases.service\n' \
  >"$root/etc/systemd/system/phases.target"

chmod 777 "$output"
mkdir -p /run/systemd
systemd-nspawn --quiet --register=no --keep-unit --private-network --console=pipe \
  --machine="phases-$$" --directory="$root" --bind="$output:/output" --boot \
  systemd.unit=phases.target >"$output/boot" 2>&1 || true
