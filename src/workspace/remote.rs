//! Asks the git worker: a child process of this very program.
//!
//! libgit2 has no deadline that safe code can set, and it parses what a
//! remote server sends. In a process of its own it can be killed, and a fault
//! in it ends one fetch.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Settings;
use super::git_worker::{Reply, Request};
use crate::failure::Failure;
use crate::github;
use crate::outcome::Outcome;

/// The environment that a fetch may need: certificates and proxies.
const KEPT: [&str; 9] = [
    "PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Runs one request to its end, or to the deadline.
pub(super) async fn ask(settings: &Settings, request: &Request) -> Result<Reply, Failure> {
    let limit = settings.timeout;
    let late = |_elapsed| Failure::transient(Outcome::FetchFailed, "finish git's work in time");
    tokio::time::timeout(limit, exchange(settings, request)).await.map_err(late)?
}

async fn exchange(settings: &Settings, request: &Request) -> Result<Reply, Failure> {
    let bug = |error: std::io::Error| Failure::bug("run the git worker").because(error);
    let text =
        serde_json::to_vec(request).map_err(|error| Failure::bug("ask the git worker").because(error))?;
    let mut command = Command::new(&settings.worker);
    command
        .arg("git-worker")
        .env_clear()
        // No configuration of a person's: it could send the token elsewhere.
        .env("HOME", "/nonexistent")
        .envs(std::env::vars_os().filter(|(name, _)| KEPT.iter().any(|kept| name == *kept)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(bug)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&text).await.map_err(bug)?;
        stdin.shutdown().await.map_err(bug)?;
    }
    let output = child.wait_with_output().await.map_err(bug)?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::transient(Outcome::FetchFailed, "understand the git worker").because(error))
}

/// Why a push was refused: GitHub's rules have names, which are read in one
/// place.
pub(super) fn refused_push(reply: Reply, what: &str) -> Failure {
    match &reply {
        Reply::Refused(said) => match github::named_refusal(said) {
            Some(outcome) => github::refusal(outcome, said).because(anyhow::anyhow!("refused: {said}")),
            None => failure(reply, what),
        },
        _ => failure(reply, what),
    }
}

/// A reply that is not the one hoped for.
pub(super) fn failure(reply: Reply, what: &str) -> Failure {
    match reply {
        Reply::Refused(message) => {
            Failure::user(Outcome::FetchFailed, what).because(anyhow::anyhow!("refused: {message}"))
        }
        Reply::Failed(message) => {
            Failure::transient(Outcome::FetchFailed, what).because(anyhow::anyhow!(message))
        }
        Reply::Fetched(_) | Reply::Created | Reply::AlreadyThere | Reply::Moved => {
            Failure::bug(what).because(anyhow::anyhow!("the git worker answered another question"))
        }
    }
}
