//! The regions, as data.

pub(super) const FEATURES: [&str; 6] = [
    "backups",
    "ipv6",
    "metadata",
    "install_agent",
    "storage",
    "image_transfer",
];

/// Slug, name, whether it takes new Droplets.
pub(super) const REGIONS: [(&str, &str, bool); 15] = [
    ("nyc1", "New York 1", true),
    ("sfo1", "San Francisco 1", false),
    ("nyc2", "New York 2", true),
    ("ams2", "Amsterdam 2", false),
    ("sgp1", "Singapore 1", true),
    ("lon1", "London 1", true),
    ("nyc3", "New York 3", true),
    ("ams3", "Amsterdam 3", true),
    ("fra1", "Frankfurt 1", true),
    ("tor1", "Toronto 1", true),
    ("sfo2", "San Francisco 2", true),
    ("blr1", "Bangalore 1", true),
    ("sfo3", "San Francisco 3", true),
    ("syd1", "Sydney 1", true),
    ("atl1", "Atlanta 1", true),
];

/// Where the cheapest size is on offer: few regions, as in life.
pub(super) const FEW: [&str; 6] = ["nyc1", "ams3", "fra1", "sfo3", "sgp1", "syd1"];
