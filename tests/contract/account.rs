//! An account to try a provider in, and what is particular to the provider.

use std::time::Duration;

use cloudbuilder::config::PublicKeys;
use cloudbuilder::provider::{Connection, Login, Readers, Write, Writers, open_write};
use cloudbuilder::sandbox::Sandbox;
use futures_util::future::BoxFuture;
use ssh_key::public::{Ed25519PublicKey, KeyData};

/// The variable that leaves nothing out, however long it takes.
const ALL: &str = "CLOUDBUILDER_TEST_ALL";

/// How a provider is tried.
pub(crate) struct Provider {
    /// Its type.
    pub(crate) name: &'static str,
    /// What the account is called in cloud.json.
    pub(crate) account: &'static str,
    /// Opens it, and starts what simulates it.
    pub(crate) start: fn() -> BoxFuture<'static, (Login, Option<Sandbox>)>,
    pub(crate) words: Words,
    /// Whether all tests share one account: then each has names and zones of its own in it.
    pub(crate) is_shared: bool,
    /// Of all the savings that a run can be cut off after, every so many-th is tried, from the first
    /// on; all of them if [`ALL`] is set.
    pub(crate) every: usize,
    /// How many requests only the first look at an account takes, where that is always the same.
    pub(crate) opening: Option<u64>,
    pub(crate) first_look: Duration,
    /// Before a request is repeated, or a job of the cloud is looked at again.
    pub(crate) first_pause: Duration,
    /// No test takes this long, unless [`ALL`] is set.
    pub(crate) limit: Duration,
}

impl Provider {
    /// Of all the savings that a run can be cut off after, every so many-th is tried.
    pub(crate) fn stride(&self) -> usize {
        match std::env::var_os(ALL) {
            Some(_) => 1,
            None => self.every,
        }
    }

    /// No test takes this long.
    pub(crate) fn limit(&self) -> Duration {
        match std::env::var_os(ALL) {
            Some(_) => self.limit * 10,
            None => self.limit,
        }
    }
}

/// The words of a provider that cloud.json is made of.
pub(crate) struct Words {
    /// What the sectioned form begins with.
    pub(crate) head: &'static str,
    /// Whether cloud.json is in the flat form where it can be.
    pub(crate) is_flat: bool,
    /// What every server says.
    pub(crate) server: &'static str,
    /// What one says that is larger.
    pub(crate) larger: &'static str,
    /// What one of them says besides.
    pub(crate) besides: &'static str,
}

/// An account to practise on; what simulates it ends with this.
pub(crate) struct Account {
    pub(crate) provider: &'static Provider,
    /// What all names of this test begin with.
    pub(crate) prefix: String,
    pub(crate) key: PublicKeys,
    writers: Writers,
    _runs: Option<Sandbox>,
}

impl Account {
    /// Nobody else has anything of these names there.
    pub(crate) async fn start(provider: &'static Provider, subject: &str) -> Self {
        let (login, runs) = (provider.start)().await;
        let mut connection = Connection::usual(login);
        connection.manner.tempo.first_pause = provider.first_pause;
        let write = open_write(connection).expect("loopback is allowed");
        let prefix = if provider.is_shared {
            format!("{subject}-")
        } else {
            String::new()
        };
        Self {
            provider,
            key: PublicKeys::parse(&key(&prefix)).expect("a good key"),
            prefix,
            writers: Writers::one(provider.account, write),
            _runs: runs,
        }
    }

    pub(crate) fn readers(&self) -> Readers {
        self.writers.readers()
    }

    pub(crate) fn writers(&self) -> &Writers {
        &self.writers
    }

    pub(crate) fn write(&self) -> &dyn Write {
        let account = self.writers.of(self.provider.account);
        account.expect("there is one account")
    }
}

/// A public key that nobody has the other half of, another one for each subject: where an account
/// is shared, a deployment that ends takes its key with it.
pub(crate) fn key(subject: &str) -> String {
    let mut bytes = [7; 32];
    for (byte, of_subject) in bytes.iter_mut().zip(subject.bytes()) {
        *byte = of_subject;
    }
    let key = KeyData::Ed25519(Ed25519PublicKey(bytes));
    let key = ssh_key::PublicKey::new(key, format!("{subject}key@acme.com"));
    key.to_openssh().expect("a key can be written")
}
