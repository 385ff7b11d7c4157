//! What servers are created with and keep: user data, and the provider's agent.

use jsonc_parser::ast::Value;

use super::files::FileSource;
use super::keys::{Key, Shape};
use super::reader::Reader;
use super::{Creation, Spanned};
use crate::model::{Diagnostic, Secret};

pub(super) const USER_DATA: Key = Key::new(
    "user_data",
    "What cloud-init does when it boots for the first time, such as a script. For the server alone: \
     plans and the state hold a hash of it.",
    Shape::String,
);
pub(super) const USER_DATA_FILE: Key = Key::new(
    "user_data_file",
    "A text file beside cloud.json that holds its `user_data`.",
    Shape::Text,
);
pub(super) const MONITORING: Key = Key::new(
    "monitoring",
    "true: the provider's agent, which tells of its load, is put on it when it is made. On \
     DigitalOcean.",
    Shape::Boolean,
);

impl Creation {
    /// Reads a member that is one of those above. `what` says of what it is for messages. Gives
    /// whether it is one.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_, '_>,
        (key, what): (&str, &str),
        value: &Value<'_>,
        own: &mut Option<&'static str>,
    ) -> bool {
        let name = match key {
            "user_data" => USER_DATA.name,
            "user_data_file" => USER_DATA_FILE.name,
            "monitoring" => {
                let read = reader.boolean(what, value);
                self.monitoring = read.or_else(|| self.monitoring.take());
                return true;
            }
            _ => return false,
        };
        if let Some(other) = own.replace(name) {
            reader.report(
                Diagnostic::error(format!("{what} is there beside `{other}`"))
                    .hint("keep one of `user_data` and `user_data_file`")
                    .at(reader.value_place(value)),
            );
            return true;
        }
        let place = reader.value_place(value);
        let source = if name == USER_DATA.name {
            let text = reader.template(what, value);
            text.map(|text| FileSource::Content(Secret::new(text.to_owned())))
        } else {
            reader.text(what, value).map(FileSource::Local)
        };
        if let Some(source) = source {
            self.user_data = Some(Spanned::new(source, place));
        }
        true
    }
}
