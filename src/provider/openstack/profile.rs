/// What differs between the clouds whose servers this client makes. All else is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The account's type in cloud.json, and the provider's name in the state.
    pub provider: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Whether Nova is told which version of its API is meant.
    pub microversions: bool,
    /// Whether there is Neutron to ask for networks, security groups and floating IPs.
    pub has_network_service: bool,
    /// Whether there is Glance to ask for images; otherwise Nova is.
    pub has_image_service: bool,
    /// Networks with ids that are the same everywhere, each with its name: what a server is put
    /// on where there is no Neutron to ask.
    pub fixed_networks: &'static [FixedNetwork],
    /// How files come onto a server.
    pub files: Files,
    /// Whether a flavor goes by its id in cloud.json; by its name otherwise.
    pub sizes_by_id: bool,
    /// Whether the progress that Nova tells of a server is one: elsewhere it stays 0.
    pub tells_progress: bool,
    /// What people are told to check when a login is refused.
    pub credentials: &'static str,
}

/// A network that every account has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedNetwork {
    /// Under which its addresses are listed.
    pub name: &'static str,
    /// The id that stands for it.
    pub id: &'static str,
    /// Whether its addresses can be reached from everywhere.
    pub is_public: bool,
}

/// How files come onto a server that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// Written by cloud-init, which is given them as user data.
    CloudInit,
    /// Put there by Nova before it boots. What is beyond its limits cloud-init writes.
    Personality,
}

/// Any OpenStack.
pub const OPENSTACK: Profile = Profile {
    provider: "openstack",
    title: "OpenStack",
    microversions: true,
    has_network_service: true,
    has_image_service: true,
    fixed_networks: &[],
    files: Files::CloudInit,
    sizes_by_id: false,
    tells_progress: false,
    credentials: "check the account's entry in security.json, or in clouds.yaml, or OS_*",
};

/// Rackspace's OpenStack of today.
pub const FLEX: Profile = Profile {
    provider: "rackspace-flex",
    title: "Rackspace Cloud",
    credentials: "check the account's entry in security.json: user name, API key and project",
    ..OPENSTACK
};
