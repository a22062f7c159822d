//! What Maven prints about its goals: which ran, which failed, and what could
//! not be had. Why they failed is for `digest` to say; that a build failed is
//! decided by its exit code.

use std::collections::BTreeSet;

use crate::verify::digest::Category;
use crate::verify::digest::goal::{self, Goal};

/// Lines about what could not be resolved.
const LINES: usize = 60;

/// What a plugin's goal checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Build,
    Test,
    Lint,
}

/// One build's log.
#[derive(Debug)]
pub(super) struct Log {
    ran: BTreeSet<Kind>,
    failed: BTreeSet<Kind>,
}

impl Log {
    pub(super) fn read(said: &str) -> Self {
        let mut log = Self { ran: BTreeSet::new(), failed: BTreeSet::new() };
        for line in said.lines().filter(|line| line.starts_with('[')) {
            if let Some(goal) = goal::started(line) {
                log.ran.insert(kind(&goal));
            } else if let Some(goal) = goal::failed(line) {
                let kind = kind(&goal);
                log.ran.insert(kind);
                log.failed.insert(kind);
            } else if line.starts_with("[ERROR] Failed to execute goal on project") {
                log.failed.insert(Kind::Build);
            }
        }
        log
    }

    pub(super) fn ran(&self, kind: Kind) -> bool {
        self.ran.contains(&kind)
    }

    pub(super) fn failed(&self, kind: Kind) -> bool {
        self.failed.contains(&kind)
    }
}

fn kind(goal: &Goal) -> Kind {
    match goal.category() {
        Category::Test => Kind::Test,
        Category::Enforcer | Category::DependencyLock => Kind::Lint,
        _ => Kind::Build,
    }
}

/// What could not be resolved, if anything.
pub(super) fn unresolved(said: &str) -> Option<String> {
    let mut seen = BTreeSet::new();
    let lines = said
        .lines()
        .filter_map(|line| line.strip_prefix("[ERROR]"))
        .filter(|line| goal::is_unresolved(line))
        .map(|line| line.split(" -> [Help").next().unwrap_or(line).trim())
        .filter(|line| seen.insert(*line));
    let said: Vec<&str> = lines.take(LINES).collect();
    (!said.is_empty()).then(|| said.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_sorted_by_what_they_check() {
        for (goal, expected) in [
            ("org.apache.maven.plugins:maven-compiler-plugin:3.1:compile", Kind::Build),
            ("org.apache.maven.plugins:maven-surefire-plugin:3.1:test", Kind::Test),
            ("org.apache.maven.plugins:maven-failsafe-plugin:3.1:verify", Kind::Test),
            ("com.carrotsearch.randomizedtesting:junit4-maven-plugin:2.8:junit4", Kind::Test),
            ("org.apache.maven.plugins:maven-enforcer-plugin:3.1:enforce", Kind::Lint),
            ("com.github.spotbugs:spotbugs-maven-plugin:4.8:check", Kind::Lint),
            ("org.jenkins-ci.tools:maven-hpi-plugin:3.1:validate-hpi", Kind::Lint),
            ("org.apache.maven.plugins:maven-dependency-plugin:3.1:analyze-only", Kind::Lint),
            ("org.apache.maven.plugins:maven-dependency-plugin:3.1:copy", Kind::Build),
            ("se.vandmo:dependency-lock-maven-plugin:0.1:check", Kind::Lint),
            ("org.jetbrains.kotlin:kotlin-maven-plugin:1.9:compile", Kind::Build),
        ] {
            let said = format!("[ERROR] Failed to execute goal {goal} (default) on project a: no");
            let log = Log::read(&said);
            assert!(log.failed(expected) && log.failed.len() == 1, "{goal}: {:?}", log.failed);
        }
        let ran = Log::read("[INFO] --- enforcer:3.5.0:enforce (default) @ a ---\n");
        assert!(ran.ran(Kind::Lint) && !ran.failed(Kind::Lint));
    }

    #[test]
    fn a_missing_artifact_is_no_compile_failure() {
        let missing = "[ERROR] Failed to execute goal on project a: Could not resolve dependencies for project x:a:jar:1: Could not find artifact com.acme:greeter:jar:9.9.9 in gateway";
        assert!(unresolved(missing).unwrap().contains("com.acme:greeter:jar:9.9.9"));
        assert_eq!(unresolved("[ERROR] /work/A.java:[1,1] cannot find symbol"), None);
    }
}
