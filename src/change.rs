//! What is asked for: a change type, and one request for it.

mod request;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::ObjectId;

pub use request::{Request, Subject, Via, Way, alert_key, issue_key, repo_key};

/// Money in millionths of a US dollar: sums without rounding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cost(pub u64);

impl Cost {
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Cost {
    /// Dollars and cents, rounded up: a cost is never shown too small.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.0.div_ceil(10_000);
        write!(f, "${}.{:02}", cents / 100, cents % 100)
    }
}

/// Limits of one session. The hard ceilings of the product are the default;
/// a prompt file can only lower them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Model calls with a reply, over all attempts.
    pub turns: u32,
    /// Seconds of model and tool time, over all attempts.
    pub agent_seconds: u64,
    /// Verified results of the agent that may be refused before it ends.
    pub attempts: u32,
    /// Money for the agent and the judge together, in millionths of a dollar.
    pub cost: Cost,
}

impl Default for Limits {
    fn default() -> Self {
        Self { turns: 10, agent_seconds: 300, attempts: 3, cost: Cost(1_000_000) }
    }
}

impl Limits {
    #[must_use]
    pub fn agent_time(&self) -> Duration {
        Duration::from_secs(self.agent_seconds)
    }

    /// The smaller of both, limit by limit.
    #[must_use]
    pub fn at_most(self, ceiling: Self) -> Self {
        Self {
            turns: self.turns.min(ceiling.turns),
            agent_seconds: self.agent_seconds.min(ceiling.agent_seconds),
            attempts: self.attempts.min(ceiling.attempts),
            cost: self.cost.min(ceiling.cost),
        }
    }
}

/// A kind of change, read from a prompt file (`prompts/*.md`): YAML front
/// matter, then the end state to reach, written for the model.
#[derive(Debug, Clone)]
pub struct ChangeType {
    /// The file's stem: `bump`.
    pub name: String,
    /// The label that asks for it: `agent:bump`.
    pub label: String,
    /// For people: "Dependency bump".
    pub title: String,
    /// Globs of the paths that the agent may touch.
    pub may_touch: Vec<String>,
    /// Rules of test integrity whose findings are reported but do not stop
    /// the change.
    pub allows: Vec<String>,
    pub limits: Limits,
    /// The end state, with `{{package}}`, `{{from}}`, `{{to}}` to fill in.
    pub prompt: String,
}

impl ChangeType {
    /// The end state for this package and these versions. `done` says what
    /// the engine has done already, `sources` where the new version can be
    /// read about.
    #[must_use]
    pub fn end_state(&self, resolved: &Resolved, done: &str, sources: &str) -> String {
        self.prompt
            .replace("{{done}}", done)
            .replace("{{sources}}", sources)
            .replace("{{package}}", &resolved.package)
            .replace("{{from}}", &resolved.from)
            .replace("{{to}}", &resolved.to)
    }
}

/// Whose packages, whose manifests and whose rules of versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    #[default]
    Npm,
    Maven,
}

/// A package and the version asked for, as a person wrote them; nothing has
/// been looked up yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bump {
    pub package: String,
    /// An exact version; `None` asks for the newest one.
    pub version: Option<String>,
}

impl fmt::Display for Bump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.package),
            None => f.write_str(&self.package),
        }
    }
}

/// What a person may do in a repository, as GitHub says it. Anything that
/// GitHub says and we do not know is `None`: it fails closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    Admin,
    Maintain,
    Write,
    Triage,
    Read,
    None,
}

impl Permission {
    /// From `role_name` or the older `permission` field of GitHub's answer.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "admin" => Self::Admin,
            "maintain" => Self::Maintain,
            "write" | "push" => Self::Write,
            "triage" => Self::Triage,
            "read" | "pull" => Self::Read,
            _ => Self::None,
        }
    }

    /// As GitHub names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Maintain => "maintain",
            Self::Write => "write",
            Self::Triage => "triage",
            Self::Read => "read",
            Self::None => "none",
        }
    }

    #[must_use]
    pub fn can_write(self) -> bool {
        matches!(self, Self::Admin | Self::Maintain | Self::Write)
    }
}

/// A commit of the repository, and the tree in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    pub branch: String,
    pub commit: ObjectId,
    pub tree: ObjectId,
}

/// How a package gets to its new version, from the lightest way on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It is declared in a manifest of this repository.
    #[default]
    Direct,
    /// npm: the ranges in place allow it; only the lockfile changes.
    InRangeRefresh,
    /// npm: the lowest release of what pulls it in that allows it, within the
    /// same major. Maven: of the dependency that pulls it in.
    AncestorBump,
    /// As before, across a major.
    AncestorMajor,
    /// npm: an override that holds below one parent only.
    Override,
    /// Maven: the parent or imported bill of materials that manages it.
    BomBump,
    /// Maven: the property by which the parent or bill of materials lets the
    /// version be set.
    BomProperty,
    /// Maven: an entry in `dependencyManagement` of the pom that owns it.
    ManagedPin,
}

impl Step {
    /// The stable name, as serde writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::InRangeRefresh => "in_range_refresh",
            Self::AncestorBump => "ancestor_bump",
            Self::AncestorMajor => "ancestor_major",
            Self::Override => "override",
            Self::BomBump => "bom_bump",
            Self::BomProperty => "bom_property",
            Self::ManagedPin => "managed_pin",
        }
    }
}

/// Another package that moves along, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub package: String,
    pub from: String,
    pub to: String,
    /// "its peer range", "the same release train", "asked for too".
    pub why: String,
}

/// Why another package moved, when the request named it.
pub const ASKED_TOO: &str = "asked for too";

/// What the bump room decided: the version, and where it is declared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    #[serde(default)]
    pub ecosystem: Ecosystem,
    pub package: String,
    /// The version in place before the change: the lowest one, when there
    /// are several.
    pub from: String,
    pub to: String,
    #[serde(default)]
    pub step: Step,
    /// Why this version and this step, one sentence each.
    #[serde(default)]
    pub reasons: Vec<String>,
    #[serde(default)]
    pub others: Vec<Moved>,
}

impl Resolved {
    /// `agent/bump/<package>-<version>`, with the characters that a branch
    /// name cannot hold replaced.
    #[must_use]
    pub fn branch(&self) -> String {
        let package = self.package.trim_start_matches('@').replace('/', "-");
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-+".contains(c) { c } else { '-' };
        let more = match self.asked_too() {
            0 => String::new(),
            more => format!("-and-{more}-more"),
        };
        let tail: String = format!("{package}-{}{more}", self.to).chars().map(plain).collect();
        format!("agent/bump/{}", tail.replace("..", "--"))
    }

    #[must_use]
    pub fn title(&self) -> String {
        let more = match self.asked_too() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("Bump {} from {} to {}{more}", self.package, self.from, self.to)
    }

    /// How many other packages the request named.
    fn asked_too(&self) -> usize {
        self.others.iter().filter(|moved| moved.why == ASKED_TOO).count()
    }

    /// What the engine did, in one line for a model.
    #[must_use]
    pub fn describe(&self) -> String {
        let step = match self.step {
            Step::Direct => String::new(),
            step => format!(" by the step {}", step.name()),
        };
        let first = format!("bump {} from {} to {}{step}", self.package, self.from, self.to);
        let others = self.others.iter().map(|moved| {
            let Moved { package, from, to, why } = moved;
            format!("with it {package} from {from} to {to} ({why})")
        });
        std::iter::once(first).chain(others).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_shown_rounded_up() {
        assert_eq!(Cost(180_000).to_string(), "$0.18");
        assert_eq!(Cost(1).to_string(), "$0.01");
        assert_eq!(Cost(12_340_001).to_string(), "$12.35");
    }

    #[test]
    fn a_branch_name_is_plain() {
        let resolved = Resolved {
            package: "@scope/pkg".into(),
            from: "1.0.0".into(),
            to: "2.0.0-rc.1".into(),
            ..Resolved::default()
        };
        assert_eq!(resolved.branch(), "agent/bump/scope-pkg-2.0.0-rc.1");
    }

    #[test]
    fn a_prompt_file_can_only_lower_a_limit() {
        let wide = Limits { turns: 99, attempts: 1, ..Limits::default() };
        let kept = wide.at_most(Limits::default());
        assert_eq!((kept.turns, kept.attempts), (10, 1));
    }
}
