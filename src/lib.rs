//! cloudbuilder compares what `cloud.json` asks for with what a cloud really holds, prints an
//! ordered plan, and carries it out.

pub mod apply;
pub mod cli;
pub mod config;
pub mod file;
pub mod model;
pub mod plan;
pub mod probe;
pub mod provider;
pub mod refresh;
pub mod render;
pub mod resource;
pub mod sandbox;
pub mod state;
pub mod torture;
