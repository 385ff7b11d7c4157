use std::fmt;

use serde::{Deserialize, Serialize};

/// A question by which something shows that it serves.
///
/// ```
/// use cloudbuilder::model::Probe;
///
/// let probe: Probe = serde_json::from_str(r#"{"http": "/health", "port": 8080}"#)?;
/// assert_eq!(probe.to_string(), "http :8080/health");
/// assert_eq!(Probe::Tcp { tcp: 22 }.to_string(), "tcp 22");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Probe {
    /// Somebody takes a connection.
    Tcp {
        /// At this port.
        tcp: u16,
    },
    /// A GET is answered, and not with an error.
    Http {
        /// Of this path.
        http: String,
        /// At this port.
        port: u16,
    },
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { tcp } => write!(f, "tcp {tcp}"),
            Self::Http { http, port } => write!(f, "http :{port}{http}"),
        }
    }
}
