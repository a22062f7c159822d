//! What a repository says for itself: `.github/agent.yml` on its default
//! branch.
//!
//! Read from the base commit's tree, never from a branch that somebody
//! proposes. A file that is not understood to its last key is refused with
//! every line that is wrong: a misspelt limit must not pass for a limit. What
//! is absent is as the service has it. `deploy/agent.schema.json` says the
//! same for editors, and a test keeps the two together.

mod lines;
mod reader;
mod sections;
mod yaml;

use std::collections::BTreeMap;
use std::time::Duration;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::advisory::{Policy, Scope, Severity};
use crate::change::{Cost, Limits, Permission};
use crate::failure::{ConfigRefusal, Failure};
use reader::Faults;

/// Where the file is.
pub const PATH: &str = ".github/agent.yml";

/// Bytes of the file.
const CAP: usize = 64 * 1024;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepoConfig {
    /// Change types by name, on or off; one that is not named is on.
    pub changes: BTreeMap<String, bool>,
    pub paths: Paths,
    pub verify: Verify,
    pub runtime: Runtime,
    pub pull_request: PullRequest,
    pub limits: Lowered,
    /// Releases younger than this are not bumped to.
    pub cooldown_hours: Option<u64>,
    pub triggers: Triggers,
    pub models: Models,
    pub security: Security,
}

/// Which paths a change may touch, as globs in which `*` stays within one
/// directory and `**` does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// All, when absent.
    pub allowed: Option<Vec<String>>,
    /// Never, whatever is allowed.
    pub protected: Vec<String>,
}

/// How the repository is checked. What is absent is detected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verify {
    pub build: Option<Commands>,
    pub typecheck: Option<Commands>,
    pub lint: Option<Commands>,
    pub test: Option<Commands>,
    pub timeout_minutes: Minutes,
}

/// The commands of one check, in words; none when it is off.
///
/// Written as `false`, as a command line, or as a list of those. No shell
/// reads them: a line that needs one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands(pub Vec<Vec<String>>);

/// How long each command of a check may take: a number for all of them, or
/// one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Minutes {
    all: Option<u64>,
    each: BTreeMap<String, u64>,
}

impl Minutes {
    /// Those of one check.
    #[must_use]
    pub fn of(&self, check: &str) -> Option<u64> {
        self.each.get(check).copied().or(self.all)
    }
}

/// What the commands run on. What is absent is read from the repository's
/// other files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Runtime {
    /// A major of Node.
    pub node: Option<u64>,
    /// A major of the JDK.
    pub jdk: Option<u64>,
}

/// How the pull request is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullRequest {
    pub draft: bool,
    pub labels: Vec<String>,
    /// Logins.
    pub reviewers: Vec<String>,
}

/// Limits of a session: each can lower the service's and the change type's,
/// and never raises them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lowered {
    pub turns: Option<u32>,
    pub agent_seconds: Option<u64>,
    pub attempts: Option<u32>,
    pub cost: Option<Cost>,
}

/// Who may start a run, of those with write access.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Triggers {
    /// The least role.
    pub role: Option<Role>,
    /// Logins; everybody with the role, when absent.
    pub people: Option<Vec<String>>,
}

/// A role that can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Write,
    Maintain,
    Admin,
}

impl Role {
    /// GitHub's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// Of a permission that can write.
    #[must_use]
    pub fn of(permission: Permission) -> Option<Self> {
        match permission {
            Permission::Admin => Some(Self::Admin),
            Permission::Maintain => Some(Self::Maintain),
            Permission::Write => Some(Self::Write),
            Permission::Triage | Permission::Read | Permission::None => None,
        }
    }
}

/// Which models are asked, of those that the service lets a repository choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Models {
    pub agent: Option<String>,
    pub judge: Option<String>,
}

/// Which alerts are answered in this repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    pub enabled: Option<bool>,
    pub min_severity: Option<Severity>,
    pub scopes: Option<Vec<Scope>>,
}

/// What the service has, for what a file may choose from. `None` is not
/// known: then the form of a choice counts only.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Names of change types.
    pub changes: Option<Vec<String>>,
    /// Majors of Node.
    pub node: Option<Vec<u64>>,
    /// Majors of the JDK.
    pub jdk: Option<Vec<u64>>,
    /// Models that a repository may choose.
    pub models: Option<Vec<String>>,
}

impl RepoConfig {
    /// Reads the file's bytes; no file says nothing.
    ///
    /// # Errors
    /// The file is too large, or not what is expected: every fault with its
    /// line, as [`Failure::refusals`].
    pub fn read(file: Option<&[u8]>, known: &Known) -> Result<Self, Failure> {
        match file {
            None => Ok(Self::default()),
            Some(bytes) => Self::check(bytes, known).map_err(Failure::misconfigured),
        }
    }

    /// Reads any bytes.
    ///
    /// # Errors
    /// Every fault with its line.
    pub fn check(bytes: &[u8], known: &Known) -> Result<Self, Vec<ConfigRefusal>> {
        let refused = |line, reason| ConfigRefusal { path: PATH.to_owned(), line, reason };
        if bytes.len() > CAP {
            let reason = format!("use a file of {} bytes: {CAP} are allowed", bytes.len());
            return Err(vec![refused(1, reason)]);
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
            vec![refused(u64::try_from(line).unwrap_or(1), "read it as UTF-8".to_owned())]
        })?;
        let node = yaml::parse(text).map_err(|malformed| {
            let reason = format!("read it as YAML: {}", reader::plain(&malformed.reason));
            vec![refused(malformed.line.unwrap_or(1), reason)]
        })?;
        let mut faults = Faults::default();
        let config = sections::read(&node, known, &mut faults);
        let place = |fault: reader::Fault| refused(yaml::line(text, &fault.trail).unwrap_or(1), fault.reason);
        let mut refusals: Vec<ConfigRefusal> = faults.all().into_iter().map(place).collect();
        refusals.sort_by_key(|refusal| refusal.line);
        if refusals.is_empty() { Ok(config) } else { Err(refusals) }
    }

    /// Is this change type on?
    #[must_use]
    pub fn is_on(&self, change: &str) -> bool {
        self.changes.get(change).copied().unwrap_or(true)
    }

    /// How old a release must be.
    #[must_use]
    pub fn cooldown(&self) -> Option<Duration> {
        self.cooldown_hours.map(|hours| Duration::from_secs(hours.saturating_mul(3600)))
    }

    /// The service's policy with this repository's words in it.
    #[must_use]
    pub fn policy(&self, service: &Policy) -> Policy {
        let own = self.security.clone();
        Policy {
            enabled: own.enabled.unwrap_or(service.enabled),
            min_severity: own.min_severity.unwrap_or(service.min_severity),
            scopes: own.scopes.unwrap_or_else(|| service.scopes.clone()),
        }
    }
}

impl Lowered {
    /// The smaller of both, limit by limit.
    #[must_use]
    pub fn under(self, ceiling: Limits) -> Limits {
        let own = Limits {
            turns: self.turns.unwrap_or(ceiling.turns),
            agent_seconds: self.agent_seconds.unwrap_or(ceiling.agent_seconds),
            attempts: self.attempts.unwrap_or(ceiling.attempts),
            cost: self.cost.unwrap_or(ceiling.cost),
        };
        own.at_most(ceiling)
    }
}

/// The globs of a list, as one set.
///
/// # Errors
/// One of them is no glob.
pub fn globs(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(GlobBuilder::new(pattern).literal_separator(true).build()?);
    }
    set.build()
}

/// For a fuzz target and the property tests: reads any bytes, and checks what
/// must hold for all of them. `false` when a promise is broken.
#[must_use]
pub fn holds_for(bytes: &[u8]) -> bool {
    match RepoConfig::check(bytes, &Known::default()) {
        // Whoever reads it again reads the same.
        Ok(config) => RepoConfig::check(bytes, &Known::default()).as_ref() == Ok(&config),
        Err(refusals) => {
            let lines = 1 + bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
            let is_told = |refusal: &ConfigRefusal| {
                // A parser may find fault with what is missing after the end.
                (1..=lines + 1).contains(&usize::try_from(refusal.line).unwrap_or(usize::MAX))
                    && !refusal.reason.is_empty()
            };
            !refusals.is_empty() && refusals.iter().all(is_told)
        }
    }
}

#[cfg(test)]
mod tests;
