//! OpenStack: its servers, keys, zones and records read and written through the public APIs of
//! Keystone, Nova, Glance, Neutron and Designate.
//!
//! Facts about the APIs come from their public descriptions (the `api-ref` of each service) and
//! from what the services of 2026 answered; a comment says so where one of them is surprising.

pub mod login;
pub mod profile;
