//! What the cloud's name server really answers.

use std::process::Command;

use crate::cloud::Cloud;

impl Cloud {
    /// The values of a name, in order; none if it has none.
    #[track_caller]
    pub(crate) fn dig(&self, name: &str, kind: &str) -> Vec<String> {
        let (host, port) = self.name_server.split_once(':').expect("host and port");
        let mut command = Command::new("dig");
        command.args([&format!("@{host}"), "-p", port]);
        command.args(["+short", "+norecurse", "+time=5", "+tries=3"]);
        command.args([&format!("{}.", name.trim_end_matches('.')), kind]);
        let ran = command.output().expect("dig starts");
        let said = String::from_utf8(ran.stdout).expect("UTF-8");
        // No answer at all is an error; an answer without values is an answer.
        assert!(ran.status.success(), "{name} {kind}: {said}");
        let mut values: Vec<String> = said.lines().map(ToOwned::to_owned).collect();
        values.sort();
        values
    }
}
