//! The tickets of the way: `Patch` → `Verified` → `Accepted`.
//!
//! Each ticket can be made in one room only, and each room asks for the one
//! before. `publish` asks for an [`Accepted`], so nothing that was not
//! verified and judged can reach it. Rust cannot say "only that module", so
//! the constructors are named `seal` and a test over the sources proves that
//! each is called in its own room only.

use serde::{Deserialize, Serialize};

use crate::ids::ObjectId;

/// One path that the change touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    pub path: String,
    pub kind: ChangeKind,
    pub added: u32,
    pub removed: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// A validated tree, written into the mirror by the host. Made by
/// `workspace` only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    base: ObjectId,
    tree: ObjectId,
    files: Vec<ChangedFile>,
    diff: String,
}

impl Patch {
    /// For `workspace` only. `base` is a commit, `tree` the new tree, `diff`
    /// the unified diff between them.
    #[must_use]
    pub fn seal(base: ObjectId, tree: ObjectId, files: Vec<ChangedFile>, diff: String) -> Self {
        Self { base, tree, files, diff }
    }

    #[must_use]
    pub fn base(&self) -> &ObjectId {
        &self.base
    }

    #[must_use]
    pub fn tree(&self) -> &ObjectId {
        &self.tree
    }

    #[must_use]
    pub fn files(&self) -> &[ChangedFile] {
        &self.files
    }

    #[must_use]
    pub fn diff(&self) -> &str {
        &self.diff
    }
}

/// One check that a repository defines, before and after the change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// `build`, `typecheck`, `lint` or `test`.
    pub check: String,
    /// The command as a person would type it.
    pub command: String,
    pub passed: bool,
    /// Tests that ran and passed, when the runner's output says so.
    pub tests_passed: Option<u32>,
    /// Tests that were there and did not run, when the runner says so.
    #[serde(default)]
    pub skipped: Option<u32>,
    /// Tests that failed, by name, sorted; of a lint or a type check, its
    /// complaints. The names are the same from run to run.
    pub failing: Vec<String>,
    /// What the runner's own report says about them, when it could be read.
    #[serde(default)]
    pub failures: Vec<TestFailure>,
    /// Why it failed, summarised for the model and for people; empty when it
    /// passed.
    pub digest: String,
    /// All that a failed Maven build printed: its first move is read from
    /// it. Never kept with the result, because the session log has it.
    #[serde(skip)]
    pub said: String,
    pub duration_ms: u64,
}

/// One test that failed, or one complaint of a lint or a type check.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TestFailure {
    /// As in [`CheckResult::failing`].
    pub name: String,
    /// Relative to the project: where it failed, as near as is known.
    pub file: Option<String>,
    pub line: Option<u32>,
    pub message: String,
}

/// What the checks of one tree said, once what failed had run again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub checks: Vec<CheckResult>,
    /// Tests that failed and then passed on the same tree, by name, sorted.
    /// In `checks` they count as passed.
    #[serde(default)]
    pub flaky: Vec<String>,
}

/// How a change's checks differ from the base's. Tests and findings stand
/// here by their names, a check that names none by its command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delta {
    pub newly_failing: Vec<String>,
    pub newly_passing: Vec<String>,
    /// Failed by name before, and still do.
    pub still_failing: Vec<String>,
    /// Failed on one of the two trees, and passed there when run again.
    pub flaky: Vec<String>,
    /// What ran before and does not any more, in words.
    pub vanished: Vec<String>,
    /// Checks that fail as a whole before and after: they prove nothing.
    pub unverified: Vec<String>,
}

/// What verification says about a tree, next to the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing that passed before fails now, and something ran.
    Passed {
        checks: Vec<CheckResult>,
        #[serde(default)]
        delta: Box<Delta>,
    },
    /// Something that passed before fails now, or is gone.
    Broke {
        checks: Vec<CheckResult>,
        newly_failing: Vec<String>,
        digest: String,
        #[serde(default)]
        delta: Box<Delta>,
    },
    /// The untouched base cannot be built.
    BaselineBroken { digest: String },
    /// No check is defined, or none could prove anything.
    NothingRan {
        #[serde(default)]
        reason: String,
    },
}

/// A patch whose verification passed. Made by `verify` only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    patch: Patch,
    checks: Vec<CheckResult>,
    #[serde(default)]
    delta: Box<Delta>,
}

impl Verified {
    /// For `verify` only.
    #[must_use]
    pub fn seal(patch: Patch, checks: Vec<CheckResult>) -> Self {
        Self { patch, checks, delta: Box::default() }
    }

    /// For `verify` only: the same, with what the comparison showed.
    #[must_use]
    pub fn seal_compared(patch: Patch, checks: Vec<CheckResult>, delta: Box<Delta>) -> Self {
        Self { patch, checks, delta }
    }

    /// How the checks differ from the base's.
    #[must_use]
    pub fn delta(&self) -> &Delta {
        &self.delta
    }

    #[must_use]
    pub fn patch(&self) -> &Patch {
        &self.patch
    }

    #[must_use]
    pub fn checks(&self) -> &[CheckResult] {
        &self.checks
    }
}

/// The names of the rules, of test integrity, which a change type's `allows`
/// may hold.
pub const RULES: [&str; 16] = [
    "test-deleted",
    "test-skipped",
    "test-excluded",
    "assertion-dropped",
    "assertion-loosened",
    "exception-swallowed",
    "snapshot-rewritten",
    "threshold-lowered",
    "script-changed",
    "ci-changed",
    "suppression-added",
    "unsafe-flag-added",
    "mock-stubbed",
    "lockfile-edited",
    "version-edited",
    "unparsable",
];

/// One weakening of the tests or checks that `integrity` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's stable name, such as `test-deleted`.
    pub rule: String,
    pub path: String,
    /// 1-based line in the changed file, when there is one.
    pub line: Option<u32>,
    pub message: String,
}

/// Where a line of a diff stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Added,
    Removed,
    Context,
}

/// A line of the diff that the judge points at; it was looked up there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    pub file: String,
    pub side: Side,
    /// 1-based, in the changed file; in the old one for a removed line.
    pub line: u32,
    pub text: String,
}

/// One question that the judge answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// `in_scope`, `safe`, `complete` or `quality`.
    pub name: String,
    pub ok: bool,
    /// Model text.
    pub note: String,
    pub evidence: Vec<Quoted>,
}

/// What the judge says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Accept,
    Veto,
    /// There is no answer that can be used.
    Unavailable,
}

impl Decision {
    /// The stable name, as serde writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Veto => "veto",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A patch that verification, integrity and the judge let through. Made by
/// `judge` only; `publish` asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    verified: Verified,
    reason: String,
    /// What the judge said instead, where it only reports.
    #[serde(default)]
    dissent: Option<Decision>,
}

impl Accepted {
    /// For `judge` only.
    #[must_use]
    pub fn seal(verified: Verified, reason: String) -> Self {
        Self { verified, reason, dissent: None }
    }

    /// For `judge` only, where it reports and does not block: the ticket
    /// carries what it said.
    #[must_use]
    pub fn seal_despite(verified: Verified, said: Decision, reason: String) -> Self {
        Self { verified, reason, dissent: Some(said) }
    }

    /// A veto, or no answer, of a judge that does not block.
    #[must_use]
    pub fn dissent(&self) -> Option<Decision> {
        self.dissent
    }

    #[must_use]
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    #[must_use]
    pub fn patch(&self) -> &Patch {
        &self.verified.patch
    }

    /// The judge's reason, model text: quote it, never trust it.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
