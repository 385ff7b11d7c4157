//! The table: every provider, and where it is tried.

use std::time::Duration;

use cloudbuilder::model::Secret;
use cloudbuilder::provider::openstack::login::{Domain, Project, Proof, User};
use cloudbuilder::provider::openstack::profile;
use cloudbuilder::provider::{Login, digitalocean, openstack, rackspace};
use cloudbuilder::sandbox::rackspace::ACCOUNTS;
use cloudbuilder::sandbox::{self, Cloud, Sandbox};
use futures_util::FutureExt;

use super::account::{Provider, Words};

/// In the practice cloud.
pub(crate) static DIGITALOCEAN: Provider = Provider {
    name: digitalocean::TYPE,
    account: "default",
    start: || practice_cloud().boxed(),
    words: Words {
        head: r#""version": 2"#,
        is_flat: true,
        server: r#""region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64","#,
        larger: r#""region": "nyc3", "size": "s-1vcpu-2gb", "image": "debian-13-x64","#,
        besides: r#""backups": true,"#,
    },
    is_shared: false,
    every: 1,
    // The account itself, which is remembered.
    opening: Some(1),
    first_look: Duration::from_millis(5),
    first_pause: Duration::from_millis(5),
    limit: Duration::from_secs(240),
};

/// In the simulated one.
pub(crate) static RACKSPACE: Provider = Provider {
    name: rackspace::TYPE,
    account: "rax",
    start: || simulated_rackspace().boxed(),
    words: Words {
        head: r#""version": 2, "providers": {"rax": {"type": "rackspace", "region": "DFW"}},
                 "defaults": {"size": "general1-1", "image": "Debian 12*"}"#,
        is_flat: false,
        server: "",
        larger: r#""size": "general1-2","#,
        besides: r#""size": "general1-2", "files": [{"path": "/etc/motd", "content": "hello"}],"#,
    },
    is_shared: false,
    every: 1,
    opening: None,
    first_look: Duration::from_millis(5),
    // Absence is not believed for 1,200 times this.
    first_pause: Duration::from_micros(250),
    limit: Duration::from_secs(240),
};

/// In a real one, which the environment speaks of.
pub(crate) static OPENSTACK: Provider = Provider {
    name: profile::OPENSTACK.provider,
    account: "os",
    start: || real_openstack().boxed(),
    words: Words {
        head: r#""version": 2,
                 "providers": {"os": {"type": "openstack", "networks": ["public"]}},
                 "defaults": {"size": "m1.tiny", "image": "debian-12"}"#,
        is_flat: false,
        server: "",
        larger: r#""size": "m1.small","#,
        besides: r#""size": "m1.small", "files": [{"path": "/etc/motd", "content": "hello"}],"#,
    },
    is_shared: true,
    // All of them take a quarter of an hour there: they are gone through only if everything is asked for.
    // The simulators always do.
    every: 16,
    opening: None,
    first_look: Duration::from_millis(100),
    first_pause: Duration::from_millis(250),
    limit: Duration::from_secs(480),
};

async fn practice_cloud() -> (Login, Option<Sandbox>) {
    let sandbox = started(Cloud::DigitalOcean).await;
    let login = digitalocean::Login {
        url: sandbox.url().to_owned(),
        token: Secret::new(sandbox::TOKEN.to_owned()),
    };
    (Login::DigitalOcean(login), Some(sandbox))
}

async fn simulated_rackspace() -> (Login, Option<Sandbox>) {
    let sandbox = started(Cloud::Rackspace).await;
    let [own, _] = &ACCOUNTS;
    let login = rackspace::Login {
        auth_url: sandbox.url().to_owned(),
        username: own.username.to_owned(),
        proof: rackspace::login::Proof::ApiKey(Secret::new(own.api_key.to_owned())),
        region: Some("DFW".to_owned()),
    };
    (Login::Rackspace(login), Some(sandbox))
}

async fn started(cloud: Cloud) -> Sandbox {
    let options = sandbox::Options {
        cloud,
        boot: Duration::from_millis(20),
        action: Duration::ZERO,
        ..sandbox::Options::default()
    };
    sandbox::start(options).await.expect("a sandbox starts")
}

async fn real_openstack() -> (Login, Option<Sandbox>) {
    let said = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| {
            panic!("{name} is not set: tests/openstack/run starts a cloud and sets it")
        })
    };
    let domain = || Domain::Name(said("OS_USER_DOMAIN_NAME"));
    let login = openstack::Login {
        profile: profile::OPENSTACK,
        auth_url: said("OS_AUTH_URL"),
        proof: Proof::Password {
            user: User::Name(said("OS_USERNAME"), domain()),
            password: Secret::new(said("OS_PASSWORD")),
            project: Project::Name(said("OS_PROJECT_NAME"), domain()),
        },
        region: Some(said("OS_REGION_NAME")),
        interface: "public".to_owned(),
        also_trust: None,
    };
    (Login::OpenStack(Box::new(login)), None)
}
