//! What a new server does and has from its first boot on, in the form that cloud-init reads: the
//! user's own `user_data`, `files`, and keys that nobody else puts there. What its images run is told
//! by its documentation: "User data formats", "Merging user data sections" and, of the "Module
//! reference", "Write Files" and "SSH".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::model::{Attributes, Desired, Place, Value};
use crate::resource::server::{AUTHORIZED_KEYS, FILES, USER_DATA};

/// A file to put on a server.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) content: String,
    /// `0644`.
    pub(super) mode: Option<String>,
}

/// What a server starts with.
#[derive(Clone, Default)]
pub(super) struct Start {
    /// The user's own part; never empty.
    pub(super) user_data: Option<String>,
    pub(super) files: Vec<File>,
    /// Keys for the user whom the image has, each a line.
    pub(super) keys: Vec<String>,
}

/// Why no server can start so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    /// In words, without anything of the texts themselves.
    pub(super) what: String,
    /// What to do about it; may be empty.
    pub(super) hint: &'static str,
}

impl Unfit {
    fn new(what: &str) -> Self {
        let what = what.to_owned();
        Self { what, hint: "" }
    }

    /// That there is more of it than a provider takes, in bytes.
    pub(super) fn too_long(start: &Start, bytes: usize, most: usize) -> Self {
        let keys = match (&start.user_data, start.files.is_empty()) {
            (None, _) => "`files` take",
            (Some(_), true) => "`user_data` takes",
            (Some(_), false) => "`user_data` and `files` take",
        };
        Self {
            what: format!("its {keys} {bytes} bytes as it is sent, where {most} are allowed"),
            hint: "make it shorter, or have a short one fetch the rest",
        }
    }
}

/// What cloud-init tells the kinds of user data by: how it begins. Of two that fit, the longer one.
const TYPES: [(&str, &str); 9] = [
    ("#!", "text/x-shellscript"),
    ("#cloud-config", "text/cloud-config"),
    ("#cloud-config-archive", "text/cloud-config-archive"),
    ("#cloud-config-jsonp", "text/cloud-config-jsonp"),
    ("#cloud-boothook", "text/cloud-boothook"),
    ("#include", "text/x-include-url"),
    ("#include-once", "text/x-include-once-url"),
    ("#part-handler", "text/part-handler"),
    ("## template: jinja", "text/jinja2"),
];
/// How far cloud-init looks for the header that makes a document of several parts of it.
const MIME_HEAD: usize = 4096;
const MIME_HEADER: &str = "mime-version:";
/// No text in base64 has it, and of a text that is not, it is made sure.
const BOUNDARY: &str = "=_cloudbuilder_";
/// How the part with the files joins what the user's own has: lists grow, and else that stays.
const MERGED: &str = "list(append)+dict(no_replace,recurse_list)+str()";

impl Start {
    /// What the attributes ask for, as the provider gets them.
    ///
    /// # Errors
    /// That they are not of that form; never with anything of them.
    pub(super) fn of(attributes: &Attributes) -> Result<Self, Unfit> {
        let keys = attributes.get(AUTHORIZED_KEYS);
        Self::from(attributes.get(FILES), attributes.get(USER_DATA), keys)
    }

    /// What a server is to start with, before it is made. What is taken from others is not known
    /// yet, and stands as it is referred to.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(super) fn wanted(desired: &Desired) -> Result<Self, Unfit> {
        let content = |name: &str| match desired.attributes.get(name) {
            Some(Value::Sealed(sealed)) => serde_json::from_str(sealed.content.expose()).ok(),
            other => other.and_then(Value::known).cloned(),
        };
        let keys = desired.known(AUTHORIZED_KEYS);
        Self::from(content(FILES).as_ref(), content(USER_DATA).as_ref(), keys)
    }

    fn from(
        files: Option<&Json>,
        user_data: Option<&Json>,
        keys: Option<&Json>,
    ) -> Result<Self, Unfit> {
        let files = match files {
            None | Some(Json::Null) => Vec::new(),
            Some(list) => Vec::deserialize(list)
                .map_err(|_| Unfit::new("its `files` are not a list of files"))?,
        };
        let user_data = match user_data {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
            Some(_) => return Err(Unfit::new("its `user_data` is no text")),
        };
        let keys = keys.and_then(Json::as_array).into_iter().flatten();
        let keys = keys.filter_map(Json::as_str).map(ToOwned::to_owned);
        Ok(Self {
            user_data,
            files,
            keys: keys.collect(),
        })
    }

    /// What cloud-init is given; `None` if there is nothing for it. The user's own part is as it was
    /// written where it is all there is.
    ///
    /// # Errors
    /// That nobody could tell what the user's own part is, among others.
    pub(super) fn text(&self) -> Result<Option<String>, Unfit> {
        let Some(own) = &self.user_data else {
            return Ok(self.config(false));
        };
        let Some(config) = self.config(true) else {
            return Ok(Some(own.clone()));
        };
        let own = own_part(own)?;
        // Last, for that is what decides how it joins what came before.
        let config = part("text/cloud-config", &config);
        let mut boundary = BOUNDARY.to_owned();
        while own.contains(&boundary) || config.contains(&boundary) {
            boundary.push('_');
        }
        Ok(Some(format!(
            "Content-Type: multipart/mixed; boundary=\"{boundary}\"\nMIME-Version: 1.0\n\n\
             --{boundary}\n{own}\n--{boundary}\n{config}\n--{boundary}--\n"
        )))
    }

    /// What cloud-init is given of ours; `None` if there is nothing.
    fn config(&self, joins_another: bool) -> Option<String> {
        if self.files.is_empty() && self.keys.is_empty() {
            return None;
        }
        let written = self.files.iter().map(|file| {
            let mut entry = json!({
                "path": file.path,
                "encoding": "b64",
                "content": STANDARD.encode(&file.content),
            });
            if let (Some(mode), Some(entry)) = (&file.mode, entry.as_object_mut()) {
                entry.insert("permissions".to_owned(), mode.as_str().into());
            }
            entry
        });
        let mut config = json!({});
        if !self.files.is_empty() {
            config["write_files"] = written.collect::<Vec<_>>().into();
        }
        if !self.keys.is_empty() {
            config["ssh_authorized_keys"] = self.keys.clone().into();
        }
        if joins_another {
            config["merge_how"] = MERGED.into();
        }
        // JSON is YAML too, and nothing in it can be mistaken for anything else.
        Some(format!("#cloud-config\n{config}\n"))
    }
}

/// Where cloud.json asks for it: the user's own part first.
pub(super) fn place_of_start(desired: &Desired) -> Option<Place> {
    let has_own = desired.attributes.contains_key(USER_DATA);
    desired.place_of(if has_own { USER_DATA } else { FILES })
}

/// The user's part of a document of several. One that is such a document is one of its parts as it
/// stands.
fn own_part(text: &str) -> Result<String, Unfit> {
    let mut known: Vec<_> = TYPES
        .iter()
        .filter(|(begin, _)| text.starts_with(begin))
        .collect();
    known.sort_by_key(|(begin, _)| begin.len());
    if let Some((_, content_type)) = known.last() {
        return Ok(part(content_type, text));
    }
    let head = text.as_bytes();
    let head = head.get(..MIME_HEAD).unwrap_or(head);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    if head.contains(MIME_HEADER) {
        return Ok(text.to_owned());
    }
    Err(Unfit {
        what:
            "its `user_data` does not say what it is, so that neither `files` nor a second key can \
               stand beside it"
                .to_owned(),
        hint: "begin it with `#!`, `#cloud-config` or another word that cloud-init knows, or let it \
               write the files itself",
    })
}

/// A part of a document. A text in ASCII stays to be read; any other is in base64, because the
/// parser of cloud-init takes letters beyond that for something else.
fn part(content_type: &str, text: &str) -> String {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n');
    if text.bytes().all(is_plain) {
        return format!(
            "Content-Type: {content_type}; charset=\"us-ascii\"\n\
             Content-Transfer-Encoding: 7bit\n\n{text}"
        );
    }
    let encoded = STANDARD.encode(text);
    let lines = encoded.as_bytes().chunks(76);
    let lines = lines.map(|line| String::from_utf8_lossy(line).into_owned());
    format!(
        "Content-Type: {content_type}; charset=\"utf-8\"\n\
         Content-Transfer-Encoding: base64\n\n{}",
        lines.collect::<Vec<_>>().join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(files: &Json, user_data: &str) -> Start {
        Start::from(Some(files), Some(&user_data.into()), None).unwrap()
    }

    #[test]
    fn files_become_a_configuration() {
        let asked = json!([
            {"path": "/etc/motd", "content": "hello: \"you\"\n", "mode": "0600"},
            {"path": "/etc/empty", "content": ""},
        ]);
        let text = start(&asked, "").text().unwrap().unwrap();
        let json = text.strip_prefix("#cloud-config\n").unwrap();
        assert_eq!(
            serde_json::from_str::<Json>(json).unwrap(),
            json!({"write_files": [
                {"path": "/etc/motd", "encoding": "b64", "content": "aGVsbG86ICJ5b3UiCg==", "permissions": "0600"},
                {"path": "/etc/empty", "encoding": "b64", "content": ""},
            ]})
        );
        assert_eq!(start(&json!([]), "").text(), Ok(None));
    }

    #[test]
    fn keys_that_the_provider_does_not_take_are_put_there_too() {
        let start = Start::from(None, None, Some(&json!(["ssh-ed25519 A a"]))).unwrap();
        assert_eq!(
            start.text().unwrap().unwrap(),
            "#cloud-config\n{\"ssh_authorized_keys\":[\"ssh-ed25519 A a\"]}\n"
        );
    }

    #[test]
    fn what_is_no_file_is_refused_without_repeating_it() {
        let wrong = json!([{"path": "/x", "contents": "hunter2"}]);
        let said = Start::from(Some(&wrong), None, None).err().unwrap();
        assert!(!said.what.contains("hunter2"), "{said:?}");
        let said = Start::from(None, Some(&json!(["hunter2"])), None)
            .err()
            .unwrap();
        assert!(!said.what.contains("hunter2"), "{said:?}");
    }

    #[test]
    fn what_is_alone_is_sent_as_it_was_written() {
        for text in ["#!/bin/sh\n:", "{\"ignition\": {}}", "Grüße\r\n"] {
            assert_eq!(start(&json!([]), text).text().unwrap().unwrap(), text);
        }
    }

    #[test]
    fn files_stand_beside_what_the_user_wrote() {
        let files = json!([{"path": "/a", "content": "x"}]);
        let text = start(&files, "#!/bin/sh\necho =_cloudbuilder_\n").text();
        assert_eq!(
            text.unwrap().unwrap(),
            "Content-Type: multipart/mixed; boundary=\"=_cloudbuilder__\"\n\
             MIME-Version: 1.0\n\n\
             --=_cloudbuilder__\n\
             Content-Type: text/x-shellscript; charset=\"us-ascii\"\n\
             Content-Transfer-Encoding: 7bit\n\n\
             #!/bin/sh\necho =_cloudbuilder_\n\n\
             --=_cloudbuilder__\n\
             Content-Type: text/cloud-config; charset=\"us-ascii\"\n\
             Content-Transfer-Encoding: 7bit\n\n\
             #cloud-config\n\
             {\"merge_how\":\"list(append)+dict(no_replace,recurse_list)+str()\",\
             \"write_files\":[{\"content\":\"eA==\",\"encoding\":\"b64\",\"path\":\"/a\"}]}\n\n\
             --=_cloudbuilder__--\n"
        );
    }

    #[test]
    fn the_first_line_says_what_it_is() {
        for (text, expected) in [
            ("#cloud-config\nx: y", "text/cloud-config;"),
            ("#cloud-config-archive\n- x", "text/cloud-config-archive;"),
            ("#include\nhttps://x", "text/x-include-url;"),
            ("#include-once\nhttps://x", "text/x-include-once-url;"),
            ("## template: jinja\n#cloud-config", "text/jinja2;"),
            ("#!/bin/sh\n# MIME-Version: 1.0", "text/x-shellscript;"),
        ] {
            let part = own_part(text).unwrap();
            assert!(
                part.starts_with(&format!("Content-Type: {expected}")),
                "{part}"
            );
            assert!(part.ends_with(&format!("\n\n{text}")), "{part}");
        }
        let document = "Content-Type: multipart/mixed; boundary=\"b\"\nMIME-Version: 1.0\n\n--b--";
        assert_eq!(own_part(document).unwrap(), document);
        let said = own_part("hunter2").unwrap_err();
        assert!(said.hint.contains("#cloud-config"), "{said:?}");
        assert!(!said.what.contains("hunter2"), "{said:?}");
    }

    #[test]
    fn what_is_no_ascii_is_encoded_in_lines() {
        let text = format!("#!/bin/sh\n# {}", "\u{e4}".repeat(60));
        let part = own_part(&text).unwrap();
        let (head, body) = part.split_once("\n\n").unwrap();
        assert!(head.contains("charset=\"utf-8\"\nContent-Transfer-Encoding: base64"));
        assert!(body.lines().all(|line| line.len() <= 76) && body.contains('\n'));
        let decoded = STANDARD.decode(body.replace('\n', "")).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), text);
        assert!(own_part("#!/bin/sh\r\n").unwrap().contains("base64"));
    }
}
