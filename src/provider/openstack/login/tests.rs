use std::path::Path;

use super::super::profile::{FLEX, OPENSTACK};
use super::*;

struct Given {
    profile: Profile,
    settings: Settings,
    entry: Option<&'static str>,
    clouds: Option<&'static str>,
    secure: Option<&'static str>,
    variables: &'static [(&'static str, &'static str)],
}

const NOTHING: Given = Given {
    profile: OPENSTACK,
    settings: Settings {
        cloud: None,
        region: None,
        auth_url: None,
        interface: None,
    },
    entry: None,
    clouds: None,
    secure: None,
    variables: &[],
};

/// What a file is that is named as an authority's: two certificates, as far as the form goes.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MAA=
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
MAA=
-----END CERTIFICATE-----
";

fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: Secret::new(text.to_owned()),
    }
}

fn of(given: &Given) -> Result<Login, Box<Diagnostic>> {
    let entry = given.entry.map(|text| Secret::new(text.to_owned()));
    let clouds = given.clouds.map(|text| file("clouds.yaml", text));
    let secure = given.secure.map(|text| file("secure.yaml", text));
    let sources = Sources {
        account: "os",
        profile: given.profile,
        settings: &given.settings,
        entry: entry.as_ref(),
        clouds: clouds.as_ref(),
        secure: secure.as_ref(),
    };
    let get = |name: &str| {
        let found = given.variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    login(&sources, get, |path| {
        let text = match path.to_str() {
            Some("ca.pem") => AUTHORITY,
            Some("key.pem") => "no certificate at all",
            _ => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(text.into())
    })
}

/// Everything about a login in one line, secrets too.
fn told(given: &Given) -> String {
    let login = match of(given) {
        Ok(login) => login,
        Err(problem) => {
            let hint = problem.hint.unwrap_or_default();
            return format!("{} | {} | {hint}", problem.summary, problem.detail);
        }
    };
    let proof = match &login.proof {
        Proof::Password {
            user,
            password,
            project,
        } => format!("{user:?} {} {project:?}", password.expose()),
        Proof::Credential { credential, secret } => format!("{credential:?} {}", secret.expose()),
    };
    let trusted = login
        .also_trust
        .map_or(0, |pem| certificates(&pem).unwrap().len());
    format!(
        "{} {proof} {:?} {} {trusted}",
        login.auth_url, login.region, login.interface
    )
}

fn settings(cloud: Option<&str>, auth_url: Option<&str>) -> Settings {
    Settings {
        cloud: cloud.map(ToOwned::to_owned),
        auth_url: auth_url.map(ToOwned::to_owned),
        ..Settings::default()
    }
}

const CLOUDS: &str = r#"
clouds:
  mine:
    auth_type: v3applicationcredential
    auth:
      auth_url: https://keystone.example.com/v3
      application_credential_id: d1df
      application_credential_secret: 0042
    region_name: RegionOne
    interface: publicURL
  plain:
    auth:
      auth_url: https://plain.example.com:5000
      username: fredy
      tenant_name: shop
      user_domain_name: Default
      project_domain_id: default
    regions: [A, B]
    cacert: ca.pem
  blind:
    auth: {auth_url: https://x.example.com, username: u, password: hunter2, project_id: p}
    verify: false
  vendor:
    profile: rackspace
    auth: {username: u, password: hunter2, project_id: p}
"#;

#[test]
fn an_entry_of_clouds_yaml_is_used_as_it_is_written() {
    let given = Given {
        settings: settings(Some("mine"), None),
        clouds: Some(CLOUDS),
        ..NOTHING
    };
    assert_eq!(
        told(&given),
        r#"https://keystone.example.com/v3 Id("d1df") 0042 Some("RegionOne") public 0"#
    );
    // OS_CLOUD names it as well, and no other variable counts beside it.
    let given = Given {
        clouds: Some(CLOUDS),
        secure: Some("clouds: {plain: {auth: {password: 0x10}}}"),
        variables: &[
            ("OS_CLOUD", "plain"),
            ("OS_PASSWORD", "other"),
            ("OS_REGION_NAME", "Other"),
        ],
        ..NOTHING
    };
    assert_eq!(
        told(&given),
        r#"https://plain.example.com:5000 Name("fredy", Name("Default")) 0x10 Name("shop", Id("default")) None public 2"#
    );
}

#[test]
fn the_entry_of_security_json_wins() {
    let given = Given {
        settings: settings(Some("plain"), None),
        clouds: Some(CLOUDS),
        entry: Some(r#"{"user_id": "u1", "password": "p1"}"#),
        variables: &[("OS_CLOUD", "mine")],
        ..NOTHING
    };
    assert_eq!(
        told(&given),
        r#"https://plain.example.com:5000 Id("u1") p1 Name("shop", Id("default")) None public 2"#
    );
    let given = Given {
        settings: settings(None, Some("https://k.example.com/v3")),
        entry: Some(
            r#"{"username": "u", "password": "p", "project": "x",
                "application_credential_id": "i", "application_credential_secret": "s"}"#,
        ),
        ..NOTHING
    };
    assert_eq!(
        told(&given),
        r#"https://k.example.com/v3 Id("i") s None public 0"#
    );
}

#[test]
fn the_environment_alone_is_enough() {
    let given = Given {
        variables: &[
            ("OS_AUTH_URL", "https://k.example.com"),
            ("OS_USERNAME", "u"),
            ("OS_PASSWORD", "p"),
            ("OS_TENANT_NAME", "old"),
            ("OS_PROJECT_NAME", "new"),
            ("OS_USER_DOMAIN_NAME", ""),
            ("OS_IDENTITY_API_VERSION", "3"),
        ],
        ..NOTHING
    };
    assert_eq!(
        told(&given),
        r#"https://k.example.com Name("u", Id("default")) p Name("new", Id("default")) None public 0"#
    );
}

#[test]
fn rackspace_flex_needs_a_name_a_key_a_project_and_a_region() {
    let given = Given {
        profile: FLEX,
        settings: Settings {
            region: Some("DFW3".to_owned()),
            ..Settings::default()
        },
        entry: Some(r#"{"username": "fredy", "api_key": "k", "project": "123456_Flex"}"#),
        ..NOTHING
    };
    assert_eq!(
        told(&given),
        concat!(
            "https://keystone.api.dfw3.rackspacecloud.com/v3 ",
            r#"Name("fredy", Name("rackspace_cloud_domain")) k "#,
            r#"Name("123456_Flex", Name("rackspace_cloud_domain")) Some("DFW3") public 0"#
        )
    );
}

#[test]
fn what_is_missing_is_named_where_it_belongs() {
    let lacking = |given: &Given| told(given);
    for (given, said) in [
        (NOTHING, "no entry for it in security.json"),
        (
            Given {
                entry: Some(r#"{"username": "u", "password": "hunter2", "project": "p"}"#),
                ..NOTHING
            },
            "security.json, in accounts.os, has no auth_url",
        ),
        (
            Given {
                entry: Some(r#"{"username": "u", "passwrd": "hunter2"}"#),
                ..NOTHING
            },
            "unknown key `passwrd` |  | did you mean `password`?",
        ),
        // It may be a secret that slipped there.
        (
            Given {
                entry: Some(r#"{"username": "u", "hunter2": "x"}"#),
                ..NOTHING
            },
            "security.json, in accounts.os, has an unknown key",
        ),
        (
            Given {
                entry: Some(r#"{"username": 7}"#),
                ..NOTHING
            },
            "has a `username` that is no text",
        ),
        (
            Given {
                settings: settings(Some("plain"), None),
                clouds: Some(CLOUDS),
                ..NOTHING
            },
            "clouds.yaml, in clouds.plain, has no auth.password",
        ),
        (
            Given {
                settings: settings(Some("plane"), None),
                clouds: Some(CLOUDS),
                ..NOTHING
            },
            "clouds.yaml has no entry plane | cloud.json names it; there is: blind, mine, plain, vendor | did you mean plain?",
        ),
        (
            Given {
                settings: settings(Some("blind"), None),
                clouds: Some(CLOUDS),
                ..NOTHING
            },
            "clouds.yaml, in clouds.blind, turns the check of certificates off",
        ),
        (
            Given {
                settings: settings(Some("vendor"), None),
                clouds: Some(CLOUDS),
                ..NOTHING
            },
            "says no auth_url for vendor",
        ),
        (
            Given {
                settings: settings(Some("mine"), None),
                ..NOTHING
            },
            "there is no clouds.yaml for os",
        ),
        (
            Given {
                settings: settings(Some("mine"), None),
                clouds: Some("clouds:\n  mine:\n    auth: hunter2\n"),
                ..NOTHING
            },
            "clouds.yaml cannot be read | it is not what clouds.yaml has to be, in line 3",
        ),
        (
            Given {
                variables: &[("OS_AUTH_URL", "https://k"), ("OS_USERNAME", "u")],
                ..NOTHING
            },
            "the environment has no OS_PASSWORD",
        ),
        (
            Given {
                variables: &[("OS_IDENTITY_API_VERSION", "2.0")],
                ..NOTHING
            },
            "another Keystone than 3",
        ),
        (
            Given {
                profile: FLEX,
                entry: Some(r#"{"username": "u", "project": "p"}"#),
                settings: Settings {
                    region: Some("DFW3".to_owned()),
                    ..Settings::default()
                },
                ..NOTHING
            },
            "has no api_key",
        ),
    ] {
        let told = lacking(&given);
        assert!(told.contains(said), "{told}\nlacks: {said}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_with_what_names_it() {
    let entry = |entry| Given {
        settings: settings(None, Some("https://x.example.com")),
        entry: Some(entry),
        ..NOTHING
    };
    assert_eq!(
        told(&entry(
            r#"{"username": "u", "password": "hunter2", "project": "p", "cacert": "gone.pem"}"#
        )),
        "gone.pem cannot be used | security.json, in accounts.os, names it as `cacert`: entity not \
         found | name a file with the certificate of the cloud's authority, in PEM"
    );
    let variables = &[
        ("OS_AUTH_URL", "https://x.example.com"),
        ("OS_USERNAME", "u"),
        ("OS_PASSWORD", "hunter2"),
        ("OS_PROJECT_NAME", "p"),
        ("OS_CACERT", "key.pem"),
    ];
    assert_eq!(
        told(&Given {
            variables,
            ..NOTHING
        }),
        "key.pem cannot be used | the environment names it as `OS_CACERT`: no certificate in PEM is \
         in it | name a file with the certificate of the cloud's authority, in PEM"
    );
}

#[test]
fn clouds_yaml_is_looked_for_where_others_look() {
    let none = |_: &str| None;
    let home = Some(Path::new("h"));
    let all = clouds_files(none, home);
    let names: Vec<String> = all.iter().map(|path| path.display().to_string()).collect();
    assert_eq!(names.len(), 9);
    assert_eq!(
        [&names[0], &names[3], &names[6]],
        [
            "clouds.yaml",
            "h/.config/openstack/clouds.yaml",
            "/etc/openstack/clouds.yaml"
        ]
    );
    let named = |name: &str| (name == "OS_CLIENT_CONFIG_FILE").then(|| "x/my.yaml".to_owned());
    assert_eq!(clouds_files(named, home)[0], Path::new("x/my.yaml"));
    assert_eq!(
        secure_file(none, Path::new("a/clouds.yml")),
        Path::new("a/secure.yml")
    );
    let named = |name: &str| (name == "OS_CLIENT_SECURE_FILE").then(|| "s.yaml".to_owned());
    assert_eq!(
        secure_file(named, Path::new("clouds.yaml")),
        Path::new("s.yaml")
    );
}
