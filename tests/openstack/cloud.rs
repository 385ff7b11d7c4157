//! The cloud that the environment speaks of, and plain HTTP to it, without any of the program's code.

use std::env;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::cloud::client;

/// No single thing that a test waits for takes this long.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);

/// What a client of the cloud is told before it asks anything.
pub(crate) struct Cloud {
    pub(crate) auth_url: String,
    pub(crate) region: String,
    /// `127.0.0.1:21006`: where the name server of the cloud's zones answers.
    pub(crate) name_server: String,
    /// The Python that has `openstacksdk`.
    pub(crate) python: String,
    demo_password: String,
    admin_password: String,
    runtime: Runtime,
    http: reqwest::Client,
}

/// Who asks: an ordinary user, or the cloud's administrator.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    /// Member of the projects `demo` and `other`, and at work in the first.
    Demo,
    Admin,
}

impl Who {
    /// The name of the user, and of its project.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Admin => "admin",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// A token, and what came with it.
pub(crate) struct Session {
    pub(crate) token: String,
    /// The inside of `token` in the answer: project, roles, expiry, catalog.
    pub(crate) about: Value,
}

impl Session {
    /// Where a type of service is, for the public.
    pub(crate) fn endpoint(&self, kind: &str) -> String {
        let services = self.about["catalog"].as_array().expect("a catalog");
        let endpoints = services
            .iter()
            .filter(|service| service["type"] == kind)
            .flat_map(|service| service["endpoints"].as_array().expect("endpoints"));
        let public: Vec<&str> = endpoints
            .filter(|endpoint| endpoint["interface"] == "public")
            .map(|endpoint| endpoint["url"].as_str().expect("a URL"))
            .collect();
        let [url] = public[..] else {
            panic!("not one public endpoint of {kind}: {public:?}");
        };
        url.to_owned()
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: these tests need a cloud, and tests/openstack/run starts one for them")
    })
}

impl Cloud {
    /// The one that was started for these tests. Whoever has another one in the environment must not
    /// find tests at work in it.
    pub(crate) fn here() -> Self {
        let auth_url = variable("OS_AUTH_URL");
        let url = Url::parse(&auth_url).expect("OS_AUTH_URL is a URL");
        assert_eq!(
            url.host_str(),
            Some("127.0.0.1"),
            "OS_AUTH_URL is somebody's cloud: {auth_url}"
        );
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        Self {
            auth_url,
            region: variable("OS_REGION_NAME"),
            name_server: variable("CLOUDBUILDER_OPENSTACK_NAME_SERVER"),
            python: variable("CLOUDBUILDER_OPENSTACK_PYTHON"),
            demo_password: variable("OS_PASSWORD"),
            admin_password: variable("CLOUDBUILDER_OPENSTACK_ADMIN_PASSWORD"),
            runtime,
            http: client(),
        }
    }

    pub(crate) fn password(&self, who: Who) -> &str {
        match who {
            Who::Demo => &self.demo_password,
            Who::Admin => &self.admin_password,
        }
    }

    /// Sends a request. A body of null is none, and so is an empty token.
    pub(crate) fn ask(&self, method: &str, url: &str, token: &str, body: &Value) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, url);
        if !token.is_empty() {
            request = request.header("X-Auth-Token", token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let work = async {
            let answer = request.send().await.expect("the cloud answers");
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            let text = answer.text().await.expect("the answer is whole");
            Answer {
                status,
                headers,
                body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
            }
        };
        self.runtime
            .block_on(async { tokio::time::timeout(LIMIT, work).await })
            .expect("the cloud answers in time")
    }

    /// Signs in with a password, to a project.
    pub(crate) fn sign_in(&self, who: Who, password: &str, project: &str) -> Answer {
        let domain = json!({"name": "Default"});
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": who.name(), "domain": domain, "password": password,
            }}},
            "scope": {"project": {"name": project, "domain": domain}},
        }});
        self.ask("POST", &format!("{}/auth/tokens", self.auth_url), "", &body)
    }

    pub(crate) fn session(&self, who: Who) -> Session {
        let answer = self.sign_in(who, self.password(who), who.name());
        assert_eq!(answer.status, 201, "{answer:?}");
        let token = answer
            .headers
            .get("X-Subject-Token")
            .expect("a token")
            .to_str()
            .expect("text");
        Session {
            token: token.to_owned(),
            about: answer.body["token"].clone(),
        }
    }
}
