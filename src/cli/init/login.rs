//! What opens an account, asked for by provider and checked at once.

use serde_json::{Map, Value as Json, json};

use crate::config::{Account, Settings, Spanned};
use crate::model::{Catalog, Image, Place, Secret, Size};
use crate::provider::{
    Class, Connection, Login, OnPause, digitalocean, open_read, openstack, rackspace,
};

use super::super::accounts::{openstack_login, rackspace_login};
use super::super::confirm::{ask, ask_secretly};
use super::super::deployment::{Deployment, environment};
use super::super::failure::Failure;
use super::super::terminal::Terminal;
use super::{ATTEMPTS, given_up, networks};

/// What was asked for, as the two files will have it.
pub(super) struct Opened {
    /// The members of security.json that open the account.
    pub(super) security: Map<String, Json>,
    /// The account's name and settings in cloud.json; `None` where nothing needs to be said.
    pub(super) account: Option<(&'static str, Json)>,
    /// A size and an image that it has, to begin with.
    pub(super) sample: Option<(String, String)>,
}

/// The providers, as the question names them.
pub(super) const PROVIDERS: [&str; 4] = [
    digitalocean::TYPE,
    openstack::profile::OPENSTACK.provider,
    rackspace::TYPE,
    openstack::profile::FLEX.provider,
];

/// Asks which provider is meant.
pub(super) async fn provider(terminal: Terminal) -> Result<&'static str, Failure> {
    for _ in 0..ATTEMPTS {
        let answer = ask("Provider [digitalocean]: ", terminal).await?;
        if answer.is_empty() {
            return Ok(digitalocean::TYPE);
        }
        let known = PROVIDERS
            .iter()
            .find(|known| answer.eq_ignore_ascii_case(known));
        if let Some(known) = known {
            return Ok(known);
        }
        terminal.complain(&format!("There is {}.", PROVIDERS.join(", ")));
    }
    Err(given_up())
}

/// Asks for what opens an account there, until it does.
pub(super) async fn open(
    provider: &'static str,
    deployment: &Deployment,
    terminal: Terminal,
) -> Result<Opened, Failure> {
    terminal.say(where_from(provider));
    for _ in 0..ATTEMPTS {
        let questions = Questions {
            deployment,
            terminal,
        };
        let asked = match provider {
            digitalocean::TYPE => questions.digitalocean().await?,
            rackspace::TYPE => questions.rackspace().await?,
            flex if flex == openstack::profile::FLEX.provider => questions.flex().await?,
            _ => questions.openstack().await?,
        };
        let Some((mut opened, login)) = asked else {
            terminal.complain("That was empty.");
            continue;
        };
        let on_pause = OnPause::new(move |wait, why| terminal.pause(wait, why));
        let connection = Connection {
            login,
            manner: deployment.manner(on_pause),
        };
        let read = open_read(connection)?;
        match read.account().await {
            Ok(account) => {
                // If there is none to be had, the user looks one up.
                opened.sample = read
                    .catalog()
                    .await
                    .ok()
                    .and_then(|catalog| sample(&catalog));
                terminal.say(&format!("It opens the account of {}.", account.name));
                let chosen = networks::choose(&*read, terminal).await?;
                if let Some((_, Json::Object(settings))) = &mut opened.account {
                    settings.extend(chosen);
                }
                return Ok(opened);
            }
            Err(error) if error.class == Class::Unauthorized => {
                terminal.complain(&format!("It is not accepted: {}", error.message));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(given_up())
}

fn where_from(provider: &str) -> &'static str {
    match provider {
        digitalocean::TYPE => {
            "A token is made at https://cloud.digitalocean.com/account/api/tokens; it needs read \
             and write."
        }
        rackspace::TYPE => {
            "The API key is in the control panel, https://login.rackspace.com, under My Profile & \
             Settings."
        }
        flex if flex == openstack::profile::FLEX.provider => {
            "The API key is in the control panel, https://login.rackspace.com, under My Profile & \
             Settings; the project is called like 123456_Flex."
        }
        _ => {
            "An application credential is made in the dashboard under Identity, or with \
             `openstack application credential create`."
        }
    }
}

struct Questions<'a> {
    deployment: &'a Deployment,
    terminal: Terminal,
}

type Asked = Option<(Opened, Login)>;

impl Questions<'_> {
    async fn ask(&self, prompt: &str) -> Result<String, Failure> {
        ask(prompt, self.terminal).await
    }

    async fn secret(&self, prompt: &str) -> Result<String, Failure> {
        ask_secretly(prompt, self.terminal).await
    }

    async fn digitalocean(&self) -> Result<Asked, Failure> {
        let token = self.secret("Token (not shown): ").await?;
        if token.is_empty() {
            return Ok(None);
        }
        let login = self.deployment.token_login(Secret::new(token.clone()));
        let security = Map::from_iter([("digital_ocean_api_key".to_owned(), token.into())]);
        let opened = Opened {
            security,
            account: None,
            sample: None,
        };
        Ok(Some((opened, login)))
    }

    async fn rackspace(&self) -> Result<Asked, Failure> {
        let username = self.ask("User name: ").await?;
        let api_key = self.secret("API key (not shown): ").await?;
        if username.is_empty() || api_key.is_empty() {
            return Ok(None);
        }
        let region = self.ask("Region [your account's own]: ").await?;
        // Nobody is asked for the address: it is the same for all, unless this is practice.
        let auth_url = environment("RAX_AUTH_URL").unwrap_or_default();
        let settings = Settings {
            region: spanned(&region),
            auth_url: spanned(&auth_url),
            ..Settings::default()
        };
        let entry = json!({"username": username, "api_key": api_key});
        let account = account("rax", rackspace::TYPE, settings);
        let login = rackspace_login(self.deployment, &account, Some(&secret(&entry)))?;
        Ok(Some((opened("rax", &account, entry), login)))
    }

    async fn flex(&self) -> Result<Asked, Failure> {
        let username = self.ask("User name: ").await?;
        let api_key = self.secret("API key (not shown): ").await?;
        let region = self.ask("Region, such as DFW3: ").await?;
        let project = self.ask("Project, such as 123456_Flex: ").await?;
        if [&username, &api_key, &region, &project]
            .iter()
            .any(|text| text.is_empty())
        {
            return Ok(None);
        }
        let entry = json!({"username": username, "api_key": api_key, "project": project});
        let settings = Settings {
            region: spanned(&region),
            ..Settings::default()
        };
        let account = account("flex", openstack::profile::FLEX.provider, settings);
        let login = openstack_login(self.deployment, &account, Some(&secret(&entry)))?;
        Ok(Some((opened("flex", &account, entry), login)))
    }

    async fn openstack(&self) -> Result<Asked, Failure> {
        let auth_url = self.ask("Keystone's address: ").await?;
        let region = self.ask("Region [the only one]: ").await?;
        let id = self.ask("Application credential's id [none: user name and password]: ");
        let id = id.await?;
        let entry = if id.is_empty() {
            let username = self.ask("User name: ").await?;
            let password = self.secret("Password (not shown): ").await?;
            let project = self.ask("Project: ").await?;
            if [&username, &password, &project]
                .iter()
                .any(|text| text.is_empty())
            {
                return Ok(None);
            }
            json!({"username": username, "password": password, "project": project})
        } else {
            let secret = self.secret("Its secret (not shown): ").await?;
            json!({"application_credential_id": id, "application_credential_secret": secret})
        };
        if auth_url.is_empty() {
            return Ok(None);
        }
        let settings = Settings {
            region: spanned(&region),
            auth_url: spanned(&auth_url),
            ..Settings::default()
        };
        let account = account("os", openstack::profile::OPENSTACK.provider, settings);
        let login = openstack_login(self.deployment, &account, Some(&secret(&entry)))?;
        Ok(Some((opened("os", &account, entry), login)))
    }
}

/// Nothing of this is in a file yet.
fn nowhere() -> Place {
    Place {
        file: "cloud.json".into(),
        range: 0..0,
        line: 1,
        column: 1,
    }
}

fn spanned(text: &str) -> Option<Spanned<String>> {
    (!text.is_empty()).then(|| Spanned::new(text.to_owned(), nowhere()))
}

fn secret(entry: &Json) -> Secret {
    Secret::new(entry.to_string())
}

fn account(name: &str, provider: &str, settings: Settings) -> Account {
    Account {
        name: Spanned::new(name.to_owned(), nowhere()),
        provider: Spanned::new(provider.to_owned(), nowhere()),
        settings,
    }
}

fn opened(name: &'static str, account: &Account, entry: Json) -> Opened {
    let mut said = Map::new();
    said.insert("type".to_owned(), account.provider.value.as_str().into());
    let settings = &account.settings;
    for (key, value) in [
        ("auth_url", &settings.auth_url),
        ("region", &settings.region),
    ] {
        if let Some(value) = value {
            said.insert(key.to_owned(), value.value.as_str().into());
        }
    }
    let accounts = Map::from_iter([(name.to_owned(), entry)]);
    Opened {
        security: Map::from_iter([("accounts".to_owned(), accounts.into())]),
        account: Some((name, said.into())),
        sample: None,
    }
}

/// The smallest size that a Debian, or whatever there is, runs on.
fn sample(catalog: &Catalog) -> Option<(String, String)> {
    let is_debian = |image: &&Image| image.name.to_ascii_lowercase().contains("debian");
    let images = || catalog.images.iter();
    let image = images().filter(is_debian).max_by_key(|image| image.created);
    let image = image.or_else(|| images().next())?;
    let fits = |size: &&Size| {
        size.is_usable()
            && size.disk_gb >= image.min_disk_gb
            && size.memory_mib >= image.min_memory_mib
    };
    let sizes = catalog.sizes.iter().filter(fits);
    let size = sizes.min_by_key(|size| (size.memory_mib, size.vcpus, size.disk_gb))?;
    let image = image.slug.as_ref().unwrap_or(&image.name);
    Some((size.slug.clone(), image.clone()))
}
