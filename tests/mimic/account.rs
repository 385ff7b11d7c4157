//! An account in mimic with a deployment in it: what the program makes there, and what mimic says of
//! that to plain HTTP.

use serde_json::{Value, json};

use crate::cloud::{Cloud, endpoint};
use crate::support::program::{Place, until};

const REGION: &str = "ORD";
/// Any key is right.
const API_KEY: &str = "invented-key-that-must-never-be-printed";
/// Where no DigitalOcean is: practice is known by it.
const NOBODY: &str = "http://127.0.0.1:9";

/// An account of its own for each test, and a directory to run the program in.
pub(crate) struct Account {
    pub(crate) cloud: Cloud,
    pub(crate) place: Place,
    token: String,
    servers: String,
    /// Where mimic is told how to behave in this account.
    control: String,
}

impl Account {
    pub(crate) fn of(user: &str) -> Self {
        let cloud = Cloud::here();
        let access = cloud.sign_in(user);
        let mut place = Place::nowhere();
        place.keep_secret(API_KEY);
        place.set("RAX_USERNAME", user);
        place.set("RAX_API_KEY", API_KEY);
        place.set("DIGITALOCEAN_API_URL", NOBODY);
        Self {
            cloud,
            place,
            token: access["token"]["id"].as_str().expect("a token").to_owned(),
            servers: endpoint(&access, "cloudServersOpenStack", REGION),
            control: endpoint(&access, "cloudServersBehavior", REGION),
        }
    }

    /// Writes cloud.json with these servers.
    pub(crate) fn write(&self, servers: &Value) {
        let cloud = json!({
            "version": 2,
            "providers": {"rax": {
                "type": "rackspace", "region": REGION, "auth_url": self.cloud.auth_url(),
            }},
            "defaults": {"size": "general1-1", "image": "Debian 7*"},
            "servers": servers,
        });
        self.place.write("cloud.json", format!("{cloud:#}\n"));
    }

    /// What cloud.json holds now.
    pub(crate) fn written(&self) -> Value {
        serde_json::from_str(&self.place.text("cloud.json")).expect("JSON")
    }

    #[track_caller]
    fn ask(&self, method: &str, url: &str, body: &Value) -> Value {
        let answer = self.cloud.ask(method, url, &self.token, body);
        assert!(answer.status < 300, "{method} {url}: {answer:?}");
        answer.body
    }

    #[track_caller]
    fn list(&self, path: &str, key: &str) -> Vec<Value> {
        let url = format!("{}/{path}", self.servers);
        let answer = self.ask("GET", &url, &Value::Null);
        answer[key].as_array().expect("a list").clone()
    }

    /// The servers that are there, by name.
    #[track_caller]
    pub(crate) fn servers(&self) -> Vec<Value> {
        let mut servers = self.list("servers/detail", "servers");
        servers.sort_by_key(|server| server["name"].to_string());
        servers
    }

    #[track_caller]
    pub(crate) fn names(&self) -> Vec<String> {
        let servers = self.servers().into_iter();
        let name = |server: Value| server["name"].as_str().expect("a name").to_owned();
        servers.map(name).collect()
    }

    #[track_caller]
    pub(crate) fn keys(&self) -> Vec<Value> {
        let keys = self.list("os-keypairs", "keypairs").into_iter();
        keys.map(|key| key["keypair"].clone()).collect()
    }

    /// The name of the image with an id.
    #[track_caller]
    pub(crate) fn image(&self, id: &Value) -> String {
        let mut images = self.list("images/detail", "images");
        images.retain(|image| image["id"] == *id);
        assert_eq!(images.len(), 1, "one image {id}");
        images[0]["name"].as_str().expect("a name").to_owned()
    }

    /// Servers with this name, which are made from now on, do not just come up.
    pub(crate) fn behave(&self, server: &str, name: &str, parameters: &Value) -> Behaviour {
        let url = format!("{}/behaviors/creation", self.control);
        let body = json!({
            "criteria": [{"server_name": format!("{server}$")}],
            "name": name,
            "parameters": parameters,
        });
        let answer = self.ask("POST", &url, &body);
        Behaviour(answer["id"].as_str().expect("an id").to_owned())
    }

    /// They do again.
    pub(crate) fn behave_well(&self, behaviour: &Behaviour) {
        let url = format!("{}/behaviors/creation/{}", self.control, behaviour.0);
        self.ask("DELETE", &url, &Value::Null);
    }

    /// Deletes a server as somebody else would.
    pub(crate) fn delete(&self, name: &str) {
        let mut servers = self.servers();
        servers.retain(|server| server["name"] == name);
        let [server] = &servers[..] else {
            panic!("not one server {name}: {servers:?}");
        };
        let id = server["id"].as_str().expect("an id");
        let url = format!("{}/servers/{id}", self.servers);
        self.ask("DELETE", &url, &Value::Null);
    }

    /// The only server gets another status.
    pub(crate) fn turn(&self, status: &str) {
        let servers = self.servers();
        let [server] = &servers[..] else {
            panic!("not one server: {servers:?}");
        };
        let id = server["id"].as_str().expect("an id");
        let url = format!("{}/attributes/", self.control);
        self.ask("POST", &url, &json!({"status": {id: status}}));
    }

    pub(crate) fn until_there_is_a_server(&self) {
        until("a server is there", || !self.servers().is_empty());
    }

    /// There is nothing to do.
    #[track_caller]
    pub(crate) fn is_finished(&self) {
        self.place
            .run("plan --detailed-exitcode")
            .code(0)
            .says("No changes. Your infrastructure matches the configuration.");
    }

    #[track_caller]
    pub(crate) fn holds_nothing(&self) {
        assert_eq!(self.names(), [""; 0]);
        assert_eq!(self.keys(), [Value::Null; 0]);
    }
}

/// How mimic was told to behave.
pub(crate) struct Behaviour(String);
