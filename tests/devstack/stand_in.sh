# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A devstack that does nothing: each function of devstack_functions.txt tells
# its call on descriptor 3, where a test reads it.  Those that the plugin wants
# an answer of give one.  Whatever is not in that list is not found.

set -o nounset -o errexit -o pipefail

function _stand_in {
    echo "$*" >&3
}

# shellcheck disable=SC2154  # the test's: FUNCTIONS, ROOT, BIN, SERVICES
while read -r name; do
    eval "function $name { _stand_in $name \"\$@\"; }"
done < <(grep -v '^#' "$FUNCTIONS")

# shellcheck disable=SC2034  # the plugin's
{
    DATA_DIR=$ROOT/data
    STACK_USER=$(id -un)
    ENABLED_SERVICES=$SERVICES
    ENABLE_DEBUG_LOG_LEVEL=True
    REGION_NAME=RegionOne
    SERVICE_HOST=127.0.0.1
    SERVICE_PROTOCOL=http
    SERVICE_TIMEOUT=60
    NOVA_CONF=$ROOT/nova.conf
    NOVA_FILTERS=ComputeFilter
    CEILOMETER_CONF_DIR=$ROOT/ceilometer
    KWAPI_CONF_DIR=$ROOT/kwapi
    CLIMATE_CONF_DIR=$ROOT/climate
}

function is_service_enabled {
    local service
    for service in "$@"; do
        if [[ ,$ENABLED_SERVICES, == *,$service,* ]]; then
            return 0
        fi
        if declare -F "is_${service}_enabled" >/dev/null && "is_${service}_enabled"; then
            return 0
        fi
    done
    return 1
}

function enable_service {
    local service
    for service in "$@"; do
        if [[ ,${DISABLED_SERVICES:-}, != *,$service,* ]]; then
            ENABLED_SERVICES+=,$service
        fi
    done
}

function iniset {
    _stand_in iniset "$@"
    printf '[%s]\n%s = %s\n' "$2" "$3" "$4" >>"$1"
}

function iniget {
    _stand_in iniget "$@"
    sed -n "s/^$3 *= *//p" "$1" | tail -n 1
}

function die {
    _stand_in die "$@"
    exit 9
}

function get_python_exec_prefix {
    echo "$BIN"
}

function generate_hex_string {
    printf '5a%.0s' $(seq "$1")
}

function database_connection_url {
    echo "sqlite:///$ROOT/data/$1/$1.sqlite"
}

function apache_site_config_for {
    echo "$ROOT/$1.conf"
}

# Programs of a devstack that this machine need not have.
function sudo {
    "$@"
}

function curl {
    _stand_in curl "$@"
}

function openstack {
    _stand_in openstack "$@"
}

function timeout {
    _stand_in timeout "$@"
}

function uwsgi {
    :
}
