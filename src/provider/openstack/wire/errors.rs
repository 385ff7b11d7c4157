use serde_json::Value as Json;

/// What the body of an error says. Each service has a form of its own: Keystone's `error`, Nova's
/// fault under the name of its kind, Neutron's `NeutronError`, Designate's flat one, which names
/// the fields that are wrong.
pub(in super::super) fn message(body: &str) -> Option<String> {
    let Json::Object(members) = serde_json::from_str(body).ok()? else {
        return None;
    };
    let text = |value: &Json| value.as_str().map(|text| text.trim().to_owned());
    let of_fields = || {
        let errors = members.get("errors")?.get("errors")?.as_array()?;
        let told = errors.iter().filter_map(|error| {
            let said = text(error.get("message")?)?;
            Some(match error.get("path").and_then(Json::as_array) {
                Some(path) if !path.is_empty() => format!("{}: {said}", joined(path)),
                _ => said,
            })
        });
        let told = told.collect::<Vec<_>>().join("; ");
        (!told.is_empty()).then_some(told)
    };
    if members.contains_key("code") {
        let said = members.get("message").and_then(text);
        let kind = members.get("type").and_then(text);
        return of_fields().or(said).or(kind);
    }
    let mut members = members.values();
    match (members.next()?, members.next()) {
        (Json::Object(fault), None) => fault.get("message").and_then(text),
        (Json::String(said), None) => Some(said.trim().to_owned()),
        _ => None,
    }
}

fn joined(path: &[Json]) -> String {
    let parts = path.iter().map(|part| match part {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    });
    parts.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_understood() {
        for (body, said) in [
            (
                r#"{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}"#,
                Some("The request you have made requires authentication."),
            ),
            (
                r#"{"conflictingRequest": {"code": 409, "message": "Key pair 'cb-rec' already exists."}}"#,
                Some("Key pair 'cb-rec' already exists."),
            ),
            (
                r#"{"NeutronError": {"type": "NetworkInUse", "message": "Unable to complete operation", "detail": ""}}"#,
                Some("Unable to complete operation"),
            ),
            (r#"{"NeutronError": "plain"}"#, Some("plain")),
            (
                r#"{"code": 409, "type": "duplicate_recordset", "message": "Duplicate RecordSet", "request_id": "req-1"}"#,
                Some("Duplicate RecordSet"),
            ),
            (
                r#"{"code": 400, "type": "invalid_object", "errors": {"errors": [{"path": ["records", 0], "message": "'203.0.113' is not a 'A' Record"}]}}"#,
                Some("records.0: '203.0.113' is not a 'A' Record"),
            ),
            (r#"{"code": 413, "type": "over_quota"}"#, Some("over_quota")),
            ("401 Unauthorized\n\nThis server could not", None),
            ("<html>", None),
            ("[]", None),
            ("{}", None),
        ] {
            assert_eq!(message(body).as_deref(), said, "{body}");
        }
    }
}
