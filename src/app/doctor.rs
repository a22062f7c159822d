//! `chaperone doctor`: what is missing, and how to mend it.
//!
//! It looks and changes nothing, apart from a file that it writes and removes
//! and a container in which a package manager is asked for its registry.
//! Every finding that is not well comes with what to do about it.

mod app;
mod engine;
mod machine;
mod outside;

use super::Outside;
use crate::config::Config;

/// One thing that was looked at.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub ok: bool,
    /// The service cannot work while this is not well. What is not needed is
    /// worth knowing, or needed for a part of the work only.
    pub needed: bool,
    /// What was found, or what is wrong.
    pub found: String,
    /// What to do about it; empty when all is well.
    pub fix: String,
}

impl Finding {
    fn of(check: &'static str, result: Result<String, String>, fix: impl Into<String>) -> Self {
        match result {
            Ok(found) => Self { check, ok: true, needed: true, found, fix: String::new() },
            Err(found) => Self { check, ok: false, needed: true, found, fix: fix.into() },
        }
    }

    /// What the service can do without, more or less.
    fn note(check: &'static str, result: Result<String, String>, fix: impl Into<String>) -> Self {
        Self { needed: false, ..Self::of(check, result, fix) }
    }

    /// Does it keep the service from working?
    #[must_use]
    pub fn is_in_the_way(&self) -> bool {
        self.needed && !self.ok
    }
}

/// Looks at everything that a session needs.
pub async fn examine(config: &Config, outside: &Outside) -> Vec<Finding> {
    let (engine, registries, model, app) = tokio::join!(
        engine::examine(config),
        outside::registries(config),
        outside::model(config, outside),
        app::examine(config),
    );
    [machine::examine(config), engine, registries, vec![model], app].concat()
}
