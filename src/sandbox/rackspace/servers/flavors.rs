//! Flavors, which are the same in every region.

use super::super::answer::{Answer, Ask, Fault, Outcome};
use super::super::catalog::{FLAVORS, Flavor, ONMETAL, find_flavor};
use super::super::world::World;
use super::pages::page;
use super::view::links;
use serde_json::{Value, json};

fn brief(asked: &Ask<'_>, flavor: &Flavor) -> Value {
    json!({
        "id": flavor.id,
        "name": flavor.name,
        "links": links(asked, "flavors", flavor.id),
    })
}

fn full(asked: &Ask<'_>, flavor: &Flavor) -> Value {
    let policy = match flavor.class {
        ONMETAL => "onmetal_flavor",
        _ => "general_flavor",
    };
    json!({
        "id": flavor.id,
        "name": flavor.name,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "vcpus": flavor.vcpus,
        "swap": "",
        "rxtx_factor": flavor.rxtx,
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral,
        "OS-FLV-WITH-EXT-SPECS:extra_specs": {
            "class": flavor.class,
            "policy_class": policy,
            "number_of_data_disks": if flavor.ephemeral > 0 { "1" } else { "0" },
        },
        "links": links(asked, "flavors", flavor.id),
    })
}

fn found(asked: &Ask<'_>) -> Result<Vec<&'static Flavor>, Fault> {
    let least = |name: &str| {
        let text = asked.query(name);
        let number = text.map(str::parse::<u64>).transpose();
        number.map_err(|_| Fault::bad(format!("Invalid {name} filter")))
    };
    let (ram, disk) = (least("minRam")?, least("minDisk")?);
    let fits = |flavor: &&Flavor| {
        ram.is_none_or(|ram| flavor.ram >= ram) && disk.is_none_or(|disk| flavor.disk >= disk)
    };
    Ok(FLAVORS.iter().filter(fits).collect())
}

pub(in super::super) fn list(_: &mut World, asked: &Ask<'_>) -> Outcome {
    let found = found(asked)?;
    page(asked, "flavors", &found, |f| f.id, |f| brief(asked, f))
}

pub(in super::super) fn detail(_: &mut World, asked: &Ask<'_>) -> Outcome {
    let found = found(asked)?;
    page(asked, "flavors", &found, |f| f.id, |f| full(asked, f))
}

pub(in super::super) fn show(_: &mut World, asked: &Ask<'_>) -> Outcome {
    let flavor = find_flavor(asked.param(0)).ok_or_else(|| Fault::no_such("Flavor"))?;
    Answer::json(200, &json!({"flavor": full(asked, flavor)}))
}
