//! Security advisories, and the proof that a change answers them.
//!
//! What a Dependabot alert says, as values. The text of an advisory is
//! written by strangers: it is data, never an instruction.

mod read;

use serde::{Deserialize, Serialize};

use crate::change::{Ecosystem, Resolved};

pub use read::{Unreadable, parse_advisory};

/// How bad it is, in GitHub's words, from the mildest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    #[serde(alias = "moderate")]
    Medium,
    High,
    Critical,
}

/// Whether the package runs in production or helps to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Runtime,
    Development,
}

impl Severity {
    /// In GitHub's words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Scope {
    /// In GitHub's words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Development => "development",
        }
    }
}

/// Which alerts are answered without anybody asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub enabled: bool,
    pub min_severity: Severity,
    pub scopes: Vec<Scope>,
}

impl Default for Policy {
    /// All of them.
    fn default() -> Self {
        let scopes = vec![Scope::Runtime, Scope::Development];
        Self { enabled: true, min_severity: Severity::Low, scopes }
    }
}

impl Policy {
    /// Why an alert is left alone; `None` when it is answered. An alert whose
    /// scope GitHub does not know may be a runtime one, so it is answered.
    #[must_use]
    pub fn refusal(&self, advisory: &Advisory) -> Option<String> {
        if !self.enabled {
            return Some("security runs are switched off".to_owned());
        }
        if advisory.severity < self.min_severity {
            let (has, least) = (advisory.severity.name(), self.min_severity.name());
            return Some(format!("the alert's severity is {has}, and {least} is the least that is answered"));
        }
        match advisory.scope {
            Some(scope) if !self.scopes.contains(&scope) => {
                Some(format!("alerts of the scope {} are not answered", scope.name()))
            }
            _ => None,
        }
    }
}

/// Advisories that a title names.
const IN_TITLE: usize = 2;

/// The change in one line, with the advisories that it answers.
#[must_use]
pub fn title(resolved: &Resolved, advisories: &[Advisory]) -> String {
    let mut ids: Vec<&str> = Vec::new();
    for advisory in advisories {
        if !advisory.ghsa.is_empty() && !ids.contains(&advisory.ghsa.as_str()) {
            ids.push(&advisory.ghsa);
        }
    }
    let named = ids.iter().take(IN_TITLE).copied().collect::<Vec<_>>().join(", ");
    match ids.len() {
        0 => resolved.title(),
        many if many > IN_TITLE => format!("{} ({named} and {} more)", resolved.title(), many - IN_TITLE),
        _ => format!("{} ({named})", resolved.title()),
    }
}

/// One advisory about one package, every branch of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advisory {
    /// The alert's number in the repository; `None` outside GitHub.
    #[serde(default)]
    pub alert: Option<u64>,
    #[serde(default)]
    pub ghsa: String,
    pub ecosystem: Ecosystem,
    /// `name`, `@scope/name`, or `group:artifact`.
    pub package: String,
    /// Where GitHub saw the package: often a lockfile. Empty when unknown.
    #[serde(default)]
    pub manifest: String,
    #[serde(default)]
    pub scope: Option<Scope>,
    pub severity: Severity,
    #[serde(default)]
    pub summary: String,
    /// Ranges in GitHub's grammar, such as `>= 4.0.0, < 4.1.3`: a version is
    /// vulnerable when it is in any of them.
    pub vulnerable: Vec<String>,
    /// The first versions without the fault, one for each branch that has
    /// one. Empty: nothing was published yet.
    #[serde(default)]
    pub patched: Vec<String>,
}

/// The advisories about a package by their names, for a sentence.
#[must_use]
pub fn names<'a>(advisories: impl IntoIterator<Item = &'a Advisory>, package: &str) -> String {
    let about = advisories.into_iter().filter(|advisory| advisory.package == package);
    let names: Vec<&str> =
        about.map(|advisory| advisory.ghsa.as_str()).filter(|name| !name.is_empty()).collect();
    if names.is_empty() { "its advisory".to_owned() } else { names.join(", ") }
}

/// One installed copy of the package, after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledCopy {
    pub version: String,
    /// How it comes in: `app > express > qs`, and that it is not from the
    /// registry when it is not.
    pub path: String,
    pub vulnerable: bool,
}

/// Every copy of one package that the changed tree installs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub package: String,
    /// The ranges that were checked.
    pub ranges: Vec<String>,
    pub copies: Vec<InstalledCopy>,
}

impl Proof {
    /// No copy is in a vulnerable range.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.copies.iter().all(|copy| !copy.vulnerable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advisory(ghsa: &str, severity: Severity, scope: Option<Scope>) -> Advisory {
        Advisory {
            alert: None,
            ghsa: ghsa.into(),
            ecosystem: Ecosystem::Npm,
            package: "ms".into(),
            manifest: String::new(),
            scope,
            severity,
            summary: String::new(),
            vulnerable: vec!["< 2".into()],
            patched: vec![],
        }
    }

    #[test]
    fn the_policy_holds_at_its_edges() {
        let policy =
            Policy { min_severity: Severity::High, scopes: vec![Scope::Runtime], ..Policy::default() };
        let off = Policy { enabled: false, ..Policy::default() };
        for (policy, severity, scope, answered) in [
            (&policy, Severity::High, Some(Scope::Runtime), true),
            (&policy, Severity::Critical, None, true),
            (&policy, Severity::Medium, Some(Scope::Runtime), false),
            (&policy, Severity::Critical, Some(Scope::Development), false),
            (&Policy::default(), Severity::Low, Some(Scope::Development), true),
            (&off, Severity::Critical, Some(Scope::Runtime), false),
        ] {
            let refusal = policy.refusal(&advisory("", severity, scope));
            assert_eq!(refusal.is_none(), answered, "{severity:?} {scope:?}: {refusal:?}");
        }
    }

    #[test]
    fn a_title_names_two_advisories_and_counts_the_rest() {
        let resolved = Resolved {
            package: "ms".into(),
            from: "1.0.0".into(),
            to: "2.0.0".into(),
            ..Resolved::default()
        };
        let named = |ids: &[&str]| {
            let all: Vec<Advisory> = ids.iter().map(|id| advisory(id, Severity::Low, None)).collect();
            title(&resolved, &all)
        };
        assert_eq!(named(&[""]), "Bump ms from 1.0.0 to 2.0.0");
        assert_eq!(named(&["GHSA-a", "GHSA-a"]), "Bump ms from 1.0.0 to 2.0.0 (GHSA-a)");
        assert_eq!(named(&["GHSA-a", "GHSA-b"]), "Bump ms from 1.0.0 to 2.0.0 (GHSA-a, GHSA-b)");
        assert_eq!(
            named(&["GHSA-a", "GHSA-b", "GHSA-c"]),
            "Bump ms from 1.0.0 to 2.0.0 (GHSA-a, GHSA-b and 1 more)"
        );
    }
}
