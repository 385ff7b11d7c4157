use serde_json::Value as Json;

/// The order of the keys that the program writes; others follow by name, `web-2` before `web-10`.
const ORDER: [&str; 6] = ["v4", "v6", "ip_address", "netmask", "gateway", "type"];

/// How a value is laid out to fit in.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// A line break and the indentation of the member that the value belongs to; `None` if all
    /// goes into one line.
    pub(super) line: Option<String>,
    /// How much deeper the next level is.
    pub(super) step: String,
    /// Whether lines begin with their comma.
    pub(super) comma_leads: bool,
    /// Whether no spaces are used within a line.
    pub(super) tight: bool,
    /// The colon with the spaces around it.
    pub(super) colon: String,
}

/// A value as text: one line for each address, so that a difference shows the one that changed.
pub(super) fn layout(value: &Json, shape: &Shape) -> String {
    let line = shape.line.as_deref().unwrap_or_default();
    let mut text = String::new();
    write(value, shape, line, &mut text);
    text
}

fn write(value: &Json, shape: &Shape, line: &str, text: &mut String) {
    let (brackets, entries) = match value {
        Json::Array(elements) => {
            let entries: Vec<_> = elements.iter().map(|element| (None, element)).collect();
            (['[', ']'], entries)
        }
        Json::Object(members) => {
            let mut entries: Vec<_> = members
                .iter()
                .map(|(key, value)| (Some(key), value))
                .collect();
            entries.sort_by_key(|(key, _)| {
                let name = key.map_or("", String::as_str);
                (rank(name), name.len(), name)
            });
            (['{', '}'], entries)
        }
        scalar => {
            text.push_str(&scalar.to_string());
            return;
        }
    };
    let several_lines = shape.line.is_some() && entries.iter().any(|(_, value)| is_filled(value));
    let deeper = format!("{line}{}", shape.step);
    // A leading comma and its space stand where the last two columns of the indentation were.
    let comma_line = format!("{}, ", deeper.strip_suffix("  ").unwrap_or(&deeper));
    let next_line = format!(",{deeper}");
    let [opening, closing] = brackets;
    text.push(opening);
    for (index, (key, value)) in entries.into_iter().enumerate() {
        text.push_str(match (index, several_lines, shape.comma_leads) {
            (0, false, _) => "",
            (_, false, _) if shape.tight => ",",
            (_, false, _) => ", ",
            (0, true, _) => &deeper,
            (_, true, true) => &comma_line,
            (_, true, false) => &next_line,
        });
        if let Some(key) = key {
            text.push_str(&Json::from(key.as_str()).to_string());
            text.push_str(&shape.colon);
        }
        write(value, shape, &deeper, text);
    }
    if several_lines {
        text.push_str(line);
    }
    text.push(closing);
}

fn is_filled(value: &Json) -> bool {
    match value {
        Json::Array(elements) => !elements.is_empty(),
        Json::Object(members) => !members.is_empty(),
        _ => false,
    }
}

fn rank(key: &str) -> usize {
    let known = ORDER.iter().position(|known| *known == key);
    known.unwrap_or(ORDER.len())
}
