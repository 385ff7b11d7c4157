# What runs, in which order, and how it comes to be.
# shellcheck shell=bash

nova_files() {
    printf -- '--config-file\n%s\n' "$folder/etc/nova/nova.conf" "$folder/etc/nova/database.conf"
}

# step LOG COMMAND... : one that ends, and well.
step() {
    local log=$1
    shift
    "${sealed[@]}" "$@" </dev/null >>"$folder/log/$log" 2>&1 || broken "$log" "this failed: $*"
    note "$log: done"
}

# What is not OpenStack: MariaDB, RabbitMQ, and BIND as the name server that Designate fills. SQLite
# will not do: Neutron cannot lay out its tables there, and Nova finds it locked and then leaves servers
# in BUILD for ever. For RabbitMQ there is nothing else between processes.
start_backing() {
    mkdir -p "$folder"/{log,pid,home} "$folder"/home/queue
    launch queue-names epmd -address "$loopback" -port "$port_queue_names"
    await queue-names "$port_queue_names"
    # Debian's own /usr/sbin/rabbitmq-server changes user; the one below it does not.
    launch queue RABBITMQ_NODENAME=cloud@localhost RABBITMQ_NODE_IP_ADDRESS="$loopback" \
        RABBITMQ_NODE_PORT="$port_queue" RABBITMQ_DIST_PORT="$port_queue_peers" \
        ERL_EPMD_ADDRESS="$loopback" ERL_EPMD_PORT="$port_queue_names" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
        RABBITMQ_MNESIA_BASE="$folder/home/queue/mnesia" RABBITMQ_LOG_BASE="$folder/home/queue/log" \
        RABBITMQ_PID_FILE="$folder/home/queue/pid" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$folder/home/queue/plugins" \
        RABBITMQ_CONFIG_FILE="$folder/etc/rabbitmq" RABBITMQ_CONF_ENV_FILE=/dev/null \
        /usr/lib/rabbitmq/bin/rabbitmq-server
    if [[ ! -d $folder/state/mysql ]]; then
        step database mariadb-install-db --no-defaults --datadir="$folder/state/mysql" --skip-test-db \
            --user="$(id -un)" --auth-root-authentication-method=normal
    fi
    # A crash of the machine may take it all: nothing waits for a disk. Its files stay small, as they
    # are packed into the image.
    launch database mariadbd --no-defaults --user="$(id -un)" --datadir="$folder/state/mysql" \
        --socket="$folder/database.sock" --pid-file="$folder/home/database.pid" \
        --bind-address="$loopback" --port="$port_database" --skip-name-resolve --max-connections=400 \
        --character-set-server=utf8mb3 --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 \
        --innodb-log-file-size=32M
    await database "$port_database"
    launch name-server named -g -n 1 -c "$folder/etc/named.conf"
}

sql() {
    "${sealed[@]}" mariadb --no-defaults --socket="$folder/database.sock" --user=root "$@"
}

make_databases() {
    local name
    for name in keystone placement glance neutron nova_api nova_cell0 nova designate cinder; do
        printf 'CREATE DATABASE %s CHARACTER SET utf8mb3;\n' "$name"
    done | sql
    sql -e "CREATE USER cloud@'%' IDENTIFIED BY '$database_password'; GRANT ALL ON *.* TO cloud@'%'"
}

# The tables of all services: most of the time that a cloud from nothing takes. Two at a time.
make_tables() {
    local bin=$venv/bin etc=$folder/etc owner one nova
    owner=(--keystone-user "$(id -un)" --keystone-group "$(id -gn)")
    mapfile -t nova < <(nova_files)
    (
        keystone=("$bin/keystone-manage" --config-file "$etc/keystone/keystone.conf")
        step tables-1 "${keystone[@]}" db_sync
        step tables-1 "${keystone[@]}" fernet_setup "${owner[@]}"
        step tables-1 "${keystone[@]}" credential_setup "${owner[@]}"
        step tables-1 "${keystone[@]}" bootstrap --bootstrap-password "$admin_password" \
            --bootstrap-region-id "$region" --bootstrap-public-url "$(endpoint identity)" \
            --bootstrap-internal-url "$(endpoint identity)" --bootstrap-admin-url "$(endpoint identity)"
        step tables-1 "$bin/placement-manage" --config-file "$etc/placement/placement.conf" db sync
        step tables-1 "$bin/nova-manage" "${nova[@]}" api_db sync
        step tables-1 "$bin/nova-manage" "${nova[@]}" cell_v2 map_cell0 \
            --database_connection "$(database_url nova_cell0)"
        step tables-1 "$bin/nova-manage" "${nova[@]}" db sync
        step tables-1 "$bin/nova-manage" "${nova[@]}" cell_v2 create_cell --name cell1
    ) &
    one=$!
    (
        step tables-2 "$bin/neutron-db-manage" --config-file "$etc/neutron/neutron.conf" \
            --config-file "$etc/neutron/ml2.ini" upgrade head
        step tables-2 "$bin/glance-manage" --config-file "$etc/glance/glance-api.conf" db_sync
        step tables-2 "$bin/designate-manage" --config-file "$etc/designate/designate.conf" database sync
        step tables-2 "$bin/cinder-manage" --config-file "$etc/cinder/cinder.conf" db sync
    ) || {
        wait "$one" || true
        exit 1
    }
    wait "$one" || exit 1
}

start_identity() {
    launch_api keystone "$port_identity" keystone.wsgi.api \
        OS_KEYSTONE_CONFIG_FILES="$folder/etc/keystone/keystone.conf"
    await_api keystone "$port_identity"
}

start_services() {
    local bin=$venv/bin etc=$folder/etc nova designate cinder
    mapfile -t nova < <(nova_files)
    cinder=(--config-file "$etc/cinder/cinder.conf")
    designate=(--config-file "$etc/designate/designate.conf")
    launch_api placement "$port_placement" placement.wsgi.api OS_PLACEMENT_CONFIG_DIR="$etc/placement"
    launch_api glance "$port_image" glance.wsgi.api OS_GLANCE_CONFIG_DIR="$etc/glance"
    await queue "$port_queue"
    launch nova-conductor "$bin/nova-conductor" "${nova[@]}"
    launch nova-scheduler "$bin/nova-scheduler" "${nova[@]}"
    launch cinder-scheduler "$bin/cinder-scheduler" "${cinder[@]}"
    launch cinder-volume "$bin/cinder-volume" "${cinder[@]}"
    launch designate-central "$bin/designate-central" "${designate[@]}"
    launch designate-worker "$bin/designate-worker" "${designate[@]}"
    launch designate-mdns "$bin/designate-mdns" "${designate[@]}"
    launch_api neutron "$port_network" neutron.wsgi.api OS_NEUTRON_CONFIG_DIR="$etc/neutron" \
        OS_NEUTRON_CONFIG_FILES='neutron.conf;ml2.ini'
    launch_api nova-api "$port_compute" nova.wsgi.osapi_compute OS_NOVA_CONFIG_DIR="$etc/nova" \
        OS_NOVA_CONFIG_FILES='api-paste.ini;nova.conf;database.conf'
    launch_api designate-api "$port_dns" designate.wsgi.api OS_DESIGNATE_CONFIG_DIR="$etc/designate"
    launch_api cinder-api "$port_volume" cinder.wsgi.api UWSGI_PYARGV="${cinder[*]}"
    await_api placement "$port_placement"
    await_api glance "$port_image"
    await_api neutron "$port_network"
    await_api nova-api "$port_compute"
    await_api designate-api "$port_dns"
    await_api cinder-api "$port_volume"
    launch nova-compute "$bin/nova-compute" --config-file "$etc/nova/nova.conf"
    step queues "$venv/bin/python" "$here/queues.py" "$loopback" "$port_queue" central worker conductor scheduler \
        cinder-scheduler cinder-volume
    # Last: it calls designate-central at once.
    launch designate-producer "$bin/designate-producer" "${designate[@]}"
}

# cloud.py VERB : the parts that are done over the cloud's own API.
cloud() {
    step "$1" env OS_AUTH_URL="$(endpoint identity)" OS_REGION_NAME="$region" OS_USERNAME=admin \
        OS_PASSWORD="$admin_password" OS_PROJECT_NAME=admin OS_USER_DOMAIN_ID=default \
        OS_PROJECT_DOMAIN_ID=default DEMO_PASSWORD="$demo_password" "$venv/bin/python" "$here/cloud.py" "$@"
}

seed_identity() {
    local service arguments=()
    for service in compute placement image network dns block-storage; do
        arguments+=("$service=$(endpoint "$service")")
    done
    cloud identity "${arguments[@]}"
}

seed_cloud() {
    local nova
    mapfile -t nova < <(nova_files)
    step pool "$venv/bin/designate-manage" --config-file "$folder/etc/designate/designate.conf" \
        pool update --file "$folder/etc/designate/pools.yaml"
    cloud seed
    # A cell takes in a host only after it has made itself known.
    cloud ready
    step cell "$venv/bin/nova-manage" "${nova[@]}" cell_v2 discover_hosts --verbose
}
