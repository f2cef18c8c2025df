# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Called by devstack as "plugin.sh <mode> [<phase>]".  Owns what is done when;
# how is the affair of lib/kwapi and lib/climate.

# Save trace setting
_XTRACE_KWAPI_CLIMATE=$(set +o | grep xtrace)
set +o xtrace

# shellcheck source-path=SCRIPTDIR
source "$KWAPI_CLIMATE_DIR/devstack/lib/kwapi"
source "$KWAPI_CLIMATE_DIR/devstack/lib/climate"

if is_service_enabled kwapi climate; then
    case "$1 ${2:-}" in
        "stack install")
            install_kwapi_climate
            ;;
        "stack post-config")
            configure_kwapi
            configure_climate
            create_kwapi_accounts
            create_climate_accounts
            init_kwapi
            init_climate
            ;;
        "stack extra")
            start_kwapi
            start_climate
            ;;
        "stack test-config")
            check_kwapi
            check_climate
            ;;
        "unstack ")
            stop_climate
            stop_kwapi
            ;;
        "clean ")
            cleanup_climate
            cleanup_kwapi
            ;;
    esac
fi

# Restore xtrace
$_XTRACE_KWAPI_CLIMATE
