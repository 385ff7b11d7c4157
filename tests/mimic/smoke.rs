//! That mimic is there, and answers as Identity v2 does.

use serde_json::Value;

use crate::cloud::{Cloud, endpoint};

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
