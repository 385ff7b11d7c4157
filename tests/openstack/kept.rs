//! The contract that every provider keeps, in the real cloud.

use crate::contract::providers::OPENSTACK;
use crate::left::Left;

crate::suite!(OPENSTACK, Left::of);
