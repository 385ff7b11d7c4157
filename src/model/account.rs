/// Whose resources these are: the account behind a token, as its API names it.
///
/// The state remembers it, so that a token of another account is noticed before anything is
/// read as "gone".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The provider's type, `digitalocean`.
    pub provider: String,
    /// The address of the API it was reached at.
    pub api_url: String,
    /// What identifies the account there, for ever.
    pub id: String,
    /// A name a person recognises it by: the team's, or an e-mail address.
    pub name: String,
}
