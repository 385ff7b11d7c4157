"""Drives the sandbox with DigitalOcean's own Python client, unmodified.

Run by hand, against `cloudbuilder sandbox serve --listen 127.0.0.1:8080`:

    pip install pydo
    python tests/clients/pydo_check.py http://127.0.0.1:8080

Leaves the account as it found it. Exits 1, saying what is off, if anything is.
"""

import sys
import time

from azure.core.exceptions import HttpResponseError
from pydo import Client

KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef"
    " someone@example.com"
)
DOMAIN = "pydo-check.example"
TAG = "pydo:check"
PATIENCE = 60


class Off(Exception):
    """Something is not as the API promises."""


def expect(condition, what):
    if not condition:
        raise Off(what)


def refused(status, message, call):
    """The call must fail with this status, and say this."""
    try:
        answer = call()
    except HttpResponseError as error:
        expect(error.status_code == status, f"{error.status_code} instead of {status}: {error}")
        expect(message in str(error), f"{message!r} is not in {error}")
        return
    # Some operations of this client hand back a documented error as their answer.
    expect(isinstance(answer, dict) and "id" in answer, f"not refused: {answer}")
    expect(message in answer.get("message", ""), f"{message!r} is not in {answer}")


def everything(list_page, key):
    """All pages of a list, two items at a time."""
    items, page = [], 1
    while True:
        answer = list_page(per_page=2, page=page)
        items += answer[key]
        total = answer["meta"]["total"]
        if "next" not in answer["links"].get("pages", {}):
            expect(len(items) == total, f"{len(items)} {key} listed, {total} counted")
            return items
        page += 1


def wait(what, ready):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    raise Off(f"{what}: not within {PATIENCE} s")


def key(client):
    made = client.ssh_keys.create(body={"name": "pydo", "public_key": KEY})["ssh_key"]
    same = client.ssh_keys.get(made["fingerprint"])["ssh_key"]
    expect(same == made, "a key by fingerprint is not the key by id")
    refused(
        422,
        "SSH Key is already in use on your account",
        lambda: client.ssh_keys.create(body={"name": "again", "public_key": KEY}),
    )
    return made["id"]


def droplets(client, key_id):
    common = {
        "region": "nyc3",
        "size": "s-1vcpu-1gb",
        "image": "debian-13-x64",
        "ssh_keys": [key_id],
        "ipv6": True,
        "tags": [TAG],
    }
    one = client.droplets.create(body={"name": f"web0.{DOMAIN}", **common})
    expect(one["droplet"]["status"] == "new", "a new Droplet is not new")
    expect(one["droplet"]["networks"] == {"v4": [], "v6": []}, "addresses come too early")
    action = one["links"]["actions"][0]["id"]
    refused(
        422,
        "Droplet already has a pending event.",
        lambda: client.droplets.destroy(one["droplet"]["id"]),
    )
    names = [f"web{number}.{DOMAIN}" for number in range(1, 5)]
    client.droplets.create(body={"names": names, **common})
    wait(
        "create action",
        lambda: client.actions.get(action)["action"]["status"] == "completed",
    )

    def all_active():
        found = everything(lambda **page: client.droplets.list(tag_name=TAG, **page), "droplets")
        return all(droplet["status"] == "active" for droplet in found) and found

    found = wait("five Droplets", all_active)
    expect(len(found) == 5, f"{len(found)} Droplets instead of 5")
    addresses = set()
    for droplet in found:
        v4 = {entry["type"]: entry["ip_address"] for entry in droplet["networks"]["v4"]}
        v6 = droplet["networks"]["v6"]
        expect(set(v4) == {"public", "private"} and len(v6) == 1, f"networks: {droplet['networks']}")
        addresses |= {v4["public"], v4["private"], v6[0]["ip_address"]}
    expect(len(addresses) == 15, "addresses are not unique")
    by_name = client.droplets.list(name=f"WEB0.{DOMAIN}")["droplets"]
    expect([droplet["id"] for droplet in by_name] == [one["droplet"]["id"]], "not found by name")
    return found


def power(client, droplet):
    """Off, larger, on again."""

    def act(body):
        action = client.droplet_actions.post(droplet, body=body)["action"]
        wait(
            body["type"],
            lambda: client.droplet_actions.get(droplet, action["id"])["action"]["status"]
            == "completed",
        )

    refused(
        422,
        "Droplet is currently on.",
        lambda: client.droplet_actions.post(
            droplet, body={"type": "resize", "size": "s-1vcpu-2gb"}
        ),
    )
    act({"type": "power_off"})
    act({"type": "resize", "size": "s-1vcpu-2gb"})
    act({"type": "power_on"})
    after = client.droplets.get(droplet)["droplet"]
    expect((after["size_slug"], after["status"]) == ("s-1vcpu-2gb", "active"), f"resized: {after}")


def dns(client, found):
    client.domains.create(body={"name": DOMAIN})
    for droplet in found:
        public = [v4 for v4 in droplet["networks"]["v4"] if v4["type"] == "public"]
        name = droplet["name"].split(".")[0]
        a = {"type": "A", "name": name, "data": public[0]["ip_address"]}
        aaaa = {"type": "AAAA", "name": name, "data": droplet["networks"]["v6"][0]["ip_address"]}
        client.domains.create_record(DOMAIN, body=a)
        client.domains.create_record(DOMAIN, body=aaaa)
    records = everything(
        lambda **page: client.domains.list_records(DOMAIN, **page), "domain_records"
    )
    expect(len(records) == 4 + 2 * len(found), f"{len(records)} records")
    one = client.domains.list_records(DOMAIN, name=f"web0.{DOMAIN}", type="A")["domain_records"]
    expect(len(one) == 1, f"found by its full name: {one}")
    none = client.domains.list_records(DOMAIN, name="web0")["domain_records"]
    expect(none == [], f"found by its relative name: {none}")
    changed = client.domains.update_record(DOMAIN, one[0]["id"], body={"type": "A", "ttl": 60})
    expect(changed["domain_record"]["ttl"] == 60, f"changed: {changed}")
    client.domains.delete_record(DOMAIN, one[0]["id"])
    refused(
        422,
        "name already exists",
        lambda: client.domains.create(body={"name": DOMAIN}),
    )


def offers(client):
    for list_page, name in [
        (client.regions.list, "regions"),
        (client.sizes.list, "sizes"),
        (client.images.list, "images"),
        (client.vpcs.list, "vpcs"),
    ]:
        expect(everything(list_page, name), f"there are no {name}")
    account = client.account.get()["account"]
    expect(account["status"] == "active", f"account: {account}")


def clean(client, key_id):
    client.domains.delete(DOMAIN)
    client.droplets.destroy_by_tag(tag_name=TAG)
    expect(client.droplets.list(tag_name=TAG)["droplets"] == [], "Droplets are left")
    client.tags.delete(TAG)
    client.ssh_keys.delete(key_id)
    refused(404, "", lambda: client.ssh_keys.get(key_id))


def main(url):
    client = Client("token-invented-for-the-sandbox", endpoint=url)
    # The client refuses to send a token over plain HTTP unless told that this is meant.
    unsafe = {"enforce_https": False}
    pipeline = client._client._pipeline
    send = pipeline.run
    pipeline.run = lambda request, **options: send(request, **{**options, **unsafe})

    offers(client)
    key_id = key(client)
    found = droplets(client, key_id)
    power(client, found[0]["id"])
    dns(client, found)
    clean(client, key_id)
    print(f"pydo is served well by {url}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: pydo_check.py http://127.0.0.1:PORT")
    try:
        main(sys.argv[1])
    except Off as off:
        sys.exit(f"off: {off}")
    except HttpResponseError as error:
        sys.exit(f"off: unexpected answer: {error}")
