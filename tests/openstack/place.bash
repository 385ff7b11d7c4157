# Where the tests' OpenStack lives and how it is reached.
# shellcheck shell=bash

region=RegionOne
admin_password=admin-password
demo_password=demo-password
database_password=database-password

# The ports that are taken from the base on, in this order.
port_names=(identity compute placement image network dns volume name_server name_control name_transfer database queue
    queue_names queue_peers)

# So much is kept in the state directory, in bytes, with room to grow.
needed_space=$((1 << 30))

# Databases are all that takes time here, and most of that is fsync: memory is far quicker.
default_folder() {
    local parent=/dev/shm
    if [[ ! -w $parent ]] || (($(free_space "$parent") < needed_space)); then
        parent=${TMPDIR:-/tmp}
    fi
    printf '%s/cloudbuilder-openstack\n' "$parent"
}

free_space() {
    df --output=avail --block-size=1 "$1" | tail -n 1
}

# Sets a variable port_NAME for each listener.
use_ports() {
    local at=$1 name
    for name in "${port_names[@]}"; do
        printf -v "port_$name" %s "$at"
        at=$((at + 1))
    done
}

# Whether all ports from a base on are free, for TCP and for UDP. Prints those that are not.
busy_ports() {
    python3 - "$loopback" "$1" "${#port_names[@]}" <<'P'
import socket
import sys

host, base, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
busy = set()
for port in range(base, base + count):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                # What remains of connections that have ended is no listener.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                busy.add(port)
print(*sorted(busy))
P
}

# Takes a block of ports: the one that was asked for, or the first that is free. The lock on it is
# inherited by all that is started, and so ends with the last of it, however that ends.
claim_ports() {
    local asked=${CLOUDBUILDER_OPENSTACK_PORTS:-} candidates base busy locks
    candidates=(21000 21100 21200 21300 21400 21500 21600 21700 21800 21900)
    if [[ -n $asked ]]; then
        [[ $asked =~ ^[0-9]+$ ]] && ((asked >= 1024 && asked + ${#port_names[@]} <= 65536)) ||
            fail "CLOUDBUILDER_OPENSTACK_PORTS is $asked" "give the first of ${#port_names[@]} free ports, 1024 or more"
        candidates=("$asked")
    fi
    locks=$(cache_folder)/ports
    mkdir -p "$locks"
    for base in "${candidates[@]}"; do
        exec 9>"$locks/$base"
        if ! flock -n 9; then
            busy="those of another cloud like this"
            continue
        fi
        busy=$(busy_ports "$base")
        if [[ -z $busy ]]; then
            printf '%s\n' "$base" >"$folder/ports"
            use_ports "$base"
            return
        fi
    done
    exec 9>&-
    fail "no free ports at ${candidates[*]}; taken at the last: $busy" \
        "say with CLOUDBUILDER_OPENSTACK_PORTS where ${#port_names[@]} in a row are free"
}

endpoint() {
    case $1 in
        identity) printf 'http://%s:%s/v3' "$loopback" "$port_identity" ;;
        compute) printf 'http://%s:%s/v2.1' "$loopback" "$port_compute" ;;
        placement) printf 'http://%s:%s' "$loopback" "$port_placement" ;;
        image) printf 'http://%s:%s' "$loopback" "$port_image" ;;
        network) printf 'http://%s:%s' "$loopback" "$port_network" ;;
        dns) printf 'http://%s:%s' "$loopback" "$port_dns" ;;
        block-storage) printf 'http://%s:%s/v3' "$loopback" "$port_volume" ;;
    esac
}

# What a client needs to know, as lines for `eval`.
client_environment() {
    local line
    while read -r line; do
        printf 'export %q\n' "$line"
    done <<E
OS_AUTH_URL=$(endpoint identity)
OS_IDENTITY_API_VERSION=3
OS_USERNAME=demo
OS_PASSWORD=$demo_password
OS_USER_DOMAIN_NAME=Default
OS_PROJECT_NAME=demo
OS_PROJECT_DOMAIN_NAME=Default
OS_REGION_NAME=$region
CLOUDBUILDER_OPENSTACK_ADMIN_PASSWORD=$admin_password
CLOUDBUILDER_OPENSTACK_NAME_SERVER=$loopback:$port_name_server
CLOUDBUILDER_OPENSTACK_PYTHON=$venv/bin/python
E
}
