//! `openstacksdk` as a second client, which knows nothing of the program: it looks at what the program
//! made, and changes what it must notice.

use std::process::Command;

use serde_json::Value;

use crate::cloud::{Cloud, LIMIT, Who};

/// What a snippet finds: `cloud`, connected, and `given`, what the test gave it. It may leave `answer`.
const BEFORE: &str = "\
import json, sys, time
import openstack

def until(what, there):
    end = time.monotonic() + 180
    while not there():
        if time.monotonic() > end:
            sys.exit(f'{what}: not after 180 seconds')
        time.sleep(0.2)

given, answer, cloud = json.loads(sys.argv[1]), None, openstack.connect()
";

const AFTER: &str = "\nprint(json.dumps(answer))\n";

impl Cloud {
    /// Runs a snippet of Python as somebody, and gives what it left in `answer`.
    #[track_caller]
    pub(crate) fn python(&self, who: Who, snippet: &str, given: &Value) -> Value {
        let home = tempfile::tempdir().expect("a directory");
        // What waits for ever ends with 124.
        let mut command = Command::new("timeout");
        command.arg(LIMIT.as_secs().to_string()).arg(&self.python);
        command.args(["-W", "ignore", "-c"]);
        command.arg([BEFORE, snippet, AFTER].concat());
        command.arg(given.to_string());
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home.path());
        command.env("LANG", "C.UTF-8");
        command.env("OS_AUTH_URL", &self.auth_url);
        command.env("OS_REGION_NAME", &self.region);
        command.env("OS_USERNAME", who.name());
        command.env("OS_PASSWORD", self.password(who));
        command.env("OS_PROJECT_NAME", who.name());
        command.env("OS_USER_DOMAIN_NAME", "Default");
        command.env("OS_PROJECT_DOMAIN_NAME", "Default");
        let ran = command.output().expect("Python starts");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(
            ran.status.success(),
            "{snippet}\n{}\n{said}{}",
            ran.status,
            String::from_utf8_lossy(&ran.stderr)
        );
        let last = said.lines().last().unwrap_or_default();
        serde_json::from_str(last).expect("an answer in JSON")
    }
}
