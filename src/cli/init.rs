use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::config::PublicKey;
use crate::file;

use super::args::Global;
use super::confirm::{ask, can_ask};
use super::deployment::{Deployment, shown};
use super::failure::{Failure, Success, file_error};
use super::signals::Signals;
use super::terminal::Terminal;
use login::Opened;

mod login;
mod networks;

/// How often an answer may be wrong.
const ATTEMPTS: usize = 3;
const STARTER: &str = r#"// One entry a server. `cloudbuilder catalog regions`, `sizes` and `images` list what there is.
{
    "server1": {
        "region": "nyc3",
        "size": "s-1vcpu-1gb",
        "image": "debian-13-x64",
        "backups": false,
        // Names that shall lead to it, such as "www.example.com".
        "names": []
    }
}
"#;

/// Asks for what is needed and writes security.json and a first cloud.json.
pub(super) async fn run(
    global: &Global,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let deployment = signals
        .unless_interrupted(Deployment::open(global, terminal))
        .await?;
    let result = signals
        .unless_interrupted(init(&deployment, terminal))
        .await;
    deployment.close().await;
    result
}

async fn init(deployment: &Deployment, terminal: Terminal) -> Result<Success, Failure> {
    let security_file = deployment.security_file();
    if security_file.exists() {
        return Err(
            Failure::error(format!("{} exists already", shown(&security_file)))
                .detail("it was not touched")
                .hint("edit it, or move it away and run init again")
                .into(),
        );
    }
    if !can_ask() {
        return Err(
            Failure::error("init asks questions, and nobody is at a terminal")
                .hint(
                    "set DIGITALOCEAN_TOKEN and CLOUDBUILDER_PUBLIC_SSH_KEY instead of writing \
                 security.json",
                )
                .into(),
        );
    }
    let provider = login::provider(terminal).await?;
    let opened = login::open(provider, deployment, terminal).await?;
    let key = public_key(terminal).await?;

    let starter = starter(&opened);
    let mut security = opened.security;
    security.insert("public_ssh_key".to_owned(), key.line.into());
    let security = serde_json::Value::Object(security);
    // First, so that git cannot see the token even for a moment.
    ignore(&security_file, terminal)?;
    let text = format!("{security:#}\n");
    write(&security_file, text.as_bytes(), Some(0o600))?;
    terminal.say(&format!("Wrote {} (mode 0600).", shown(&security_file)));
    let cloud_file = deployment.cloud_file();
    if cloud_file.exists() {
        terminal.say(&format!(
            "{} exists already and was not touched.",
            shown(&cloud_file)
        ));
    } else {
        write(&cloud_file, starter.as_bytes(), None)?;
        terminal.say(&format!("Wrote {}: edit it.", shown(&cloud_file)));
    }
    terminal.say("Then: cloudbuilder plan");
    Ok(Success::Done)
}

/// A first cloud.json for the account.
fn starter(opened: &Opened) -> String {
    let Some((name, settings)) = &opened.account else {
        return STARTER.to_owned();
    };
    let (size, image) = opened.sample.clone().unwrap_or_default();
    format!(
        r#"// One entry a server. `cloudbuilder catalog sizes` and `images` list what there is.
{{
    "version": 2,
    "providers": {{
        {name}: {settings}
    }},
    "servers": {{
        "server1": {{
            "size": {size},
            "image": {image},
            // Names that shall lead to it, such as "www.example.com".
            "names": []
        }}
    }}
}}
"#,
        name = json!(name),
        size = json!(size),
        image = json!(image),
    )
}

/// Asks for a public key: the text itself, a file, or the one found.
async fn public_key(terminal: Terminal) -> Result<PublicKey, Failure> {
    let found = keys_at_home();
    let offer = found
        .first()
        .map(|path| format!(" [{}]", shown(path)))
        .unwrap_or_default();
    for other in found.iter().skip(1) {
        terminal.say(&format!("There is also {}.", shown(other)));
    }
    for _ in 0..ATTEMPTS {
        let answer = ask(&format!("Public SSH key, or its file{offer}: "), terminal).await?;
        let text = match (answer.as_str(), found.first()) {
            ("", Some(path)) => read(path)?,
            (path, _) if !path.contains(' ') && Path::new(path).is_file() => read(Path::new(path))?,
            (text, _) => text.to_owned(),
        };
        match PublicKey::parse(text.trim()) {
            Ok(key) => return Ok(key),
            Err(error) => terminal.complain(&format!("It {error}: {}.", error.hint())),
        }
    }
    Err(given_up())
}

/// The public keys in `~/.ssh`, the one most people mean first.
fn keys_at_home() -> Vec<PathBuf> {
    let Some(home) = std::env::var_os("HOME") else {
        return Vec::new();
    };
    let directory = Path::new(&home).join(".ssh");
    let files = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path());
    let mut keys: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "pub"))
        .filter(|path| read(path).is_ok_and(|text| PublicKey::parse(text.trim()).is_ok()))
        .collect();
    keys.sort();
    keys.sort_by_key(|path| !path.ends_with("id_ed25519.pub"));
    keys
}

fn read(path: &Path) -> Result<String, Failure> {
    let bytes = file::read(path).map_err(|error| file_error("read", path, &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write(path: &Path, bytes: &[u8], mode: Option<u32>) -> Result<(), Failure> {
    file::replace(path, bytes, mode).map_err(|error| file_error("written", path, &error).into())
}

/// Keeps git from ever seeing the token.
fn ignore(security_file: &Path, terminal: Terminal) -> Result<(), Failure> {
    const LINE: &str = "security.json";
    let path = security_file.with_file_name(".gitignore");
    // Names of files may be in any encoding, and so may their list.
    let mut bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            return Err(file_error("read", &path, &error)
                .detail(format!("{error}; nothing was written"))
                .hint(format!("mend it, so that {LINE} can be listed in it"))
                .into());
        }
    };
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    if lines.any(|line| line.strip_prefix(b"/").unwrap_or(line) == LINE.as_bytes()) {
        return Ok(());
    }
    if bytes.last().is_some_and(|byte| *byte != b'\n') {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(LINE.as_bytes());
    bytes.push(b'\n');
    write(&path, &bytes, None)?;
    terminal.say(&format!("Listed {LINE} in {}.", shown(&path)));
    Ok(())
}

fn given_up() -> Failure {
    Failure::error("that was asked often enough")
        .hint("run init again; nothing was written")
        .into()
}
