# The image: a cloud as it is once it has been seeded, packed. From nothing it takes a minute, most of
# it for tables; from an image, seconds.
# shellcheck shell=bash

# It counts for just these packages, these scripts and this MariaDB.
image_file() {
    local hash
    hash=$({
        printf '%s\n' "$venv"
        mariadbd --version
        cat "$here/up" "$here"/*.bash "$here"/*.py "$here"/driver/*.py "$here"/driver/*/*
    } | sha256sum | cut -c 1-12)
    printf '%s/openstack-image-%s.tar.gz\n' "$(cache_folder)" "$hash"
}

pack_image() {
    local image=$1 old
    tar --create --gzip --directory="$folder" --file="$image.$$" state
    mv "$image.$$" "$image"
    # Those of earlier scripts. Small, but nobody would ever take them away.
    for old in "$(cache_folder)"/openstack-image-*; do
        if [[ $old != "$image" ]] && [[ -n $(find "$old" -mtime +7) ]]; then
            rm -f "$old"
        fi
    done
}

unpack_image() {
    tar --extract --gzip --directory="$folder" --file="$1"
}

# Puts into the databases where things are now: an image may have been made at other ports and in
# another folder.
relocate() {
    local kind
    {
        for kind in identity compute placement image network dns block-storage; do
            printf "UPDATE keystone.endpoint JOIN keystone.service ON service.id = endpoint.service_id
                SET endpoint.url = '%s' WHERE service.type = '%s';\n" "$(endpoint "$kind")" "$kind"
        done
        cat <<END
UPDATE nova_api.cell_mappings SET database_connection = '$(database_url nova_cell0)' WHERE name = 'cell0';
UPDATE nova_api.cell_mappings SET database_connection = '$(database_url nova)',
    transport_url = '$(queue_url)' WHERE name = 'cell1';
UPDATE glance.image_locations SET value = CONCAT('file://$folder/state/images/', image_id);
UPDATE designate.pool_nameservers SET port = $port_name_server;
UPDATE designate.pool_target_masters SET port = $port_name_transfer;
UPDATE designate.pool_target_options SET value = '$port_name_server' WHERE \`key\` = 'port';
UPDATE designate.pool_target_options SET value = '$port_name_control' WHERE \`key\` = 'rndc_port';
UPDATE designate.pool_target_options SET value = '$folder/state/names/rndc.key' WHERE \`key\` = 'rndc_key_file';
END
    } | sql
}
