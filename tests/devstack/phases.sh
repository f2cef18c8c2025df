#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inside of the scratch root, as devstack's user: does what stack.sh, unstack.sh
# and clean.sh do, as far as the plugin needs it, with devstack's own functions.
# What was found out is written into the directory $1, for a test to judge.
# shellcheck disable=SC1090,SC1091,SC2024,SC2034  # devstack's files and variables
output=$1

cat >.localrc.auto <<'CONF'
ADMIN_PASSWORD=secret
DATABASE_PASSWORD=secret
RABBIT_PASSWORD=secret
SERVICE_PASSWORD=secret
HOST_IP=127.0.0.1
SERVICE_HOST=127.0.0.1
DEST=/opt/stack
API_WORKERS=2
disable_all_services
enable_service key rabbit mysql n-sch
enable_plugin kwapi-climate /opt/stack/kwapi-climate
CLIMATE_HOSTS_FILE=/opt/stack/hosts.yaml
CONF
cat >/opt/stack/hosts.yaml <<'HOSTS'
- name: devstack-1
  vcpus: 8
  memory_mb: 16384
- name: server-2
  vcpus: 16
  memory_mb: 65536
HOSTS

# As stack.sh begins, without what it would install.
function begin {
    umask 022
    TOP_DIR=$(pwd)
    FILES=$TOP_DIR/files
    source "$TOP_DIR/functions"
    source "$TOP_DIR/stackrc"
    GetDistro
    SSL_BUNDLE_FILE="$DATA_DIR/ca-bundle.pem"
    source "$TOP_DIR/lib/database"
    source "$TOP_DIR/lib/rpc_backend"
    run_phase override_defaults
    local lib
    for lib in apache tls infra keystone glance nova placement; do
        source "$TOP_DIR/lib/$lib"
    done
    run_phase source
    initialize_database_backends
    define_database_baseurl
    setup_devstack_virtualenv
}

function stack {
    begin
    mkdir -p "$DEST/logs"
    restart_rpc_backend
    enable_apache_mod proxy norestart
    enable_apache_mod proxy_uwsgi norestart
    configure_database
    write_clouds_yaml
    configure_keystone
    init_keystone
    start_keystone
    bootstrap_keystone
    export OS_CLOUD=devstack-system-admin
    # Of create_keystone_accounts what the plugin needs: the rest takes minutes.
    get_or_create_project "$SERVICE_PROJECT_NAME" "$SERVICE_DOMAIN_NAME"
    create_service_user nova admin
    sudo install -d -o "$STACK_USER" "$NOVA_CONF_DIR"
    create_nova_conf
    run_phase stack pre-install
    run_phase stack install
    run_phase stack post-config
    run_phase stack extra
    run_phase stack test-config
}

function unstack {
    begin
    run_phase unstack
    stop_keystone
}

function clean {
    begin
    run_phase clean
}

# What can be seen from outside after phase $1.
function look {
    local into=$output/$1
    mkdir "$into"
    systemctl list-units --all --plain --no-legend 'devstack@*' >"$into/units"
    ps -eo pid,user,args >"$into/processes"
    sudo ss -Hltunp >"$into/ports"
    local name
    for name in energy kwapi lease; do
        curl -s -o "$into/$name.body" -w '%{http_code}' "http://127.0.0.1/$name/healthcheck" \
            >"$into/$name.status"
    done
    if [ "${2:-}" = on ]; then
        export OS_CLOUD=devstack-admin
        local openstack=/opt/stack/data/venv/bin/openstack
        $openstack energy probe list -f json >"$into/probes.json"
        $openstack energy driver list -f json >"$into/drivers.json"
        $openstack lease host list -f json >"$into/hosts.json"
        $openstack energy ranking list -f json >"$into/ranking.json"
        $openstack endpoint list -f json >"$into/endpoints.json"
        $openstack lease create --duration 1h --quantity 1 -f json >"$into/lease.json"
        local token
        token=$($openstack token issue -f value -c id)
        curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/energy/v1/probes/ \
            >"$into/no-token.status"
        curl -s -H "X-Auth-Token: $token" http://127.0.0.1/energy/v1/ >"$into/version.json"
        curl -s http://127.0.0.1/energy/ >"$into/versions.json"
        # Whoever has the link gets a cookie, and then the page.
        local key
        key=$(sudo sed -n 's/^link_key *= *//p' /etc/kwapi/kwapi.conf)
        curl -sL -c "$into/cookies" -o "$into/page.html" -w '%{http_code} %{url_effective}' \
            "http://127.0.0.1/kwapi/?key=$key" >"$into/page.status"
        curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1/kwapi/last/minute/" \
            >"$into/no-link.status"
        unset OS_CLOUD
        sudo cp -r /etc/kwapi /etc/climate /etc/nova /etc/systemd/system "$into/"
        sudo chmod -R a+rX "$into"
    fi
    ls -d /etc/kwapi /etc/climate /opt/stack/data/kwapi /opt/stack/data/climate \
        /etc/apache2/sites-{available,enabled}/*{kwapi,climate}* 2>/dev/null >"$into/files"
    sudo journalctl --no-pager -o short-precise -u 'devstack@*' >"$into/journal"
}

# One phase, in a shell that ends at the first failure, as those scripts are.
if [ "${2:-}" ]; then
    set -o errexit -o xtrace
    "$2"
    exit
fi

function run {
    echo "======== $1"
    bash "$0" "$output" "$1"
    echo "$?" >"$output/$1$2.status"
    echo "======== $1 ended: $(<"$output/$1$2.status")"
}

run stack 1
look stacked on
run unstack 1
look unstacked
run stack 2
look stacked-again on
run unstack 2
run clean 1
look cleaned
