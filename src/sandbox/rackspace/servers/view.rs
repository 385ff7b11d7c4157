//! How a server looks.

use super::super::answer::Ask;
use super::super::model::{Millis, Server, Status, Then, rfc3339};
use serde_json::{Map, Value, json};

/// The links of an object: as the version has it, and without one.
pub(super) fn links(asked: &Ask<'_>, collection: &str, id: &str) -> Value {
    let root = asked.root();
    let bookmark = root.replacen("/v2/", "/", 1);
    json!([
        {"rel": "self", "href": format!("{root}/{collection}/{id}")},
        {"rel": "bookmark", "href": format!("{bookmark}/{collection}/{id}")},
    ])
}

fn bookmark(asked: &Ask<'_>, collection: &str, id: &str) -> Value {
    let root = asked.root().replacen("/v2/", "/", 1);
    json!({"id": id, "links": [{"rel": "bookmark", "href": format!("{root}/{collection}/{id}")}]})
}

pub(super) fn brief(asked: &Ask<'_>, server: &Server) -> Value {
    json!({
        "id": server.id,
        "name": server.name,
        "links": links(asked, "servers", &server.id),
    })
}

/// How much of what it is at has been done, in percent.
fn progress(server: &Server, now: Millis) -> i64 {
    let busy = matches!(
        server.status,
        Status::Build | Status::Resize | Status::RevertResize
    );
    match (busy, server.due) {
        (false, _) => 100,
        (true, None) => 50,
        (true, Some(due)) => ((now - due.from) * 100 / (due.at - due.from).max(1)).clamp(0, 99),
    }
}

/// Networks are set up when half of the boot is over; what never boots gets that far as well.
fn has_network(server: &Server, now: Millis) -> bool {
    let doomed = server.due.is_some_and(|due| due.then == Then::Fail);
    server.booted || server.status == Status::Build && !doomed && progress(server, now) >= 50
}

/// The addresses by network; none before the networks are set up.
pub(super) fn addresses(server: &Server, now: Millis) -> Map<String, Value> {
    let mut networks = Map::new();
    if !has_network(server, now) {
        return networks;
    }
    if let Some(private) = server.private {
        let private = json!([{"version": 4, "addr": private.to_string()}]);
        networks.insert("private".into(), private);
    }
    if let Some(public) = server.public {
        let mut public = vec![json!({"version": 4, "addr": public.to_string()})];
        public.extend(server.v6.iter().map(|v6| json!({"version": 6, "addr": v6})));
        networks.insert("public".into(), public.into());
    }
    networks
}

pub(super) fn full(asked: &Ask<'_>, server: &Server, now: Millis) -> Value {
    // The address to reach it by is known last of all.
    let reachable = |set: &Option<String>, own: Option<String>| match (set, server.booted) {
        (Some(set), _) => set.clone(),
        (None, true) => own.unwrap_or_default(),
        (None, false) => String::new(),
    };
    let public = server.public.map(|address| address.to_string());
    let (state, power) = match server.status {
        Status::Build => ("building", 0),
        Status::Error => ("error", 0),
        Status::Deleted => ("deleted", 0),
        Status::VerifyResize => ("resized", 1),
        _ => ("active", 1),
    };
    let mut shown = json!({
        "id": server.id,
        "name": server.name,
        "status": server.status,
        "progress": progress(server, now),
        "tenant_id": server.account,
        "user_id": asked.account.user,
        "hostId": "",
        "created": rfc3339(server.created),
        "updated": rfc3339(server.updated),
        "accessIPv4": reachable(&server.access_v4, public),
        "accessIPv6": reachable(&server.access_v6, server.v6.clone()),
        "addresses": addresses(server, now),
        "image": bookmark(asked, "images", &server.image),
        "flavor": bookmark(asked, "flavors", &server.flavor),
        "metadata": server.metadata,
        "key_name": server.key_name,
        "config_drive": if server.config_drive { "True" } else { "" },
        "OS-DCF:diskConfig": server.disk_config,
        "OS-EXT-STS:task_state": task(server, now),
        "OS-EXT-STS:vm_state": state,
        "OS-EXT-STS:power_state": power,
        "RAX-PUBLIC-IP-ZONE-ID:publicIPZoneId": "",
        "links": links(asked, "servers", &server.id),
    });
    if let (Some(fault), Some(shown)) = (&server.fault, shown.as_object_mut()) {
        let fault = json!({
            "code": fault.code,
            "message": fault.message,
            "created": rfc3339(fault.created),
        });
        shown.insert("fault".into(), fault);
    }
    shown
}

/// What it is doing just now. A boot goes through some steps.
fn task(server: &Server, now: Millis) -> Option<&str> {
    let task = server.task.as_deref()?;
    if task != "scheduling" {
        return Some(task);
    }
    Some(match progress(server, now) {
        0..25 => "scheduling",
        25..50 => "networking",
        _ => "spawning",
    })
}
