//! Test integrity: a change may not be made green by weakening what checks
//! it.
//!
//! Deterministic, no model. The rules see every changed file before and
//! after; each finding stops the change. A rule prefers to stop an honest
//! change, which a person can make by hand, to letting a weakened test pass.

mod base_tests;
mod config;
mod java;
mod maven;
mod tests_kept;
mod tokens;

use crate::evidence::Finding;
use crate::manager::LOCKFILES;

pub use base_tests::{BaseTests, base_tests, is_test_file, still_compiling};

/// One changed file; `None` where it does not exist.
#[derive(Debug, Clone)]
pub struct FilePair {
    pub path: String,
    pub before: Option<Vec<u8>>,
    pub after: Option<Vec<u8>>,
}

impl FilePair {
    fn before_text(&self) -> String {
        text_of(self.before.as_ref())
    }

    fn after_text(&self) -> String {
        text_of(self.after.as_ref())
    }

    fn finding(&self, rule: &str, message: impl Into<String>) -> Finding {
        Finding { rule: rule.to_owned(), path: self.path.clone(), line: None, message: message.into() }
    }
}

fn text_of(bytes: Option<&Vec<u8>>) -> String {
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

/// Everything that weakens a test or a check; empty is good.
#[must_use]
pub fn check(pairs: &[FilePair]) -> Vec<Finding> {
    pairs
        .iter()
        .flat_map(|pair| {
            let mut findings = config::check(pair);
            findings.extend(tests_kept::check(pair));
            findings.extend(maven::check(pair));
            findings.extend(java::check(pair));
            if is_lockfile(&pair.path) && pair.before != pair.after {
                findings.push(pair.finding("lockfile-edited", "a lockfile is not as the engine left it"));
            }
            findings
        })
        .collect()
}

/// Does the engine itself change such a file? Then what it left is the state
/// before, not what the base has.
#[must_use]
pub fn is_engines(path: &str) -> bool {
    maven::is_pom(path) || maven::is_setting(path) || path.ends_with(".xml") || is_lockfile(path)
}

fn is_lockfile(path: &str) -> bool {
    LOCKFILES.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// For a row of the status comment.
#[must_use]
pub fn summary(findings: &[Finding]) -> String {
    match findings {
        [] => "no test or check weakened".to_owned(),
        [one] => format!("{} in {}", one.rule, one.path),
        [one, more @ ..] => format!("{} in {}, and {} more", one.rule, one.path, more.len()),
    }
}

/// For the model: what to put back.
#[must_use]
pub fn digest(findings: &[Finding]) -> String {
    let lines: Vec<String> =
        findings.iter().map(|finding| format!("- {}: {}", finding.path, finding.message)).collect();
    format!(
        "the change weakens tests or checks, which is never accepted; put these back:\n{}",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lockfile_is_the_engines_at_any_depth_and_by_its_whole_name_only() {
        let rules = |path: &str, before: &str| -> Vec<String> {
            let bytes = |text: &str| Some(text.as_bytes().to_vec());
            let pair = FilePair { path: path.into(), before: bytes(before), after: bytes("now") };
            assert_eq!(is_engines(path), !path.contains("x-"), "{path}");
            check(&[pair]).into_iter().map(|finding| finding.rule).collect()
        };
        for path in ["package-lock.json", "docs/a/yarn.lock", "vendor/pnpm-lock.yaml"] {
            assert_eq!(rules(path, "then"), ["lockfile-edited"], "{path}");
            assert!(rules(path, "now").is_empty(), "{path}");
        }
        assert!(rules("src/x-package-lock.json", "then").is_empty());
    }
}
