//! The ways to log in.

use serde_json::{Value, json};

use crate::cloud::{Cloud, Who};
use crate::contract;
use crate::deployment::{Deployment, nowhere, sign_in};
use crate::left::Left;
use crate::support::program::{Place, until};
use crate::tls::{Terminator, authority};

const CLOUD: &str = r#"{"version": 2,
    "providers": {"os": {"type": "openstack", "networks": ["public"]}},
    "defaults": {"image": "debian-12", "size": "m1.tiny"},
    "servers": {"logins-web1": {}}}"#;

/// A plan says that it has seen the account.
fn plans(place: &Place, server: &str) {
    place
        .run("plan --detailed-exitcode")
        .code(2)
        .says(&format!("+ server   {server}"));
}

#[test]
fn an_application_credential_opens_an_account() {
    let _left = Left::of("logins");
    let cloud = Cloud::here();
    let made = credential(
        &cloud,
        "
made = cloud.identity.create_application_credential(user, name='logins')
answer = {'id': made.id, 'secret': made.secret}",
        &Value::Null,
    );
    let mut place = nowhere(&cloud);
    place.write("cloud.json", CLOUD);
    place.set(
        "CLOUDBUILDER_PUBLIC_SSH_KEY",
        &contract::account::key("logins-"),
    );
    place.keep_secret(made["secret"].as_str().unwrap());
    place.set("OS_AUTH_URL", &cloud.auth_url);
    let entry = json!({
        "auth_url": cloud.auth_url,
        "application_credential_id": made["id"],
        "application_credential_secret": made["secret"],
    });
    place.write(
        "security.json",
        json!({"accounts": {"os": entry}}).to_string(),
    );
    plans(&place, "logins-web1");
    place.run("apply -y").code(0);
    place.run("destroy -y").code(0);

    // Without it nothing opens.
    credential(
        &cloud,
        "cloud.identity.delete_application_credential(user, given)",
        &made["id"],
    );
    place.run("plan").code(1).never_says("panicked");
}

/// Runs a snippet for which `user` is the user who runs it.
fn credential(cloud: &Cloud, snippet: &str, given: &Value) -> Value {
    let snippet = format!("user = cloud.current_user_id\n{snippet}");
    cloud.python(Who::Demo, &snippet, given)
}

#[test]
fn clouds_yaml_and_secure_yaml_open_an_account() {
    let cloud = Cloud::here();
    let mut place = nowhere(&cloud);
    // The other login has a server of that name for a while.
    let cloud_json = CLOUD.replace("logins-web1", "yaml-web1");
    let cloud_json = cloud_json.replace(
        r#""type": "openstack","#,
        r#""type": "openstack", "cloud": "here","#,
    );
    place.write("cloud.json", cloud_json);
    let clouds = format!(
        "clouds:\n  here:\n    region_name: {}\n    auth:\n      auth_url: {}\n      username: demo\n      \
         project_name: demo\n      user_domain_name: Default\n      project_domain_name: Default\n",
        cloud.region, cloud.auth_url
    );
    place.write("clouds.yaml", clouds);
    place.run("plan").code(1).says("clouds.yaml");
    let secure = format!(
        "clouds:\n  here:\n    auth:\n      password: {}\n",
        cloud.password(Who::Demo)
    );
    place.write("secure.yaml", secure);
    plans(&place, "yaml-web1");
    place.write(
        "secure.yaml",
        "clouds:\n  here:\n    auth:\n      password: wrong-password\n",
    );
    place.keep_secret("wrong-password");
    place.run("plan").code(1);

    // And without the setting, by the variable.
    place.write("cloud.json", CLOUD.replace("logins-web1", "yaml-web1"));
    place.set("OS_CLOUD", "nowhere");
    place.run("plan").code(1).says("nowhere");
    place.unset("OS_CLOUD");
    sign_in(&mut place, &cloud);
    plans(&place, "yaml-web1");
}

#[test]
fn a_keystone_with_a_certificate_of_its_own_authority_opens() {
    let cloud = Cloud::here();
    let port = cloud.auth_url.split(':').nth(2).unwrap();
    let port: u16 = port.split('/').next().unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let front = runtime.block_on(Terminator::before(port));
    let mut place = nowhere(&cloud);
    sign_in(&mut place, &cloud);
    let behind = format!("127.0.0.1:{port}");
    let url = cloud.auth_url.replace("http://", "https://");
    let url = url.replace(&behind, &format!("localhost:{}", front.port));
    place.set("OS_AUTH_URL", &url);
    place.write("cloud.json", CLOUD.replace("logins-web1", "tls-web1"));
    let told = "named as `cacert` for an OpenStack";
    place.run("plan").code(1).says("UnknownIssuer").says(told);
    let (_, _, another) = authority();
    place.write("ca.pem", another);
    place.set("OS_CACERT", "ca.pem");
    place.run("plan").code(1).says(told);
    place.write("ca.pem", front.authority);
    plans(&place, "tls-web1");
}

/// A token that ends in the middle of a run is replaced by another. The user is one of its own:
/// other tests need their tokens.
#[test]
fn tokens_that_are_revoked_in_the_middle_are_renewed() {
    let mut here = Deployment::of("revoked");
    here.cloud.python(
        Who::Admin,
        "
project = cloud.identity.find_project('demo', domain_id='default')
user = cloud.identity.create_user(name='revoked', password='revoked-password', domain_id='default')
cloud.identity.assign_project_role_to_user(project, user, cloud.identity.find_role('member'))",
        &Value::Null,
    );
    here.place.set("OS_USERNAME", "revoked");
    here.place.set("OS_PASSWORD", "revoked-password");
    here.place.keep_secret("revoked-password");
    here.write_one();
    let run = here.place.start(None, &["apply", "-y"]);
    until("a server is there", || !here.servers().is_empty());
    // Whatever takes a right from a user ends all tokens of the user.
    here.cloud.python(
        Who::Admin,
        "
project = cloud.identity.find_project('demo', domain_id='default')
user = cloud.identity.find_user('revoked', domain_id='default')
role = cloud.identity.find_role('reader')
cloud.identity.assign_project_role_to_user(project, user, role)
cloud.identity.unassign_project_role_from_user(project, user, role)",
        &Value::Null,
    );
    run.finish().code(0);
    here.is_finished();
    here.ends();
    here.cloud.python(
        Who::Admin,
        "cloud.identity.delete_user(cloud.identity.find_user('revoked', domain_id='default'))",
        &Value::Null,
    );
}
