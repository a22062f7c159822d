//! What went wrong, said twice: once for people, once for the log.
//!
//! `public` may be posted to GitHub. `source` is only ever logged, because
//! it can carry text of a repository, a model or a remote server. Rooms make
//! a failure where they know its meaning; nobody classifies one by reading
//! its text.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::outcome::Outcome;

/// Who can do something about a failure, which decides whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It may work later: the job goes back to the queue, with a delay.
    Transient,
    /// Only the person who asked can change it: the session ends.
    UserFault,
    /// Ours: the session ends with `internal_error`, unless it names another.
    Bug,
    /// The lease is lost or the run was stopped: write nothing more.
    LeaseLost,
}

/// A line of a repository's own configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigRefusal {
    /// In the repository.
    pub path: String,
    /// From 1 on.
    pub line: u64,
    /// Completes "could not …".
    pub reason: String,
}

/// A step that could not be done.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    outcome: Outcome,
    public: String,
    delay: Option<Duration>,
    refusals: Vec<ConfigRefusal>,
    source: Option<anyhow::Error>,
}

impl Failure {
    /// It may work later; `outcome` is what the session ends with when the
    /// retries are used up. `public` completes the sentence "could not …".
    pub fn transient(outcome: Outcome, public: impl Into<String>) -> Self {
        Self::new(Kind::Transient, outcome, public)
    }

    /// The request or the repository is at fault.
    pub fn user(outcome: Outcome, public: impl Into<String>) -> Self {
        Self::new(Kind::UserFault, outcome, public)
    }

    /// The repository's own configuration cannot be used: nothing of it is,
    /// and a person is told every line.
    #[must_use]
    pub fn misconfigured(refusals: Vec<ConfigRefusal>) -> Self {
        let path = refusals.first().map_or("the configuration", |refusal| refusal.path.as_str());
        let lines: Vec<String> = refusals
            .iter()
            .map(|ConfigRefusal { line, reason, .. }| format!("line {line}: could not {reason}"))
            .collect();
        let between = if lines.len() == 1 { " " } else { "\n" };
        let public = format!("use {path}:{between}{}", lines.join("\n"));
        Self { refusals, ..Self::new(Kind::UserFault, Outcome::DeclinedPolicy, public) }
    }

    /// Our own fault.
    pub fn bug(public: impl Into<String>) -> Self {
        Self::new(Kind::Bug, Outcome::InternalError, public)
    }

    /// Another worker holds the job now.
    #[must_use]
    pub fn lease_lost() -> Self {
        Self::new(Kind::LeaseLost, Outcome::Superseded, "keep the lease")
    }

    /// Adds the cause, for the log only.
    #[must_use]
    pub fn because(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Trying again sooner than this cannot help.
    #[must_use]
    pub fn not_before(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    fn new(kind: Kind, outcome: Outcome, public: impl Into<String>) -> Self {
        Self { kind, outcome, public: public.into(), delay: None, refusals: Vec::new(), source: None }
    }

    /// How long to wait before it is tried again, where that is known.
    #[must_use]
    pub fn delay(&self) -> Option<Duration> {
        self.delay
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The lines of the repository's configuration that are at fault, if that
    /// is what went wrong.
    #[must_use]
    pub fn refusals(&self) -> &[ConfigRefusal] {
        &self.refusals
    }

    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What may be posted: completes "could not …".
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}", self.public)?;
        match &self.source {
            Some(source) => write!(f, ": {source:#}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
