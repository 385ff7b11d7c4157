"""Drives the simulated Rackspace Cloud with Apache Libcloud, unmodified.

Run by hand, against `cloudbuilder sandbox serve --cloud rackspace --listen 127.0.0.1:8080`:

    pip install apache-libcloud
    python tests/clients/libcloud_check.py http://127.0.0.1:8080

Leaves the account as it found it. Exits 1, saying what is off, if anything is.
"""

import sys
import time

from libcloud.common.types import InvalidCredsError, LibcloudError
from libcloud.compute.providers import get_driver as compute_driver
from libcloud.compute.types import NodeState
from libcloud.compute.types import Provider as Compute
from libcloud.dns.providers import get_driver as dns_driver
from libcloud.dns.types import Provider as Dns
from libcloud.dns.types import RecordType, ZoneDoesNotExistError

KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef"
    " someone@example.com"
)
DOMAIN = "libcloud-check.example"
USERS = {
    "practice": "practice-api-key-that-opens-nothing-anywhere-else",
    "neighbour": "neighbour-api-key-that-opens-nothing-anywhere-else",
}
PATIENCE = 60


class Off(Exception):
    """Something is not as the API promises."""


def expect(condition, what):
    if not condition:
        raise Off(what)


def refused(kind, message, call):
    """The call must fail in this way, and say this."""
    try:
        answer = call()
    except kind as error:
        expect(message in str(error), f"{message!r} is not in {error!r}")
        return
    raise Off(f"not refused: {answer}")


def wait(what, ready):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    raise Off(f"{what}: not within {PATIENCE} s")


def compute(url, region, user="practice", key=None):
    options = {"ex_force_auth_url": url, "ex_force_auth_version": "2.0"}
    return compute_driver(Compute.RACKSPACE)(user, key or USERS[user], region=region, **options)


def dns(url, user="practice"):
    options = {"ex_force_auth_url": url, "ex_force_auth_version": "2.0"}
    driver = dns_driver(Dns.RACKSPACE)(user, USERS[user], **options)
    # Two and a half seconds between two looks at a job are long, where it takes one.
    driver.connection.poll_interval = 0.2
    return driver


def servers(url):
    refused(InvalidCredsError, "", lambda: compute(url, "dfw", key="wrong").list_nodes())
    cloud = compute(url, "dfw")
    expect(cloud.list_nodes() == [], "a new account has servers")
    sizes = {size.id: size for size in cloud.list_sizes()}
    expect(sizes["general1-1"].ram == 1024, f"general1-1 has {sizes['general1-1'].ram} MB")
    image = next(image for image in cloud.list_images() if image.name.startswith("Debian 12"))
    there = {image.name: image.id for image in compute(url, "iad").list_images()}
    expect(there[image.name] != image.id, "the image has the same id in both regions")

    pair = cloud.import_key_pair_from_string("libcloud", KEY)
    expect(len(pair.fingerprint) == 47, f"no fingerprint: {pair.fingerprint}")
    expect([key.name for key in cloud.list_key_pairs()] == ["libcloud"], "the key is not listed")
    node = cloud.create_node(
        name="libcloud-check",
        size=sizes["general1-1"],
        image=image,
        ex_keyname="libcloud",
        ex_files={"/etc/motd": "hello"},
        ex_metadata={"who": "libcloud"},
    )
    expect(node.extra.get("password"), "the password was not in the answer")
    expect(node.state == NodeState.PENDING, f"a new server is {node.state}")
    [(node, addresses)] = cloud.wait_until_running([node], wait_period=0.2, timeout=PATIENCE)
    expect(len(addresses) == 1 and addresses == node.public_ips[:1], f"public: {node.public_ips}")
    expect(len(node.private_ips) == 1, f"private: {node.private_ips}")
    expect(node.extra["metadata"] == {"who": "libcloud"}, f"metadata: {node.extra['metadata']}")
    cloud.ex_set_metadata(node, {"who": "nobody"})
    cloud.ex_set_server_name(node, "libcloud-renamed")
    found = cloud.ex_get_node_details(node.id)
    expect(found.name == "libcloud-renamed", f"called {found.name}")
    expect(found.extra["metadata"] == {"who": "nobody"}, f"metadata: {found.extra['metadata']}")

    cloud.ex_resize(node, sizes["general1-2"])
    wait("a resize", lambda: cloud.ex_get_node_details(node.id).extra["vm_state"] == "resized")
    cloud.ex_confirm_resize(node)
    found = cloud.ex_get_node_details(node.id)
    expect(found.extra["flavorId"] == "general1-2", f"flavor {found.extra['flavorId']}")
    expect(cloud.destroy_node(node), "not deleted")
    wait("the end of a server", lambda: cloud.list_nodes() == [])
    cloud.delete_key_pair(pair)
    expect(cloud.list_key_pairs() == [], "the key is still there")


def names(url):
    cloud = dns(url)
    zone = cloud.create_zone(DOMAIN, ttl=600, extra={"email": f"hostmaster@{DOMAIN}"})
    own = [record for record in cloud.list_records(zone) if record.type == RecordType.NS]
    expect(len(own) == 2, f"{len(own)} name servers of its own")
    refused(LibcloudError, "already exists", lambda: cloud.create_zone(DOMAIN, extra={"email": "a@b.c"}))

    neighbour = dns(url, "neighbour")
    expect(DOMAIN not in [zone.domain for zone in neighbour.list_zones()], "the zone is shared")
    refused(ZoneDoesNotExistError, "", lambda: neighbour.get_zone(zone.id))
    extra = {"email": f"hostmaster@{DOMAIN}"}
    refused(LibcloudError, "409", lambda: neighbour.create_zone(DOMAIN, extra=extra))

    www = cloud.create_record("www", zone, RecordType.A, "192.0.2.1", {"ttl": 300, "comment": "x"})
    expect(www.id.startswith("A-"), f"the record's id is {www.id}")
    refused(
        LibcloudError,
        "409",
        lambda: cloud.create_record("www", zone, RecordType.A, "192.0.2.1"),
    )
    cloud.create_record("", zone, RecordType.MX, f"mail.{DOMAIN}", {"priority": 10})
    www = cloud.update_record(www, data="192.0.2.2", extra={"ttl": 900})
    shown = cloud.get_record(zone.id, www.id)
    expect((shown.data, shown.ttl) == ("192.0.2.2", 900), f"{shown.data} for {shown.ttl} s")
    expect(cloud.delete_record(www), "the record was not deleted")
    left = sorted(record.type for record in cloud.list_records(zone))
    expect(left == [RecordType.MX, RecordType.NS, RecordType.NS], f"left: {left}")
    expect(cloud.delete_zone(zone), "the zone was not deleted")
    expect(cloud.list_zones() == [], "there are zones left")


def main():
    url = sys.argv[1]
    try:
        servers(url)
        names(url)
    except Off as off:
        print(f"off: {off}", file=sys.stderr)
        sys.exit(1)
    print("all as promised")


main()
