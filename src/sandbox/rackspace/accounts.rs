//! The accounts that there are: two, so that what one has can be in the other's way.

/// A user and the account behind it. What opens it opens nothing anywhere else.
#[derive(Debug, PartialEq, Eq)]
pub struct Account {
    /// The user's name.
    pub username: &'static str,
    /// The key that a user finds in the control panel.
    pub api_key: &'static str,
    /// The password, which Identity takes as well.
    pub password: &'static str,
    /// The number of the account, which stands in every URL of a service.
    pub tenant: &'static str,
    /// The user's own number.
    pub user: &'static str,
    /// What Identity calls the account in the object store.
    pub storage: &'static str,
    /// The region that Identity names as the user's own.
    pub default_region: &'static str,
}

/// The accounts of the simulated Rackspace Cloud. The first is the one to practise with.
pub const ACCOUNTS: [Account; 2] = [
    Account {
        username: "practice",
        api_key: "practice-api-key-that-opens-nothing-anywhere-else",
        password: "practice-password-that-opens-nothing-anywhere-else",
        tenant: "123456",
        user: "9001",
        storage: "MossoCloudFS_7c1a2f9e-5a0b-4d3c-9e8f-000000123456",
        default_region: "DFW",
    },
    Account {
        username: "neighbour",
        api_key: "neighbour-api-key-that-opens-nothing-anywhere-else",
        password: "neighbour-password-that-opens-nothing-anywhere-else",
        tenant: "654321",
        user: "9002",
        storage: "MossoCloudFS_7c1a2f9e-5a0b-4d3c-9e8f-000000654321",
        default_region: "IAD",
    },
];

/// The account of a number.
pub(super) fn of_tenant(tenant: &str) -> Option<&'static Account> {
    ACCOUNTS.iter().find(|account| account.tenant == tenant)
}
