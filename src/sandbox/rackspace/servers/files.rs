//! What is put into a server when it is made: files (`personality`) and user data.

use super::super::answer::Fault;
use super::super::model::Injected;
use super::{LONGEST_FILE, MOST_FILES};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use md5::{Digest, Md5};
use serde_json::Value;

/// Nova keeps user data in a column of this size.
const LONGEST_USER_DATA: usize = 65_535;
const LONGEST_PATH: usize = 255;

/// The files, if each can be decoded and there are neither too many nor too large ones.
pub(super) fn personality(server: &Value) -> Result<Vec<Injected>, Fault> {
    let Some(asked) = server.get("personality").filter(|asked| !asked.is_null()) else {
        return Ok(Vec::new());
    };
    let listed = asked
        .as_array()
        .ok_or_else(|| Fault::bad("Bad personality format"))?;
    let mut files = Vec::new();
    for file in listed {
        let text = |key: &str| {
            let missing = || Fault::bad(format!("Bad personality format: missing {key}"));
            file.get(key).and_then(Value::as_str).ok_or_else(missing)
        };
        let (path, contents) = (text("path")?, text("contents")?);
        let bytes = decoded(contents).ok_or_else(|| {
            Fault::bad(format!("Personality content for {path} cannot be decoded"))
        })?;
        files.push(Injected {
            path: path.to_owned(),
            bytes: bytes.len(),
            md5: hex(&bytes),
        });
    }
    if files.len() > MOST_FILES {
        return Err(Fault::over_quota("Personality file limit exceeded"));
    }
    if files.iter().any(|file| file.path.len() > LONGEST_PATH) {
        return Err(Fault::over_quota("Personality file path too long"));
    }
    if files.iter().any(|file| file.bytes > LONGEST_FILE) {
        return Err(Fault::over_quota("Personality file content too long"));
    }
    Ok(files)
}

/// The MD5 of the user data. There is no metadata service: without a config drive nobody would
/// ever read it, and the sandbox says so where the service would be silent.
pub(super) fn user_data(server: &Value, config_drive: bool) -> Result<Option<String>, Fault> {
    let Some(asked) = server.get("user_data").filter(|asked| !asked.is_null()) else {
        return Ok(None);
    };
    let bytes = asked
        .as_str()
        .and_then(decoded)
        .ok_or_else(|| Fault::bad("Userdata content cannot be decoded"))?;
    if asked
        .as_str()
        .is_some_and(|text| text.len() > LONGEST_USER_DATA)
    {
        return Err(Fault::bad(format!(
            "User data too large. User data must be no larger than {LONGEST_USER_DATA} bytes once base64 encoded."
        )));
    }
    if !config_drive {
        return Err(Fault::bad(
            "user_data is read from a config drive, and config_drive is not true",
        ));
    }
    Ok(Some(hex(&bytes)))
}

fn hex(bytes: &[u8]) -> String {
    Md5::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// As Python reads it: the bits that the padding makes up for may be anything.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Undoes Base64, over whose lines white space may be strewn.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    LENIENT.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn base64_is_undone_or_refused() {
        assert_eq!(decoded("").unwrap(), b"");
        assert_eq!(decoded("Zg==").unwrap(), b"f");
        assert_eq!(decoded("Zm8=").unwrap(), b"fo");
        assert_eq!(decoded("Zm9v\nYmFy").unwrap(), b"foobar");
        assert_eq!(decoded("//79").unwrap(), [0xff, 0xfe, 0xfd]);
        for bad in ["Zg", "Zg=", "Z===", "Zm9-", "=Zm9"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }

    #[test]
    fn five_files_of_a_thousand_bytes_and_no_more() {
        let file = |groups: usize, end: &str| json!({"path": "/etc/motd", "contents": format!("{}{end}", "YWFh".repeat(groups))});
        let ask = |files: Vec<Value>| personality(&json!({"personality": files}));
        let thousand = file(333, "YQ==");
        assert_eq!(ask(vec![thousand.clone(); 5]).unwrap()[4].bytes, 1000);
        assert_eq!(ask(vec![thousand; 6]).unwrap_err().status, 413);
        assert_eq!(ask(vec![file(333, "YWE=")]).unwrap_err().status, 413);
        let bad = vec![json!({"path": "/x", "contents": "%"})];
        assert_eq!(ask(bad).unwrap_err().status, 400);
    }

    #[test]
    fn user_data_needs_a_config_drive() {
        let server = json!({"user_data": "Zm9v"});
        assert_eq!(user_data(&server, false).unwrap_err().status, 400);
        assert!(user_data(&server, true).unwrap().is_some());
        assert_eq!(
            user_data(&json!({"user_data": "x"}), true)
                .unwrap_err()
                .status,
            400
        );
    }
}
