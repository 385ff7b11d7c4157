use super::*;

fn put_together(
    settings: &Settings,
    entry: Option<&str>,
    environment: &[(&str, &str)],
) -> Result<Login, Box<Diagnostic>> {
    let entry = entry.map(|text| Secret::new(text.to_owned()));
    let sources = Sources {
        account: "rax",
        settings,
        entry: entry.as_ref(),
    };
    login(&sources, |name| {
        let found = environment.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn of_entry(entry: &str) -> Result<Login, Box<Diagnostic>> {
    put_together(&Settings::default(), Some(entry), &[])
}

/// Everything that a message shows.
fn whole(problem: &Diagnostic) -> String {
    let hint = problem.hint.clone().unwrap_or_default();
    format!("{} | {} | {hint}", problem.summary, problem.detail)
}

#[test]
fn an_entry_says_who_it_is_and_cloud_json_says_where() {
    let settings = Settings {
        region: Some("IAD".to_owned()),
        auth_url: Some("http://127.0.0.1:7/".to_owned()),
    };
    let entry = r#"{"username": "fredy", "api_key": " 0123abcd "}"#;
    // With an entry, the environment has nothing to say: it may be about another user.
    let environment = [("RAX_USERNAME", "other"), ("RAX_REGION", "LON")];
    let login = put_together(&settings, Some(entry), &environment).unwrap();
    assert_eq!(login.username, "fredy");
    assert!(matches!(&login.proof, Proof::ApiKey(key) if key.expose() == "0123abcd"));
    assert_eq!(login.region.as_deref(), Some("IAD"));
    assert_eq!(login.auth_url, "http://127.0.0.1:7");
}

#[test]
fn a_password_will_do_and_a_key_comes_first() {
    let login = of_entry(r#"{"username": "fredy", "password": "a b"}"#).unwrap();
    assert!(matches!(&login.proof, Proof::Password(word) if word.expose() == "a b"));
    assert_eq!(login.auth_url, URL);
    assert_eq!(login.region, None);
    let both = r#"{"username": "fredy", "password": "a b", "api_key": "k"}"#;
    assert!(matches!(of_entry(both).unwrap().proof, Proof::ApiKey(_)));
}

#[test]
fn the_environment_is_asked_where_there_is_no_entry() {
    for (prefix, region) in [("RAX_", "REGION"), ("RS_", "REGION_NAME")] {
        let names = ["USERNAME", "API_KEY", region].map(|end| format!("{prefix}{end}"));
        let [user, key, region] = &names;
        let environment = [
            (user.as_str(), "fredy"),
            (key.as_str(), "k"),
            (region.as_str(), "DFW"),
        ];
        let login = put_together(&Settings::default(), None, &environment).unwrap();
        assert_eq!(login.username, "fredy");
        assert_eq!(login.region.as_deref(), Some("DFW"));
    }
    // Not one user's name with another one's key.
    let mixed = [("RAX_USERNAME", "fredy"), ("RS_API_KEY", "k")];
    let problem = put_together(&Settings::default(), None, &mixed).unwrap_err();
    assert_eq!(problem.detail, "the environment has no RAX_API_KEY");
    let problem = put_together(&Settings::default(), None, &[("RAX_USERNAME", " ")]).unwrap_err();
    assert!(problem.detail.contains("no entry"), "{}", problem.detail);
    assert!(whole(&problem).contains("security.json"));
}

#[test]
fn the_address_may_be_copied_with_its_path() {
    for given in [
        "https://identity.example",
        "https://identity.example/",
        "https://identity.example/v2.0",
        "https://identity.example/v2.0/",
        "https://identity.example/v2.0/tokens",
        " https://identity.example/v2.0/tokens/ ",
    ] {
        assert_eq!(address(given).unwrap(), "https://identity.example");
    }
    assert_eq!(
        address("http://127.0.0.1:7/identity/v2.0/tokens").unwrap(),
        "http://127.0.0.1:7/identity"
    );
    let settings = Settings {
        auth_url: Some("http://identity.example".to_owned()),
        region: None,
    };
    let entry = r#"{"username": "fredy", "api_key": "k"}"#;
    let problem = put_together(&settings, Some(entry), &[]).unwrap_err();
    let text = whole(&problem);
    assert!(text.contains("`auth_url` of the account rax in cloud.json"));
    assert!(text.contains("unencrypted"), "{text}");
}

#[test]
fn what_is_wrong_is_told_with_its_key_and_without_a_value() {
    for (entry, word) in [
        (r#"{"username": "SECRET"}"#, "`api_key`"),
        (r#"{"api_key": "SECRET"}"#, "`username`"),
        (r#"{"username": "SECRET", "api_key": ""}"#, "`api_key`"),
        (r#"{"username": 7, "api_key": "SECRET"}"#, "is no text"),
        (r#"{"username": "u", "api_key": "SECRET é"}"#, "`api_key`"),
        (
            r#"{"username": "u", "apikey": "SECRET"}"#,
            "did you mean `api_key`?",
        ),
        (r#"{"username": "u", "SECRET": "x"}"#, "unknown key in"),
        ("[\"SECRET\"]", "is no object"),
    ] {
        let problem = of_entry(entry).unwrap_err();
        let text = whole(&problem);
        assert!(text.contains(word), "{entry}: {text}");
        assert!(text.contains("security.json"), "{entry}: {text}");
        assert!(!text.contains("SECRET"), "{text}");
    }
}
