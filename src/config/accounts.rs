//! Which account a server or a zone is in, by what it says itself and what the file says for all.

use jsonc_parser::ast::Value;

use super::Spanned;
use super::keys::{and, meant};
use super::providers::{Account, DEFAULT_ACCOUNT, DEFAULT_TYPE, ProviderType, provider_type};
use super::reader::Reader;
use crate::model::Diagnostic;

/// The accounts of a file while the rest of it is read.
#[derive(Default)]
pub(super) struct Accounts {
    listed: Vec<Account>,
    /// Whether there is a section that could not be read: then no name is known to be wrong.
    broken: bool,
    /// What `defaults` names.
    default: Option<Spanned<String>>,
    /// Whether `defaults` names one that could not be read.
    default_broken: bool,
}

/// The account of something, and its type as far as that is clear.
pub(super) struct Home {
    pub(super) account: Spanned<String>,
    pub(super) provider: Option<&'static ProviderType>,
}

/// What a member `provider` says.
pub(super) enum Named {
    Nothing,
    /// It is there and was reported.
    Unreadable,
    Account(Spanned<String>),
}

impl Named {
    pub(super) fn read(reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Self {
        let text = reader.text(what, value);
        text.map_or(Self::Unreadable, Self::Account)
    }
}

impl Accounts {
    /// Those of a section that could not be read.
    pub(super) fn unreadable() -> Self {
        Self {
            broken: true,
            ..Self::default()
        }
    }

    /// A second account of the same name was read for its own mistakes only.
    pub(super) fn add(&mut self, account: Account) {
        if self.get(&account.name.value).is_none() {
            self.listed.push(account);
        }
    }

    pub(super) fn into_listed(self) -> Vec<Account> {
        self.listed
    }

    pub(super) fn get(&self, name: &str) -> Option<&Account> {
        self.listed
            .iter()
            .find(|account| account.name.value == name)
    }

    /// Whether an account may have the block `openstack`; also if nobody can tell.
    pub(super) fn some_openstack(&self) -> bool {
        let unclear = |account: &Account| {
            let provider = provider_type(&account.provider.value);
            provider.is_none_or(|provider| provider.openstack)
        };
        self.broken || self.listed.iter().any(unclear)
    }

    /// What `defaults` says, checked once for all that do not say otherwise.
    pub(super) fn set_default(&mut self, reader: &mut Reader<'_, '_>, named: Named) {
        match named {
            Named::Nothing => {}
            Named::Unreadable => self.default_broken = true,
            Named::Account(name) => {
                self.check(reader, &name);
                self.default = Some(name);
            }
        }
    }

    /// The account of what names none; `None` if it has to.
    pub(super) fn default_name(&self) -> Option<&str> {
        match (&self.default, self.listed.as_slice()) {
            (Some(default), _) => Some(&default.value),
            (None, []) => Some(DEFAULT_ACCOUNT),
            (None, [only]) => Some(&only.name.value),
            (None, _) => None,
        }
    }

    /// The account of something that stands at `absent` and may name one itself.
    pub(super) fn home(
        &self,
        reader: &mut Reader<'_, '_>,
        what: &str,
        absent: &Spanned<String>,
        own: Named,
    ) -> Home {
        let unclear = |account| Home {
            account,
            provider: None,
        };
        let at = |name: &str| Spanned::new(name.to_owned(), absent.place.clone());
        let account = match (own, &self.default, self.default_name()) {
            (Named::Account(own), ..) => {
                self.check(reader, &own);
                own
            }
            (Named::Unreadable, ..) => return unclear(at(DEFAULT_ACCOUNT)),
            (Named::Nothing, Some(default), _) => default.clone(),
            (Named::Nothing, None, _) if self.default_broken || self.broken => {
                return unclear(at(DEFAULT_ACCOUNT));
            }
            (Named::Nothing, None, Some(only)) => at(only),
            (Named::Nothing, None, None) => {
                let names: Vec<_> = self
                    .listed
                    .iter()
                    .map(|account| format!("`{}`", account.name.value.escape_debug()))
                    .collect();
                reader.report(
                    Diagnostic::error(format!("{what} does not say which account it is in"))
                        .detail(format!("there are {}", and(&names)))
                        .hint("add \"provider\" with one of them, here or in `defaults`")
                        .at(absent.place.clone()),
                );
                return unclear(at(DEFAULT_ACCOUNT));
            }
        };
        let provider = match self.get(&account.value) {
            Some(listed) => provider_type(&listed.provider.value),
            None if self.is_default(&account.value) => Some(DEFAULT_TYPE),
            None => None,
        };
        Home { account, provider }
    }

    fn is_default(&self, name: &str) -> bool {
        self.listed.is_empty() && !self.broken && name == DEFAULT_ACCOUNT
    }

    fn check(&self, reader: &mut Reader<'_, '_>, name: &Spanned<String>) {
        let word = name.value.as_str();
        if self.broken || self.get(word).is_some() || self.is_default(word) {
            return;
        }
        let accounts = self.listed.iter();
        let names = accounts.map(|account| account.name.value.as_str());
        let mut of_type = self
            .listed
            .iter()
            .filter(|account| account.provider.value == word);
        let shown = word.escape_debug();
        let error = Diagnostic::error(format!("there is no account `{shown}`"));
        let error = match (self.listed.is_empty(), of_type.next()) {
            (true, _) => error.hint(format!(
                "name it in the file: \"providers\": {{\"{shown}\": {{\"type\": \"openstack\"}}}}"
            )),
            (false, Some(account)) => error
                .detail("that is a type; servers name the account")
                .hint(format!("write `{}`", account.name.value)),
            (false, None) => error.hint(meant(word, "account", names)),
        };
        reader.report(error.at(name.place.clone()));
    }
}
