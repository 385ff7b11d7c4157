"""What the cloud holds when the tests begin, put there over its own API as its administrator.

    cloud.py identity TYPE=URL...
    cloud.py seed
    cloud.py ready      waits until all services are up
"""

import os
import sys
import time

import openstack

PATIENCE = 300

SERVICES = {
    "compute": "nova",
    "placement": "placement",
    "image": "glance",
    "network": "neutron",
    "dns": "designate",
    "block-storage": "cinder",
}

# Name, MiB, processors, GB. No host holds the last: a server of it ends as ERROR. Its disk is what
# is too large, because quotas count memory and processors, and would refuse it first.
FLAVORS = (
    ("m1.tiny", 512, 1, 1),
    ("m1.small", 2048, 1, 20),
    ("m1.medium", 4096, 2, 40),
    ("m1.nowhere", 512, 1, 100_000_000),
)

# Name, least disk in GB, least memory in MiB.
IMAGES = (
    ("debian-12", 0, 0),
    ("debian-12-desktop", 40, 4096),
    ("twins", 0, 0),
    ("twins", 0, 0),
)


def identity(connection, arguments):
    """The services' users and addresses, and the projects and the user that tests work with."""
    urls = dict(argument.split("=", 1) for argument in arguments)
    keystone = connection.identity
    roles = {role.name: role for role in keystone.roles()}
    if "service" not in roles:
        roles["service"] = keystone.create_role(name="service")
    project = keystone.create_project(name="service", domain_id="default")
    for kind, name in SERVICES.items():
        password = f"{name}-password"
        user = keystone.create_user(name=name, password=password, domain_id="default")
        for role in ("admin", "service"):
            keystone.assign_project_role_to_user(project, user, roles[role])
        service = keystone.create_service(name=name, type=kind)
        for interface in ("public", "internal", "admin"):
            keystone.create_endpoint(
                service_id=service.id,
                interface=interface,
                url=urls[kind],
                region_id=os.environ["OS_REGION_NAME"],
            )
    demo = keystone.create_user(
        name="demo", password=os.environ["DEMO_PASSWORD"], domain_id="default"
    )
    for name in ("demo", "other"):
        project = keystone.create_project(name=name, domain_id="default")
        keystone.assign_project_role_to_user(project, demo, roles["member"])


def seed(connection, _):
    for name, memory, processors, disk in FLAVORS:
        connection.compute.create_flavor(name=name, ram=memory, vcpus=processors, disk=disk)
    for name, disk, memory in IMAGES:
        # The time that they were made at is told in whole seconds, and the newest is to be one.
        time.sleep(1.1)
        connection.create_image(
            name,
            allow_duplicates=True,
            disk_format="raw",
            container_format="bare",
            visibility="public",
            min_disk=disk,
            min_ram=memory,
            # All are of the same bytes, none of which will ever run.
            data=b"\0" * 1024,
            wait=True,
        )
    demo = connection.identity.find_project("demo", ignore_missing=False)
    public = outside(connection.network)
    inside(connection.network, demo, public)
    web(connection.network, demo)


def outside(neutron):
    """The network of public addresses, of both kinds; those are set aside for documentation."""
    public = neutron.create_network(
        name="public",
        is_router_external=True,
        is_shared=True,
        provider_network_type="flat",
        provider_physical_network="outside",
    )
    for name, version, block, gateway in (
        ("public-ipv4", 4, "203.0.113.0/24", "203.0.113.1"),
        ("public-ipv6", 6, "2001:db8:1::/64", "2001:db8:1::1"),
    ):
        neutron.create_subnet(
            name=name,
            network_id=public.id,
            ip_version=version,
            cidr=block,
            gateway_ip=gateway,
            is_dhcp_enabled=False,
        )
    return public


def inside(neutron, demo, public):
    """A network of private addresses with a way out: what floating IPs are for."""
    private = neutron.create_network(name="private", project_id=demo.id)
    subnet = neutron.create_subnet(
        name="private-ipv4",
        project_id=demo.id,
        network_id=private.id,
        ip_version=4,
        cidr="10.20.0.0/24",
        is_dhcp_enabled=False,
    )
    router = neutron.create_router(
        name="way-out", project_id=demo.id, external_gateway_info={"network_id": public.id}
    )
    neutron.add_interface_to_router(router, subnet_id=subnet.id)


def web(neutron, demo):
    group = neutron.create_security_group(name="web", project_id=demo.id)
    for kind in ("IPv4", "IPv6"):
        for port in (22, 80, 443):
            neutron.create_security_group_rule(
                security_group_id=group.id,
                project_id=demo.id,
                direction="ingress",
                ether_type=kind,
                protocol="tcp",
                port_range_min=port,
                port_range_max=port,
            )


def ready(connection, _):
    """Nova's services are up once they have said so lately. One that never came is missing here.
    Neutron's first answers may leave out what is there. Cinder's scheduler knows of no place for a
    volume until it was told of one, and a volume that is asked for by then ends as ERROR."""
    wanted = {"nova-conductor", "nova-scheduler", "nova-compute"}
    end = time.monotonic() + PATIENCE
    while True:
        up = {service.binary for service in connection.compute.services() if service.state == "up"}
        networks = {network.name for network in connection.network.networks()}
        pools = list(connection.block_storage.backend_pools())
        if wanted <= up and {"public", "private"} <= networks and pools:
            return
        if time.monotonic() > end:
            sys.exit(f"not up after {PATIENCE} seconds: {', '.join(sorted(wanted - up))}")
        time.sleep(0.2)


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    {"identity": identity, "seed": seed, "ready": ready}[verb](openstack.connect(), rest)
