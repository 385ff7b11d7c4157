use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::{Diagnostic, nearest};

use super::layer::{Layer, Source};
use super::{File, Sources};

/// The names that the file goes by, in each folder in this order.
const NAMES: [&str; 3] = ["clouds.yaml", "clouds.yml", "clouds.json"];

/// Where clouds.yaml may be, in the order in which the other programs of OpenStack look; the first
/// that exists is read, and no other. `home` is the user's folder. What is relative is so to where
/// cloud.json is.
#[must_use]
pub fn clouds_files(get: impl Fn(&str) -> Option<String>, home: Option<&Path>) -> Vec<PathBuf> {
    let get = |name: &str| get(name).filter(|value| !value.is_empty());
    let named = get("OS_CLIENT_CONFIG_FILE").map(PathBuf::from);
    let of_user = get("XDG_CONFIG_HOME").map(PathBuf::from);
    let of_user = of_user.or_else(|| home.map(|home| home.join(".config")));
    let folders = [
        Some(PathBuf::new()),
        of_user.map(|folder| folder.join("openstack")),
        Some(PathBuf::from("/etc/openstack")),
    ];
    let in_folders = folders.into_iter().flatten();
    let in_folders = in_folders.flat_map(|folder| NAMES.map(|name| folder.join(name)));
    named.into_iter().chain(in_folders).collect()
}

/// Where the secrets to a clouds.yaml are, if it has none itself: beside it, unless a variable
/// names another file.
#[must_use]
pub fn secure_file(get: impl Fn(&str) -> Option<String>, clouds: &Path) -> PathBuf {
    let named = get("OS_CLIENT_SECURE_FILE").filter(|value| !value.is_empty());
    let extension = clouds.extension().and_then(|extension| extension.to_str());
    let beside = || clouds.with_file_name(format!("secure.{}", extension.unwrap_or("yaml")));
    named.map_or_else(beside, PathBuf::from)
}

/// The file, as far as it matters here; it holds much else.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    clouds: BTreeMap<String, Option<Cloud>>,
}

/// Texts and not values, so that a password of digits stays as it was written.
#[derive(Deserialize, Default)]
struct Cloud {
    #[serde(default)]
    auth: Option<BTreeMap<String, Option<Text>>>,
    auth_type: Option<Text>,
    region_name: Option<Text>,
    interface: Option<Text>,
    endpoint_type: Option<Text>,
    cacert: Option<Text>,
    verify: Option<Text>,
    insecure: Option<Text>,
    profile: Option<Text>,
    cloud: Option<Text>,
}

type Text = String;

/// What an entry of clouds.yaml says, with what secure.yaml has for it. `by` is who named it.
pub(super) fn entry(
    cloud: &str,
    by: &str,
    sources: &Sources<'_>,
) -> Result<Layer, Box<Diagnostic>> {
    let Some(file) = sources.clouds else {
        let problem = Diagnostic::error(format!("there is no clouds.yaml for {}", sources.account))
            .detail(format!("{by} names the entry {cloud} of it"))
            .hint(
                "put it into this folder, into .config/openstack in yours, or into \
                 /etc/openstack, or name it in OS_CLIENT_CONFIG_FILE",
            );
        return Err(Box::new(problem));
    };
    let mut document = read(file)?;
    let Some(found) = document.clouds.remove(cloud) else {
        let names = document.clouds.keys().map(String::as_str);
        let all = names.clone().collect::<Vec<_>>().join(", ");
        let mut problem = Diagnostic::error(format!("{} has no entry {cloud}", file.path))
            .detail(format!("{by} names it; there is: {all}"));
        if let Some(near) = nearest(cloud, names) {
            problem = problem.hint(format!("did you mean {near}?"));
        }
        return Err(Box::new(problem));
    };
    let mut secrets = match sources.secure {
        Some(secure) => read(secure)?,
        None => Document {
            clouds: BTreeMap::new(),
        },
    };
    let secret = secrets.clouds.remove(cloud).flatten().unwrap_or_default();
    let found = found.unwrap_or_default();
    let vendor = found.profile.is_some() || found.cloud.is_some();
    let source = Source::Clouds(file.path.clone(), cloud.to_owned());
    let layer = to_layer(secret, source.clone()).over(to_layer(found, source));
    let has_url = layer.auth_url().is_some() || sources.settings.auth_url.is_some();
    if vendor && !has_url {
        let problem = Diagnostic::error(format!("{} says no auth_url for {cloud}", file.path))
            .detail("it leaves that to the profile of a vendor, and cloudbuilder has none of those")
            .hint("write auth.auth_url into that entry");
        return Err(Box::new(problem));
    }
    Ok(layer)
}

fn to_layer(cloud: Cloud, source: Source) -> Layer {
    let mut layer = Layer::new(source);
    // What is outside is written inside sometimes.
    for (word, value) in cloud.auth.unwrap_or_default() {
        // What else may be there is no concern of ours.
        layer.set(&word, value.unwrap_or_default());
    }
    let outside = [
        ("auth_type", cloud.auth_type),
        ("region_name", cloud.region_name),
        ("interface", cloud.endpoint_type),
        ("interface", cloud.interface),
        ("cacert", cloud.cacert),
        ("verify", cloud.verify),
    ];
    for (word, value) in outside {
        layer.set(word, value.unwrap_or_default());
    }
    let insecure = cloud.insecure.unwrap_or_default().to_ascii_lowercase();
    if matches!(insecure.as_str(), "true" | "yes" | "1") {
        layer.set("verify", "false".to_owned());
    }
    layer
}

/// The parser's own words may quote the text, and with it a password: only the place is told.
fn read(file: &File) -> Result<Document, Box<Diagnostic>> {
    serde_saphyr::from_str(file.text.expose()).map_err(|error| {
        let place = error.location().filter(|location| location.line() > 0);
        let place = place.map(|at| format!(", in line {}, column {}", at.line(), at.column()));
        let problem = Diagnostic::error(format!("{} cannot be read", file.path))
            .detail(format!(
                "it is not what clouds.yaml has to be{}",
                place.unwrap_or_default()
            ))
            .hint("`openstack config show` tells what other programs read there");
        Box::new(problem)
    })
}
