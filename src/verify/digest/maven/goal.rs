//! What a plugin's goal checks: that is what failed when the goal fails.

use std::sync::LazyLock;

use regex::Regex;

use super::super::Category;

const TESTERS: [&str; 12] = [
    "surefire",
    "failsafe",
    "junit",
    "tycho-surefire",
    "testng",
    "scalatest",
    "specs2",
    "jasmine",
    "invoker",
    "cucumber",
    "karate",
    "arquillian",
];
const COMPILERS: [&str; 15] = [
    "compiler",
    "kotlin",
    "groovy",
    "gmavenplus",
    "gmaven",
    "scala",
    "takari-lifecycle",
    "aspectj",
    "tycho-compiler",
    "eclipse-compiler",
    "annotation-processor",
    "apt",
    "clojure",
    "javadoc",
    "processor",
];
const POLICIES: [&str; 22] = [
    "enforcer",
    "checkstyle",
    "spotbugs",
    "findbugs",
    "pmd",
    "license",
    "animal-sniffer",
    "japicmp",
    "clirr",
    "revapi",
    "rat",
    "apache-rat",
    "forbiddenapis",
    "spotless",
    "jacoco",
    "duplicate-finder",
    "modernizer",
    "dependency-check",
    "sortpom",
    "errorprone",
    "ossindex",
    "fmt",
];

#[expect(clippy::expect_used, reason = "the expressions are literals, and a test uses them all")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal expression compiles")
}

/// `maven-enforcer-plugin:3.5.0:enforce (id) @ module`, and since Maven 3.9
/// `enforcer:3.5.0:enforce`.
static RAN: LazyLock<Regex> = LazyLock::new(|| regex(r"^\[INFO\] --- (\S+?):[^:\s]+:(\S+) .*@ "));
static FAILED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^\[ERROR\] Failed to execute goal (?:[^:\s]+:)?([^:\s]+):([^:\s]+):(\S+)(?: \([^)]*\))?(?: on project ([^:\s]+))?:?\s*(.*)",
    )
});

/// A goal that was started or that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::verify) struct Goal {
    /// Without the words that all plugins' names have.
    pub(in crate::verify) plugin: String,
    pub(in crate::verify) goal: String,
    /// As it is shown: plugin, version, goal, module.
    pub(super) shown: String,
    /// What the failure says, on its first line.
    pub(super) said: String,
}

fn short(plugin: &str) -> String {
    plugin.trim_start_matches("maven-").trim_end_matches("-plugin").trim_end_matches("-maven").to_owned()
}

/// The goal that a line says is started.
pub(in crate::verify) fn started(line: &str) -> Option<Goal> {
    if !line.starts_with("[INFO] --- ") {
        return None;
    }
    let found = RAN.captures(line)?;
    let (plugin, goal) = (found.get(1)?.as_str(), found.get(2)?.as_str());
    Some(Goal { plugin: short(plugin), goal: goal.to_owned(), shown: String::new(), said: String::new() })
}

/// The goal that a line says has failed.
pub(in crate::verify) fn failed(line: &str) -> Option<Goal> {
    if !line.starts_with("[ERROR] Failed to execute goal ") {
        return None;
    }
    let found = FAILED.captures(line)?;
    let part = |index: usize| found.get(index).map(|part| part.as_str()).unwrap_or_default();
    let module = if part(4).is_empty() { String::new() } else { format!(" on project {}", part(4)) };
    Some(Goal {
        plugin: short(part(1)),
        goal: part(3).to_owned(),
        shown: format!("{}:{}:{}{module}", part(1), part(2), part(3)),
        said: part(5).to_owned(),
    })
}

impl Goal {
    /// What it checks.
    pub(in crate::verify) fn category(&self) -> Category {
        let (name, goal) = (self.plugin.as_str(), self.goal.as_str());
        let check = ["check", "analyze", "verify"].iter().any(|word| goal.contains(word));
        let is = |names: &[&str]| names.iter().any(|known| name.starts_with(known));
        if name.starts_with("dependency-lock") {
            Category::DependencyLock
        } else if is(&TESTERS) {
            Category::Test
        } else if name == "hpi" && goal.starts_with("validate") {
            Category::Enforcer
        } else if ["dependency", "jacoco", "license"].contains(&name) {
            // These also do work that is not a check.
            match (check, name) {
                (true, _) => Category::Enforcer,
                (false, "dependency") => Category::DependencyResolution,
                (false, _) => Category::Unknown,
            }
        } else if is(&POLICIES) {
            Category::Enforcer
        } else if is(&COMPILERS) || goal.ends_with("ompile") {
            Category::Compilation
        } else if goal == "test" || goal == "integration-test" {
            Category::Test
        } else {
            Category::Unknown
        }
    }
}

/// Words of Maven about something that cannot be had.
static UNRESOLVED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        "Could not resolve dependencies|Could not find artifact|Could not transfer artifact|Non-resolvable parent|\
         Non-resolvable import|could not be resolved|Failed to read artifact descriptor|\
         Unresolveable build extension|No versions available|Failed to collect dependencies|\
         No plugin found for prefix|in offline mode and the artifact|Failed to resolve version",
    )
});

/// Whether the text is about something that cannot be had.
pub(in crate::verify) fn is_unresolved(text: &str) -> bool {
    UNRESOLVED.is_match(text)
}
