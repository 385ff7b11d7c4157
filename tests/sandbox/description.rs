//! Every operation of the sandbox, once, each answer checked against the API's description.

use crate::schema::Description;
use crate::support::{Answer, Api, KEY, endless, limited, quick, start};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Asks and checks, and remembers what has been asked with success.
struct Checked<'a> {
    api: &'a Api,
    description: &'a Description,
    seen: BTreeSet<String>,
}

impl Checked<'_> {
    /// `route` is the path with `{…}`, filled in order from `params`; a query may follow.
    async fn ask(&mut self, method: &str, route: &str, params: &[&Value], body: Value) -> Answer {
        let (pattern, query) = route.split_once('?').unwrap_or((route, ""));
        let mut path = String::new();
        let mut params = params.iter();
        for segment in pattern.split('/').skip(1) {
            path.push('/');
            if segment.starts_with('{') {
                let param = params.next().expect("a parameter for each place");
                path.push_str(
                    &param
                        .as_str()
                        .map_or_else(|| param.to_string(), str::to_owned),
                );
            } else {
                path.push_str(segment);
            }
        }
        let answer = self.api.ask(method, &format!("{path}?{query}"), body).await;
        self.description.check(method, pattern, &answer);
        if answer.status < 400 {
            self.seen.insert(format!("{method} {pattern}"));
        }
        answer
    }

    async fn good(&mut self, method: &str, route: &str, params: &[&Value], body: Value) -> Value {
        self.ask(method, route, params, body).await.good()
    }

    async fn get(&mut self, route: &str, params: &[&Value]) -> Value {
        self.good("GET", route, params, Value::Null).await
    }

    async fn delete(&mut self, route: &str, params: &[&Value]) {
        let answer = self.ask("DELETE", route, params, Value::Null).await;
        assert_eq!(answer.status, 204, "{route}: {}", answer.text);
    }

    async fn refused(
        &mut self,
        status: u16,
        method: &str,
        route: &str,
        params: &[&Value],
        body: Value,
    ) {
        let answer = self.ask(method, route, params, body).await;
        assert_eq!(answer.status, status, "{method} {route}: {}", answer.text);
        assert!(answer.header("x-request-id").is_some());
    }
}

async fn keys(api: &mut Checked<'_>) -> Value {
    const ONE: &str = "/v2/account/keys/{ssh_key_identifier}";
    api.get("/v2/account", &[]).await;
    let key = json!({"name": "k", "public_key": KEY});
    let made = api.good("POST", "/v2/account/keys", &[], key.clone()).await;
    let id = &made["ssh_key"]["id"];
    api.get("/v2/account/keys", &[]).await;
    api.get(ONE, &[id]).await;
    api.get(ONE, &[&made["ssh_key"]["fingerprint"]]).await;
    api.good("PUT", ONE, &[id], json!({"name": "other"})).await;
    api.refused(422, "POST", "/v2/account/keys", &[], key).await;
    api.refused(404, "GET", ONE, &[&json!(1)], Value::Null)
        .await;
    id.clone()
}

async fn droplets(api: &mut Checked<'_>, key: &Value) -> Value {
    const ONE: &str = "/v2/droplets/{droplet_id}";
    let body = json!({
        "name": "web1.example.com", "region": "atl1", "size": "s-1vcpu-1gb",
        "image": "almalinux-9-x64", "ssh_keys": [key], "ipv6": true, "backups": true,
        "backup_policy": {"plan": "weekly", "weekday": "MON", "hour": 4},
        "monitoring": true, "tags": ["web", "env:prod"],
    });
    let made = api.good("POST", "/v2/droplets", &[], body).await;
    let id = made["droplet"]["id"].clone();
    let action = made["links"]["actions"][0]["id"].clone();
    let many = json!({
        "names": ["a", "b"], "size": "1gb", "image": "debian-7-0-x64", "tags": ["old"],
    });
    api.good("POST", "/v2/droplets", &[], many).await;
    api.get("/v2/droplets", &[]).await;
    api.get("/v2/droplets?per_page=1&page=2", &[]).await;
    api.get("/v2/droplets?name=web1.example.com", &[]).await;
    api.get("/v2/droplets?tag_name=old", &[]).await;
    api.get(ONE, &[&id]).await;
    for list in ["backups", "snapshots", "kernels", "firewalls"] {
        api.get(&format!("{ONE}/{list}"), &[&id]).await;
    }
    api.get(&format!("{ONE}/backups/policy"), &[&id]).await;
    api.get("/v2/droplets/backups/policies", &[]).await;
    api.get("/v2/droplets/backups/supported_policies", &[])
        .await;
    api.get("/v2/actions", &[]).await;
    api.get("/v2/actions/{action_id}", &[&action]).await;
    api.get(&format!("{ONE}/actions"), &[&id]).await;
    api.get(&format!("{ONE}/actions/{{action_id}}"), &[&id, &action])
        .await;
    for kind in [
        json!({"type": "disable_backups"}),
        json!({"type": "enable_backups", "backup_policy": {"plan": "daily", "hour": 8}}),
        json!({"type": "change_backup_policy", "backup_policy": {"plan": "daily", "hour": 12}}),
        json!({"type": "reboot"}),
        json!({"type": "power_cycle"}),
        json!({"type": "rename", "name": "web2"}),
        json!({"type": "shutdown"}),
        json!({"type": "resize", "size": "s-1vcpu-2gb", "disk": true}),
        json!({"type": "power_on"}),
        json!({"type": "rebuild", "image": "debian-12-x64"}),
        json!({"type": "power_off"}),
    ] {
        api.good("POST", &format!("{ONE}/actions"), &[&id], kind)
            .await;
        api.get(ONE, &[&id]).await;
    }
    let on = json!({"type": "power_cycle"});
    api.good("POST", "/v2/droplets/actions?tag_name=old", &[], on)
        .await;
    api.refused(422, "POST", "/v2/droplets", &[], json!({"name": "x"}))
        .await;
    api.refused(404, "GET", ONE, &[&json!(1)], Value::Null)
        .await;
    api.refused(
        422,
        "POST",
        &format!("{ONE}/actions"),
        &[&id],
        json!({"type": "fly"}),
    )
    .await;
    id
}

async fn tags(api: &mut Checked<'_>, droplet: &Value) {
    const ONE: &str = "/v2/tags/{tag_id}";
    let name = json!("cloudbuilder:x");
    api.good("POST", "/v2/tags", &[], json!({"name": name}))
        .await;
    let resource = json!({"resource_id": droplet.to_string(), "resource_type": "droplet"});
    let resources = json!({"resources": [resource]});
    let of = &format!("{ONE}/resources");
    api.good("POST", of, &[&name], resources.clone()).await;
    api.get("/v2/tags", &[]).await;
    api.get(ONE, &[&name]).await;
    api.good("DELETE", of, &[&name], resources).await;
    api.delete(ONE, &[&name]).await;
    api.refused(404, "GET", ONE, &[&name], Value::Null).await;
    api.refused(422, "POST", "/v2/tags", &[], json!({"name": "a b"}))
        .await;
}

async fn dns(api: &mut Checked<'_>) {
    const DOMAIN: &str = "/v2/domains/{domain_name}";
    const RECORDS: &str = "/v2/domains/{domain_name}/records";
    const RECORD: &str = "/v2/domains/{domain_name}/records/{domain_record_id}";
    let name = &json!("example.com");
    let domain = json!({"name": name, "ip_address": "198.51.100.7"});
    api.good("POST", "/v2/domains", &[], domain.clone()).await;
    api.get("/v2/domains", &[]).await;
    api.get(DOMAIN, &[name]).await;
    let mut last = Value::Null;
    for record in [
        json!({"type": "AAAA", "name": "www", "data": "2001:db8::1"}),
        json!({"type": "CNAME", "name": "cdn", "data": "www.example.net."}),
        json!({"type": "MX", "name": "@", "data": "mail.example.com.", "priority": 10}),
        json!({"type": "NS", "name": "sub", "data": "ns.example.net."}),
        json!({"type": "SRV", "name": "_sip._tcp", "data": "sip.example.net.", "priority": 1, "weight": 2, "port": 5060}),
        json!({"type": "CAA", "name": "@", "data": "ca.example.net.", "flags": 0, "tag": "issue"}),
        json!({"type": "TXT", "name": "@", "data": "hello"}),
        json!({"type": "A", "name": "www", "data": "198.51.100.8", "ttl": 60}),
    ] {
        let made = api.good("POST", RECORDS, &[name], record).await;
        last = made["domain_record"]["id"].clone();
    }
    api.get(RECORDS, &[name]).await;
    api.get(&format!("{RECORDS}?name=www.example.com&type=A"), &[name])
        .await;
    api.get(RECORD, &[name, &last]).await;
    api.good(
        "PUT",
        RECORD,
        &[name, &last],
        json!({"data": "198.51.100.9"}),
    )
    .await;
    api.good(
        "PATCH",
        RECORD,
        &[name, &last],
        json!({"type": "A", "ttl": 90}),
    )
    .await;
    api.delete(RECORD, &[name, &last]).await;
    api.refused(404, "GET", RECORD, &[name, &last], Value::Null)
        .await;
    api.refused(422, "POST", RECORDS, &[name], json!({"type": "A"}))
        .await;
    api.refused(422, "POST", "/v2/domains", &[], domain).await;
    api.delete(DOMAIN, &[name]).await;
    api.refused(404, "GET", RECORDS, &[name], Value::Null).await;
}

async fn vpcs(api: &mut Checked<'_>) {
    const ONE: &str = "/v2/vpcs/{vpc_id}";
    let vpc = json!({"name": "inside", "region": "nyc1", "ip_range": "10.10.10.0/24"});
    let made = api.good("POST", "/v2/vpcs", &[], vpc).await;
    let id = &made["vpc"]["id"];
    api.get("/v2/vpcs", &[]).await;
    api.get(ONE, &[id]).await;
    api.good("PUT", ONE, &[id], json!({"name": "inner"})).await;
    api.good("PATCH", ONE, &[id], json!({"description": "d"}))
        .await;
    let droplet = json!({
        "name": "in", "region": "nyc1", "size": "s-1vcpu-1gb", "image": "debian-13-x64", "vpc_uuid": id,
    });
    let made = api.good("POST", "/v2/droplets", &[], droplet).await;
    api.get(&format!("{ONE}/members"), &[id]).await;
    api.refused(403, "DELETE", ONE, &[id], Value::Null).await;
    api.delete("/v2/droplets/{droplet_id}", &[&made["droplet"]["id"]])
        .await;
    api.delete(ONE, &[id]).await;
}

async fn firewalls(api: &mut Checked<'_>, droplet: &Value) {
    const ALL: &str = "/v2/firewalls";
    const ONE: &str = "/v2/firewalls/{firewall_id}";
    let mut firewall = json!({
        "name": "web",
        "tags": ["walled"],
        "droplet_ids": [droplet],
        "inbound_rules": [
            {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0", "::/0"]}},
            {"protocol": "udp", "ports": "0", "sources": {"tags": ["walled"], "droplet_ids": [droplet]}},
            {"protocol": "icmp", "ports": "", "sources": {"addresses": ["10.0.0.0/8"]}},
        ],
    });
    api.refused(422, "POST", ALL, &[], firewall.clone()).await;
    api.good("POST", "/v2/tags", &[], json!({"name": "walled"}))
        .await;
    let made = api.good("POST", ALL, &[], firewall.clone()).await;
    let id = &made["firewall"]["id"];
    api.refused(409, "POST", ALL, &[], firewall.clone()).await;
    api.get(ALL, &[]).await;
    api.get(ONE, &[id]).await;
    api.get("/v2/droplets/{droplet_id}/firewalls", &[droplet])
        .await;
    firewall["outbound_rules"] = json!([
        {"protocol": "tcp", "ports": "1-1024", "destinations": {"addresses": ["::/0"]}},
    ]);
    api.good("PUT", ONE, &[id], firewall).await;
    api.delete(ONE, &[id]).await;
    api.refused(404, "GET", ONE, &[id], Value::Null).await;
}

async fn reserved_ips(api: &mut Checked<'_>, droplet: &Value) {
    const ALL: &str = "/v2/reserved_ips";
    const ONE: &str = "/v2/reserved_ips/{reserved_ip}";
    const ACTIONS: &str = "/v2/reserved_ips/{reserved_ip}/actions";
    let made = api
        .good("POST", ALL, &[], json!({"droplet_id": droplet}))
        .await;
    let ip = &made["reserved_ip"]["ip"];
    api.get("/v2/droplets/{droplet_id}", &[droplet]).await;
    api.get(ALL, &[]).await;
    let one = api.get(ONE, &[ip]).await;
    assert_eq!(one["reserved_ip"]["droplet"]["id"], *droplet);
    let off = json!({"type": "unassign"});
    let began = api.good("POST", ACTIONS, &[ip], off.clone()).await;
    api.get(ACTIONS, &[ip]).await;
    let id = &began["action"]["id"];
    api.get(
        "/v2/reserved_ips/{reserved_ip}/actions/{action_id}",
        &[ip, id],
    )
    .await;
    api.refused(422, "POST", ACTIONS, &[ip], off).await;
    api.delete(ONE, &[ip]).await;
    api.refused(404, "GET", ONE, &[ip], Value::Null).await;
    api.good("POST", ALL, &[], json!({"region": "nyc3"})).await;
}

async fn volumes(api: &mut Checked<'_>) {
    const ALL: &str = "/v2/volumes";
    const ONE: &str = "/v2/volumes/{volume_id}";
    let droplet = json!({
        "name": "db", "region": "nyc1", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
    });
    let droplet = api.good("POST", "/v2/droplets", &[], droplet).await;
    let droplet = &droplet["droplet"]["id"];
    let volume = json!({
        "name": "data", "region": "nyc1", "size_gigabytes": 10, "filesystem_type": "ext4",
        "filesystem_label": "data", "description": "all there is", "tags": ["kept"],
    });
    let made = api.good("POST", ALL, &[], volume.clone()).await;
    let id = &made["volume"]["id"];
    api.refused(409, "POST", ALL, &[], volume).await;
    api.get(ALL, &[]).await;
    api.get(&format!("{ALL}?name=data&region=nyc1"), &[]).await;
    let actions = &format!("{ONE}/actions");
    for action in [
        json!({"type": "attach", "droplet_id": droplet, "region": "nyc1"}),
        json!({"type": "resize", "size_gigabytes": 20}),
        json!({"type": "detach", "droplet_id": droplet}),
    ] {
        let begun = api.good("POST", actions, &[id], action).await;
        let one = format!("{actions}/{{action_id}}");
        api.get(&one, &[id, &begun["action"]["id"]]).await;
        api.get(ONE, &[id]).await;
        api.get("/v2/droplets/{droplet_id}", &[droplet]).await;
    }
    api.get(actions, &[id]).await;
    snapshots_of(api, id).await;
    let shrink = json!({"type": "resize", "size_gigabytes": 5});
    api.refused(422, "POST", actions, &[id], shrink).await;
    api.delete(ONE, &[id]).await;
    api.refused(404, "GET", ONE, &[id], Value::Null).await;
    api.delete("/v2/droplets/{droplet_id}", &[droplet]).await;
}

/// Those of a volume outlive it.
async fn snapshots_of(api: &mut Checked<'_>, volume: &Value) {
    const ITS: &str = "/v2/volumes/{volume_id}/snapshots";
    let named = json!({"name": "before"});
    let taken = api.good("POST", ITS, &[volume], named).await;
    assert_eq!(taken["snapshot"]["resource_id"], *volume);
    api.get(ITS, &[volume]).await;
    let all = api.get("/v2/snapshots?resource_type=volume", &[]).await;
    assert_eq!(all["snapshots"][0]["resource_type"], "volume");
    let id = &all["snapshots"][0]["id"];
    api.get("/v2/snapshots/{snapshot_id}", &[id]).await;
    api.get("/v2/snapshots", &[]).await;
    api.delete("/v2/snapshots/{snapshot_id}", &[id]).await;
}

async fn snapshots(api: &mut Checked<'_>, droplet: &Value) {
    const ONE: &str = "/v2/snapshots/{snapshot_id}";
    let kept = json!({"type": "snapshot", "name": "kept"});
    let actions = "/v2/droplets/{droplet_id}/actions";
    api.good("POST", actions, &[droplet], kept).await;
    api.get("/v2/droplets/{droplet_id}", &[droplet]).await;
    api.get("/v2/droplets/{droplet_id}/snapshots", &[droplet])
        .await;
    let all = api.get("/v2/snapshots?resource_type=droplet", &[]).await;
    assert_eq!(all["snapshots"][0]["name"], "kept");
    api.get(ONE, &[&all["snapshots"][0]["id"]]).await;
    api.refused(404, "GET", ONE, &[&json!("1")], Value::Null)
        .await;
}

async fn offers(api: &mut Checked<'_>) {
    for (path, key) in [
        ("regions", "regions"),
        ("sizes", "sizes"),
        ("images", "images"),
    ] {
        let all = api.get(&format!("/v2/{path}?per_page=200"), &[]).await;
        let total = usize::try_from(all["meta"]["total"].as_u64().unwrap()).unwrap();
        assert_eq!(all[key].as_array().unwrap().len(), total);
    }
    let image = "/v2/images/{image_id}";
    api.get(image, &[&json!("debian-13-x64")]).await;
    api.refused(404, "GET", image, &[&json!("plan9")], Value::Null)
        .await;
}

#[tokio::test]
async fn every_operation_answers_as_described() {
    let Some(description) = Description::load() else {
        return;
    };
    limited(async {
        let (sandbox, api) = start(quick()).await;
        let mut checked = Checked {
            api: &api,
            description: &description,
            seen: BTreeSet::new(),
        };
        offers(&mut checked).await;
        let key = keys(&mut checked).await;
        let droplet = droplets(&mut checked, &key).await;
        tags(&mut checked, &droplet).await;
        dns(&mut checked).await;
        vpcs(&mut checked).await;
        firewalls(&mut checked, &droplet).await;
        volumes(&mut checked).await;
        snapshots(&mut checked, &droplet).await;
        reserved_ips(&mut checked, &droplet).await;
        checked.delete("/v2/droplets?tag_name=old", &[]).await;
        checked
            .delete("/v2/droplets/{droplet_id}", &[&droplet])
            .await;
        checked
            .delete("/v2/account/keys/{ssh_key_identifier}", &[&key])
            .await;

        let routes = api.get("/_sandbox/routes").await;
        for route in routes["routes"].as_array().unwrap() {
            let route = route.as_str().unwrap();
            let (method, path) = route.split_once(' ').unwrap();
            assert!(description.has(method, path), "not described: {route}");
            assert!(checked.seen.contains(route), "not tried: {route}");
        }
        sandbox.stop().await;
    })
    .await;
}

/// A new Droplet, a pending event, and what is refused before any rule is asked.
#[tokio::test]
async fn unfinished_and_refused_answers_are_as_described_too() {
    let Some(description) = Description::load() else {
        return;
    };
    limited(async {
        let (sandbox, api) = start(endless()).await;
        let made = api.droplet("web").await;
        let one = format!("/v2/droplets/{made}");
        let route = "/v2/droplets/{droplet_id}";
        let get = api.ask("GET", &one, Value::Null).await;
        description.check("GET", route, &get);
        assert_eq!(get.json()["droplet"]["status"], "new");
        let locked = api.delete(&one).await;
        description.check("DELETE", route, &locked);
        assert_eq!(locked.status, 422);
        let action = api
            .ask("POST", &format!("{one}/actions"), json!({"type": "reboot"}))
            .await;
        description.check("POST", "/v2/droplets/{droplet_id}/actions", &action);
        assert_eq!(action.status, 422);
        let nobody = api.send("GET", &one, &Value::Null, None).await.unwrap();
        description.check("GET", route, &nobody);
        assert_eq!(nobody.status, 401);
        api.fault(json!({"kind": "429", "count": 1})).await;
        let limited = api.ask("GET", &one, Value::Null).await;
        description.check("GET", route, &limited);
        assert_eq!(limited.status, 429);
        api.fault(json!({"kind": "do_then_500", "count": 1})).await;
        let broken = api.ask("GET", &one, Value::Null).await;
        description.check("GET", route, &broken);
        assert_eq!(broken.status, 500);
        sandbox.stop().await;
    })
    .await;
}
