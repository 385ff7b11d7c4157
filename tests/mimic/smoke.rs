//! That mimic is there, and answers as Identity v2 does.

use serde_json::Value;

use crate::cloud::Cloud;

#[test]
fn a_token_comes_with_a_catalog() {
    let cloud = Cloud::here();
    let access = cloud.sign_in("smoke");
    let token = access["token"]["id"].as_str().expect("a token");
    assert!(!token.is_empty());
    assert_eq!(access["user"]["name"], "smoke");
    let compute = endpoint(&access, "cloudServersOpenStack", "ORD");
    let answer = cloud.ask("GET", &format!("{compute}/flavors"), token, &Value::Null);
    assert_eq!(answer.status, 200, "{answer:?}");
    let flavors = answer.body["flavors"].as_array().expect("a list");
    assert!(!flavors.is_empty());
}

#[test]
fn every_user_has_an_account_of_its_own() {
    let cloud = Cloud::here();
    let tenant = |user: &str| cloud.sign_in(user)["token"]["tenant"]["id"].clone();
    assert_eq!(tenant("first"), tenant("first"));
    assert_ne!(tenant("first"), tenant("second"));
}

/// Where a service is, by its name: types are shared by several.
fn endpoint(access: &Value, name: &str, region: &str) -> String {
    let services = access["serviceCatalog"].as_array().expect("a catalog");
    let endpoints = services
        .iter()
        .filter(|service| service["name"] == name)
        .flat_map(|service| service["endpoints"].as_array().expect("endpoints"));
    let found: Vec<&str> = endpoints
        .filter(|endpoint| endpoint["region"] == region)
        .map(|endpoint| endpoint["publicURL"].as_str().expect("a URL"))
        .collect();
    let [url] = found[..] else {
        panic!("not one {name} in {region}: {access:#}");
    };
    url.to_owned()
}
