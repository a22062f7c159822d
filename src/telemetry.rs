//! The service's own log: structured, with ids, never with bodies or secrets.

use std::io;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error. `RUST_LOG` chooses what; a service says
/// more by default than a command.
///
/// # Errors
/// Logging was started before.
pub fn start(serving: bool, json: bool) -> anyhow::Result<()> {
    let default = if serving { "info" } else { "error" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new(default));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    let started = if json { builder.json().try_init() } else { builder.try_init() };
    started.map_err(|error| anyhow::anyhow!(error)).context("could not start the log")
}
