//! Making a server (`post-create-server-servers.rst`).

use super::super::answer::{Answer, Ask, Fault, Outcome};
use super::super::catalog::{Flavor, Image, ONMETAL, find_flavor, find_image};
use super::super::model::{Due, Entry, Millis, Server, Status, Then};
use super::super::world::World;
use super::files::{personality, user_data};
use super::networks::{self, joined};
use super::view::links;
use super::{MOST_RAM, metadata, rooted};
use crate::sandbox::answer::Boot;
use serde_json::{Value, json};

pub(in super::super) fn create(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let body = rooted(asked, "server")?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let region = asked.region();
    let name = named(&body)?;
    let image = text("imageRef").unwrap_or_default();
    let image_found =
        find_image(&region, image).ok_or_else(|| Fault::bad("Can not find requested image"))?;
    let flavor = text("flavorRef").and_then(find_flavor);
    let flavor = flavor.ok_or_else(|| Fault::bad("Invalid flavorRef provided."))?;
    fits(flavor, image_found)?;
    let key_name = text("key_name").map(str::to_owned);
    if let Some(key) = &key_name {
        let place = (asked.account.tenant.to_owned(), region.clone(), key.clone());
        if !world.keypairs.contains_key(&place) {
            return Err(Fault::bad("Invalid key_name provided."));
        }
    }
    let config_drive = match body.get("config_drive") {
        Some(Value::Bool(wanted)) => *wanted,
        Some(Value::String(wanted)) => wanted.eq_ignore_ascii_case("true"),
        _ => false,
    };
    let disk_config = text("OS-DCF:diskConfig").unwrap_or("AUTO").to_uppercase();
    if !matches!(disk_config.as_str(), "AUTO" | "MANUAL") {
        return Err(Fault::bad(
            "OS-DCF:diskConfig must be either 'MANUAL' or 'AUTO'.",
        ));
    }
    let metadata = metadata::read(body.get("metadata"))?;
    metadata::within_limits(&metadata)?;
    let files = personality(&body)?;
    let user_data = user_data(&body, config_drive)?;
    let joined = joined(&body)?;
    within_quota(world, asked, flavor.ram, 1)?;

    let number = world.next_number();
    let (public, private, v6) = (
        networks::public(&region, number),
        networks::private(&region, number),
        networks::v6(&region, number),
    );
    let server = Server {
        id: world.invented_uuid(&format!("server/{number}")),
        number,
        account: asked.account.tenant.to_owned(),
        name,
        flavor: flavor.id.to_owned(),
        flavor_before: None,
        flavor_wanted: None,
        image: image.to_owned(),
        status: Status::Build,
        task: Some("scheduling".into()),
        due: boots(world, asked, flavor),
        created: world.now,
        updated: world.now,
        metadata,
        key_name,
        config_drive,
        disk_config,
        public: joined.public.then_some(public),
        v6: joined.public.then_some(v6),
        private: joined.service.then_some(private),
        access_v4: None,
        access_v6: None,
        booted: false,
        fault: None,
        files,
        user_data,
        region,
    };
    let password = text("adminPass").map_or_else(|| password(world, number), str::to_owned);
    let self_link = format!("{}/servers/{}", asked.root(), server.id);
    let shown = json!({"server": {
        "id": server.id,
        "links": links(asked, "servers", &server.id),
        "OS-DCF:diskConfig": server.disk_config,
        // Shown this once, and kept nowhere.
        "adminPass": password,
    }});
    world.note_made(server.id.clone());
    world.write(Entry::Server(Box::new(server)));
    Answer::json(202, &shown).map(|answer| answer.with_header("location", self_link))
}

/// The name a body gives.
pub(super) fn named(server: &Value) -> Result<String, Fault> {
    let name = match server.get("name") {
        Some(Value::String(name)) => name.trim(),
        Some(_) => return Err(Fault::bad("Server name is not a string or unicode")),
        None => return Err(Fault::bad("Server name is not defined")),
    };
    match name.len() {
        0 => Err(Fault::bad("Server name is an empty string")),
        1..=255 => Ok(name.to_owned()),
        _ => Err(Fault::bad("Name must be less than 255 characters.")),
    }
}

/// Whether the image can be put on the flavor. One without a disk of its own boots from a volume
/// only.
fn fits(flavor: &Flavor, image: &Image) -> Result<(), Fault> {
    if flavor.disk == 0 {
        return Err(Fault::keyed(
            403,
            "forbidden",
            "Policy doesn't allow compute_flavor:create:image_backed to be performed.",
        ));
    }
    if flavor.ram < image.min_ram {
        return Err(Fault::bad(
            "Flavor's memory is too small for requested image.",
        ));
    }
    if flavor.disk < image.min_disk {
        return Err(Fault::bad(
            "Flavor's disk is too small for requested image.",
        ));
    }
    Ok(())
}

/// Whether the account has room for so much more in this region.
pub(super) fn within_quota(
    world: &World,
    asked: &Ask<'_>,
    ram: u64,
    servers: usize,
) -> Result<(), Fault> {
    let used = used(world, asked);
    let most = world.settings.servers;
    if used.servers + servers > most {
        return Err(Fault::over_quota(format!(
            "Quota exceeded for instances: Requested {servers}, but already used {} of {most} instances",
            used.servers
        )));
    }
    if used.ram + ram > MOST_RAM {
        return Err(Fault::over_quota(format!(
            "Quota exceeded for ram: Requested {ram}, but already used {} of {MOST_RAM} ram",
            used.ram
        )));
    }
    Ok(())
}

/// What an account uses in a region.
pub(super) struct Used {
    pub(super) servers: usize,
    pub(super) ram: u64,
    pub(super) cores: u64,
}

pub(super) fn used(world: &World, asked: &Ask<'_>) -> Used {
    let servers = world.servers_of(asked.account.tenant, &asked.region());
    let flavors = servers
        .iter()
        .filter(|server| server.lives())
        .filter_map(|server| {
            let flavor = server.flavor_wanted.as_ref().unwrap_or(&server.flavor);
            find_flavor(flavor)
        });
    let mut used = Used {
        servers: 0,
        ram: 0,
        cores: 0,
    };
    for flavor in flavors {
        used.servers += 1;
        used.ram += flavor.ram;
        used.cores += flavor.vcpus;
    }
    used
}

/// When the server is up. There are no machines for OnMetal here: that ends in ERROR, as it does
/// where a region has no capacity left.
fn boots(world: &World, asked: &Ask<'_>, flavor: &Flavor) -> Option<Due> {
    let takes = match asked.call.boot {
        Boot::Usual | Boot::Ignored | Boot::Fails => world.settings.boot,
        Boot::Millis(ms) => Millis::try_from(ms).unwrap_or(Millis::MAX / 4),
        Boot::Never => return None,
    };
    Some(Due {
        from: world.now,
        at: world.now + takes,
        then: if flavor.class == ONMETAL {
            Then::Fail
        } else {
            Then::Boot
        },
    })
}

/// Twelve letters and digits.
fn password(world: &World, number: u64) -> String {
    let mut random = fastrand::Rng::with_seed(world.settings.seed ^ number.rotate_left(17));
    (0..12).map(|_| random.alphanumeric()).collect()
}
