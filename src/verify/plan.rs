//! Which checks there are, in which order, and with which commands. Values
//! only: what is detected and what the repository declares come together
//! here.

use std::collections::BTreeMap;
use std::time::Duration;

use super::node::script::Teller;
use super::{CHECK_TIMEOUT, maven};
use crate::manager::Manager;

/// What a check is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckKind {
    Build,
    Typecheck,
    Lint,
    Test,
}

impl CheckKind {
    /// In the order in which they run.
    pub const ALL: [Self; 4] = [Self::Build, Self::Typecheck, Self::Lint, Self::Test];

    /// As results and `.github/agent.yml` call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Typecheck => "typecheck",
            Self::Lint => "lint",
            Self::Test => "test",
        }
    }
}

/// What a repository says about one of its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is not run.
    Off,
    /// These commands, in words, instead of what would be detected.
    Commands(Vec<Vec<String>>),
}

/// The `verify` section of `.github/agent.yml`, from the base: it wins over
/// everything that is detected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    pub checks: BTreeMap<CheckKind, Told>,
    /// How long each command of a check may take, where it is said.
    pub timeouts: BTreeMap<CheckKind, Duration>,
}

impl Declared {
    /// Is every check off?
    pub(super) fn is_off(&self) -> bool {
        CheckKind::ALL.iter().all(|kind| self.checks.get(kind) == Some(&Told::Off))
    }

    /// The declared checks in place of the detected ones of the same kind.
    pub(super) fn over(&self, detected: Vec<Check>, step: impl Fn(&[String]) -> Step) -> Vec<Check> {
        let mut checks: Vec<Check> =
            detected.into_iter().filter(|check| !self.checks.contains_key(&check.kind)).collect();
        for (kind, told) in &self.checks {
            if let Told::Commands(commands) = told {
                let steps = commands.iter().map(|words| step(words)).collect();
                checks.push(Check { kind: *kind, steps, timeout: CHECK_TIMEOUT });
            }
        }
        for check in &mut checks {
            check.timeout = self.timeout(check.kind);
        }
        checks.sort_by_key(|check| check.kind);
        checks
    }

    /// For one command of a check.
    pub(super) fn timeout(&self, kind: CheckKind) -> Duration {
        self.timeouts.get(&kind).copied().unwrap_or(CHECK_TIMEOUT)
    }
}

/// The checks to run, fixed from the untouched base: a change cannot choose
/// what it is checked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(super) checks: Vec<Check>,
    /// A Maven build, which is several checks at once; [`Self::checks`] are
    /// then those that the repository declares.
    pub(super) maven: Option<maven::Build>,
    pub(super) manager: Manager,
    pub(super) root: String,
}

/// One check: it passes when all of its commands do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) kind: CheckKind,
    pub(super) steps: Vec<Step>,
    pub(super) timeout: Duration,
}

/// One command of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// As a person would type it.
    pub(super) argv: Vec<String>,
    /// Relative to the project's root; not empty for a workspace.
    pub(super) dir: String,
    /// How it is made to write a report.
    pub(super) teller: Option<Teller>,
    /// Its program may be one of an installed package's.
    pub(super) is_bare: bool,
}

impl Step {
    pub(super) fn shown(&self) -> String {
        let words = self.argv.join(" ");
        if self.dir.is_empty() { words } else { format!("(cd {} && {words})", self.dir) }
    }
}

impl Check {
    pub(super) fn shown(&self) -> String {
        self.steps.iter().map(Step::shown).collect::<Vec<_>>().join(" && ")
    }
}
