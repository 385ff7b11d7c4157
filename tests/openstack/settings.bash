# The configuration of every service. An option is here because without it the service does not start,
# does not answer, or is slow.
# shellcheck shell=bash

database_url() {
    printf 'mysql+pymysql://cloud:%s@%s:%s/%s?charset=utf8' "$database_password" "$loopback" "$port_database" "$1"
}

queue_url() {
    printf 'rabbit://guest:guest@%s:%s/' "$loopback" "$port_queue"
}

# How a service signs in at Keystone, with the password that cloud.py gives it.
login() {
    cat <<END
auth_type = password
auth_url = $(endpoint identity)
region_name = $region
user_domain_id = default
project_domain_id = default
project_name = service
username = $1
password = $1-password
END
}

# How a service checks its clients' tokens.
token_check() {
    cat <<END
[keystone_authtoken]
www_authenticate_uri = $(endpoint identity)
service_token_roles = service
service_token_roles_required = true
$(login "$1")
END
}

# What services need that talk to their other halves. Quorum queues are for clusters.
queue_settings() {
    cat <<END
[oslo_messaging_rabbit]
rabbit_quorum_queue = false
[oslo_concurrency]
lock_path = $folder/state/lock
END
}

write_settings() {
    local etc=$folder/etc
    rm -rf "$etc"
    mkdir -p "$etc"/{keystone,placement,glance,neutron,nova,designate,cinder}
    keystone_settings >"$etc/keystone/keystone.conf"
    placement_settings >"$etc/placement/placement.conf"
    glance_settings >"$etc/glance/glance-api.conf"
    cp "$venv/etc/glance/glance-api-paste.ini" "$etc/glance/"
    neutron_settings >"$etc/neutron/neutron.conf"
    network_settings >"$etc/neutron/ml2.ini"
    cp "$venv/etc/neutron/api-paste.ini" "$etc/neutron/"
    nova_settings >"$etc/nova/nova.conf"
    nova_database_settings >"$etc/nova/database.conf"
    cp "$venv/etc/nova/api-paste.ini" "$etc/nova/"
    designate_settings >"$etc/designate/designate.conf"
    designate_pool >"$etc/designate/pools.yaml"
    cp "$venv/etc/designate/api-paste.ini" "$etc/designate/"
    cinder_settings >"$etc/cinder/cinder.conf"
    cp "$venv/etc/cinder/api-paste.ini" "$etc/cinder/"
    name_server_settings >"$etc/named.conf"
    queue_server_settings >"$etc/rabbitmq.conf"
}

# The few rounds make a sign-in take a millisecond instead of a third of a second. Without its cache
# Keystone reads the same rows again and again, and every other service waits for it with every request;
# the one process that there is cannot disagree with another about what it holds.
keystone_settings() {
    cat <<END
[DEFAULT]
use_stderr = true
[database]
connection = $(database_url keystone)
[fernet_tokens]
key_repository = $folder/state/fernet
[credential]
key_repository = $folder/state/credential
[identity]
password_hash_rounds = 4
[cache]
enabled = true
backend = dogpile.cache.memory
END
}

placement_settings() {
    cat <<END
[DEFAULT]
use_stderr = true
[placement_database]
connection = $(database_url placement)
$(token_check placement)
END
}

glance_settings() {
    cat <<END
[DEFAULT]
use_stderr = true
enabled_backends = files:file
[database]
connection = $(database_url glance)
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = $folder/state/images
[os_glance_staging_store]
filesystem_store_datadir = $folder/state/images-staging
[os_glance_tasks_store]
filesystem_store_datadir = $folder/state/images-tasks
[paste_deploy]
flavor = keystone
config_file = $folder/etc/glance/glance-api-paste.ini
[oslo_concurrency]
lock_path = $folder/state/lock
$(token_check glance)
END
}

# Nova is told when a port changes, as it is in a real cloud: it is how a floating IP comes to be
# among a server's addresses.
neutron_settings() {
    cat <<END
[DEFAULT]
use_stderr = true
host = loopback
transport_url = $(queue_url)
core_plugin = ml2
service_plugins = router
auth_strategy = keystone
state_path = $folder/state/neutron
api_paste_config = $folder/etc/neutron/api-paste.ini
dhcp_agent_notification = false
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = true
[database]
connection = $(database_url neutron)
[nova]
$(login nova)
$(queue_settings)
$(token_check neutron)
END
}

network_settings() {
    cat <<END
[ml2]
type_drivers = local,flat
tenant_network_types = local
mechanism_drivers = binds_at_once
extension_drivers = port_security
[ml2_type_flat]
flat_networks = *
[securitygroup]
enable_security_group = true
END
}

# The hypervisor keeps its servers in memory and runs none. Of the fake ones this is the one that can
# be started a second time. Its host is taken to hold a hundred times what it has.
nova_settings() {
    cat <<END
[DEFAULT]
use_stderr = true
host = loopback
my_ip = $loopback
transport_url = $(queue_url)
state_path = $folder/state/nova
compute_driver = fake.FakeDriverWithoutFakeNodes
allow_resize_to_same_host = true
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
initial_cpu_allocation_ratio = 100.0
initial_ram_allocation_ratio = 100.0
initial_disk_allocation_ratio = 100.0
[api]
auth_strategy = keystone
[wsgi]
api_paste_config = $folder/etc/nova/api-paste.ini
[conductor]
workers = 1
[scheduler]
workers = 1
[placement]
$(login placement)
[neutron]
$(login neutron)
[glance]
region_name = $region
[cinder]
os_region_name = $region
$(login nova)
[service_user]
send_service_user_token = true
$(login nova)
$(queue_settings)
$(token_check nova)
END
}

# Apart, because nova-compute must not see it.
nova_database_settings() {
    cat <<END
[database]
connection = $(database_url nova)
[api_database]
connection = $(database_url nova_api)
END
}

# Its volumes are names in a table: `volumes.py` does nothing with them. Nova may ask for what only
# Nova may, as the service that it says it is.
cinder_settings() {
    cat <<END
[DEFAULT]
use_stderr = true
host = loopback
my_ip = $loopback
transport_url = $(queue_url)
state_path = $folder/state/cinder
auth_strategy = keystone
api_paste_config = $folder/etc/cinder/api-paste.ini
enabled_backends = pretends
[pretends]
volume_driver = volumes.Pretends
[database]
connection = $(database_url cinder)
[coordination]
backend_url = file://$folder/state/cinder
[nova]
$(login nova)
[service_user]
send_service_user_token = true
$(login cinder)
$(queue_settings)
$(token_check cinder)
END
}

# The worker asks the name server for the new serial after poll_delay. With none it asks before the
# transfer, and what was asked for stays PENDING.
designate_settings() {
    cat <<END
[DEFAULT]
use_stderr = true
host = loopback
transport_url = $(queue_url)
state_path = $folder/state/designate
[storage:sqlalchemy]
connection = $(database_url designate)
[service:api]
auth_strategy = keystone
enable_host_header = true
api_paste_config = $folder/etc/designate/api-paste.ini
[service:central]
workers = 1
[service:worker]
workers = 1
poll_delay = 1
poll_timeout = 5
poll_retry_interval = 1
poll_max_retries = 10
[service:producer]
workers = 1
[producer_task:increment_serial]
interval = 1
[producer_task:worker_periodic_recovery]
interval = 30
[service:mdns]
workers = 1
listen = $loopback:$port_name_transfer
$(queue_settings)
$(token_check designate)
END
}

designate_pool() {
    cat <<END
- name: default
  description: a name server on loopback
  attributes: {}
  ns_records:
    - hostname: ns1.cloud.test.
      priority: 1
  nameservers:
    - host: $loopback
      port: $port_name_server
  targets:
    - type: bind9
      description: a name server on loopback
      masters:
        - host: $loopback
          port: $port_name_transfer
      options:
        host: $loopback
        port: $port_name_server
        rndc_host: $loopback
        rndc_port: $port_name_control
        rndc_key_file: $folder/state/names/rndc.key
        rndc_bin_path: $(command -v rndc)
END
}

name_server_settings() {
    cat <<END
include "$folder/state/names/rndc.key";
options {
    directory "$folder/state/names";
    pid-file none;
    session-keyfile "$folder/state/names/session.key";
    listen-on port $port_name_server { $loopback; };
    listen-on-v6 { none; };
    allow-new-zones yes;
    allow-query { $loopback; };
    allow-notify { $loopback; };
    allow-transfer { $loopback; };
    notify no;
    recursion no;
    request-ixfr no;
    minimal-responses yes;
    empty-zones-enable no;
    dnssec-validation no;
};
controls {
    inet $loopback port $port_name_control allow { $loopback; } keys { "rndc-key"; };
};
END
}

queue_server_settings() {
    cat <<END
loopback_users.guest = true
log.console = false
vm_memory_high_watermark.absolute = 512MB
END
}
