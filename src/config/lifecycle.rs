//! What cloud.json says of the whole life of a server: what becomes of it when it is changed, and
//! before it goes.

use std::collections::HashSet;

use jsonc_parser::ast::{Object, Value};

use super::keys::{Form, Key, Shape, firsts, names, report_duplicate_keys, unknown_key};
use super::reader::Reader;
use super::server::one_of_two;
use super::{Cloud, Spanned, provider_type};
use crate::model::{Diagnostic, Place};

pub(super) const ON_IMAGE_CHANGE: Key = Key::new(
    "on_image_change",
    "What becomes of it when its image is another one: \"replace\", another server takes its place; \
     \"rebuild\", it keeps its id and its addresses and loses its disk, which `--allow-wipe` has to \
     allow. On DigitalOcean.",
    Shape::Word(&["replace", "rebuild"]),
);

pub(super) const ON_DESTROY: Key = Key::new(
    "on_destroy",
    "What comes before it is deleted, for whatever reason, also once it is no longer in cloud.json: \
     \"delete\", nothing; \"snapshot\", a snapshot of its disk, which stays and is paid for. On \
     DigitalOcean.",
    Shape::Word(&["delete", "snapshot"]),
);
pub(super) const IPV6: Key = Key::new(
    "ipv6",
    "Whether it has IPv6; a new one has it wherever there is any. One that exists gets it if this is \
     true, for good. On DigitalOcean.",
    Shape::Boolean,
);
pub(super) const BACKUPS: Key = Key::new(
    "backups",
    "Backups by the provider: true, daily ones for 30 % of the price, or when they are taken; weekly \
     ones are 20 % of the price.",
    Shape::Either(&[Shape::Boolean, Shape::Object(&POLICY)]),
);
const POLICY: Form = Form {
    required: &["plan"],
    ..Form::of(&POLICY_KEYS)
};
const POLICY_KEYS: [Key; 3] = [
    Key::new("plan", "How often.", Shape::Word(&PLANS)),
    Key::new(
        "weekday",
        "On which day, of a weekly plan; \"SUN\" if it is left out.",
        Shape::Word(&WEEKDAYS),
    ),
    Key::new(
        "hour",
        "When the four hours begin in which they are taken, in UTC; 0 if it is left out.",
        Shape::Either(&[
            Shape::Number(HOURS[0]),
            Shape::Number(HOURS[1]),
            Shape::Number(HOURS[2]),
            Shape::Number(HOURS[3]),
            Shape::Number(HOURS[4]),
            Shape::Number(HOURS[5]),
        ]),
    ),
];
// What the API takes: `droplet_backup_policy` in its description.
const PLANS: [&str; 2] = ["daily", "weekly"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const HOURS: [u64; 6] = [0, 4, 8, 12, 16, 20];

/// When a server is backed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPolicy {
    /// `daily` or `weekly`.
    pub plan: &'static str,
    /// On which day, of a weekly one.
    pub weekday: Option<&'static str>,
    /// When it begins, in UTC.
    pub hour: u64,
}

/// What a server's life is to be like; `None` where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// When it is backed up, if more is said than that it is.
    pub backup_policy: Option<Spanned<BackupPolicy>>,
    /// Whether it has IPv6.
    pub ipv6: Option<Spanned<bool>>,
    /// Whether a snapshot of it is taken before it goes.
    pub snapshot: Option<Spanned<bool>>,
    /// Whether it is made anew where it is when its image is another one.
    pub rebuild: Option<Spanned<bool>>,
}

impl Lifecycle {
    /// Reads one of its keys, if `key` is one.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_, '_>,
        (key, what): (&str, &str),
        value: &Value<'_>,
    ) -> bool {
        match key {
            "on_image_change" => {
                let hint = "`rebuild` keeps id and addresses and loses the disk; `replace` makes \
                            another server and then deletes this one";
                self.rebuild = one_of_two(reader, what, value, ["replace", "rebuild"], hint);
            }
            "on_destroy" => {
                let hint = "`snapshot` keeps a copy of its disk, which is paid for; `delete` keeps \
                            nothing";
                self.snapshot = one_of_two(reader, what, value, ["delete", "snapshot"], hint);
            }
            "ipv6" => self.ipv6 = reader.boolean(what, value),
            _ => return false,
        }
        true
    }

    /// Whether it is backed up. When, if that is said as well, is kept here.
    pub(super) fn backups(
        &mut self,
        reader: &mut Reader<'_, '_>,
        what: &str,
        value: &Value<'_>,
    ) -> Option<Spanned<bool>> {
        self.backup_policy = None;
        let Some(object) = value.as_object() else {
            return reader.boolean(what, value);
        };
        let place = reader.value_place(value);
        let policy = policy(reader, what, object, &place)?;
        self.backup_policy = Some(Spanned::new(policy, place.clone()));
        Some(Spanned::new(true, place))
    }

    /// What is said by key that not all providers do, and where.
    fn said(&self) -> impl Iterator<Item = (&'static str, &Spanned<bool>)> {
        let is_yes = |said: &&Spanned<bool>| said.value;
        let all = [
            (ON_IMAGE_CHANGE.name, self.rebuild.as_ref().filter(is_yes)),
            (ON_DESTROY.name, self.snapshot.as_ref().filter(is_yes)),
            (IPV6.name, self.ipv6.as_ref()),
        ];
        all.into_iter().filter_map(|(key, said)| Some((key, said?)))
    }
}

fn policy(
    reader: &mut Reader<'_, '_>,
    what: &str,
    object: &Object<'_>,
    place: &Place,
) -> Option<BackupPolicy> {
    report_duplicate_keys(reader, object, what);
    let (mut plan, mut weekday, mut hour) = (None, None, Some(HOURS[0]));
    let mut is_whole = true;
    for member in firsts(object) {
        let key = member.name.as_str();
        let of = format!("`{key}` in {what}");
        let read = match key {
            "plan" => {
                plan = word(reader, &of, &member.value, &PLANS);
                plan.is_some()
            }
            "weekday" => {
                weekday = word(reader, &of, &member.value, &WEEKDAYS);
                weekday.is_some()
            }
            "hour" => {
                let number = member.value.as_number_lit();
                let number = number.and_then(|number| number.value.parse().ok());
                hour = number.filter(|hour| HOURS.contains(hour));
                if hour.is_none() {
                    let hours = HOURS.map(|hour| hour.to_string()).join(", ");
                    reader.report(
                        Diagnostic::error(format!("{of} must be one of {hours}"))
                            .hint("it is when the four hours begin in which they are taken, in UTC")
                            .at(reader.value_place(&member.value)),
                    );
                }
                hour.is_some()
            }
            _ => {
                let place = reader.name_place(member);
                let known = names(&POLICY_KEYS);
                reader.report(unknown_key(key, &format!("in {what}"), known).at(place));
                false
            }
        };
        is_whole &= read;
    }
    if object.get("plan").is_none() {
        reader.report(
            Diagnostic::error(format!("{what} lacks `plan`"))
                .hint("add \"plan\": \"weekly\" or \"plan\": \"daily\"")
                .at(place.clone()),
        );
    }
    let (plan, hour) = (plan?, hour?);
    if let Some(member) = object.get("weekday")
        && plan == PLANS[0]
    {
        reader.report(
            Diagnostic::error(format!("{what} is daily and has a `weekday`"))
                .hint("remove `weekday`, or write \"plan\": \"weekly\"")
                .at(reader.name_place(member)),
        );
        return None;
    }
    is_whole.then(|| BackupPolicy {
        plan,
        weekday: (plan != PLANS[0]).then(|| weekday.unwrap_or(WEEKDAYS[0])),
        hour,
    })
}

/// One of several words, or a complaint.
fn word(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
    words: &'static [&'static str],
) -> Option<&'static str> {
    let text = reader.text(what, value)?;
    let known = words.iter().find(|word| **word == text.value);
    if known.is_none() {
        let error = Diagnostic::error(format!("{what} must be one of {}", words.join(", ")));
        reader.report(error.at(text.place));
    }
    known.copied()
}

/// What a server's provider does not do. Told once of a value in `defaults`, however many servers
/// have it from there.
pub(super) fn offered(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut told = HashSet::new();
    for server in &cloud.servers {
        let Some(account) = cloud.account(&server.account.value) else {
            continue;
        };
        let Some(provider) = provider_type(&account.provider.value) else {
            continue;
        };
        for (key, said) in server.lifecycle.said() {
            let place = &said.place;
            let Some((_, lacks)) = provider.lacks.iter().find(|(lacking, _)| *lacking == key)
            else {
                continue;
            };
            if !told.insert((&*place.file, place.range.start)) {
                continue;
            }
            found.push(
                Diagnostic::error(format!(
                    "server `{}` cannot have `{key}`",
                    server.name.value.escape_debug()
                ))
                .detail(format!(
                    "its account `{}` is of type `{}`, where {lacks}",
                    account.name.value.escape_debug(),
                    provider.name
                ))
                .hint(format!(
                    "remove `{key}`, or write it into the servers that are on DigitalOcean"
                ))
                .at(place.clone()),
            );
        }
    }
}
