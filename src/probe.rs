//! Asking a server whether it serves: the only requests of this program that go to no provider.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::model::{Probe, chain};

/// For how long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who asks.
#[derive(Clone, Debug, Default)]
pub enum Prober {
    /// The server itself is asked.
    #[default]
    Real,
    /// This socket is asked in the place of every server: in practice, none is at its address.
    At(SocketAddr),
    /// Nobody is asked, and everything counts as answered: the built-in practice cloud's servers
    /// are nowhere.
    Nobody,
}

impl Prober {
    /// Asks once.
    ///
    /// # Errors
    /// What was asked, where, and why that is no answer, in words.
    pub async fn ask(&self, at: IpAddr, probe: &Probe) -> Result<(), String> {
        let port = match probe {
            Probe::Tcp { tcp } => *tcp,
            Probe::Http { port, .. } => *port,
        };
        let socket = match self {
            Self::Real => SocketAddr::new(at, port),
            Self::At(socket) => *socket,
            Self::Nobody => return Ok(()),
        };
        let answer = async {
            match probe {
                Probe::Tcp { .. } => connect(socket).await,
                Probe::Http { http, .. } => get(socket, http).await,
            }
        };
        let answered = match timeout(PATIENCE, answer).await {
            Ok(answered) => answered,
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        answered.map_err(|why| format!("{probe} at {at}: {why}"))
    }
}

async fn connect(socket: SocketAddr) -> Result<(), String> {
    let connected = TcpStream::connect(socket).await;
    connected.map(drop).map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => "the connection is refused".to_owned(),
        _ => error.to_string(),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "no account is asked, and nothing secret is sent"
)]
async fn get(socket: SocketAddr, path: &str) -> Result<(), String> {
    // Refused is told in the same words as without HTTP.
    connect(socket).await?;
    // It is never used, but without one no client is made. Fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .user_agent(concat!("cloudbuilder/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .tls_certs_only([])
        // Where it leads to is another question.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| chain(&error))?;
    let answer = client.get(format!("http://{socket}{path}")).send().await;
    let status = answer
        .map_err(|error| chain(&error.without_url()))?
        .status();
    match status.is_success() || status.is_redirection() {
        true => Ok(()),
        false => Err(format!("the answer is {status}")),
    }
}
