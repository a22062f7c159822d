//! What to do about a build that failed in a way that needs no thought.
//!
//! The enforcer's rules about versions say themselves what they want: the
//! highest version on any path, pinned. A plugin that keeps a lock of all
//! versions wants its lock written anew.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::edits;
use super::model::{self, Gav, Pom};
use super::shelf::Stop;
use super::version::compare;
use crate::bump::edit::Texts;
use crate::failure::Failure;

const SCOPES: [&str; 5] = ["compile", "runtime", "test", "provided", "system"];

/// A move that is known to answer the failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// These artifacts, at these versions, in the dependency management of
    /// the project that failed.
    Pin { project: Option<String>, pins: Vec<Gav> },
    /// Run this goal of the lock plugin, and keep what it writes.
    Lock { goal: String },
}

/// Reads Maven's output; `None` when thought is needed.
#[must_use]
pub fn first_move(log: &str) -> Option<Move> {
    if let Some(goal) = lock_goal(log) {
        return Some(Move::Lock { goal });
    }
    let pins = enforced(log);
    (!pins.is_empty()).then(|| Move::Pin { project: failed_project(log), pins })
}

/// What the rules `RequireUpperBoundDeps` and `DependencyConvergence` ask
/// for: each artifact at the highest version that is on any of its paths.
#[must_use]
pub fn enforced(log: &str) -> Vec<Gav> {
    let mut highest: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut about: Option<Gav> = None;
    for line in log.lines().map(plain) {
        if let Some((_, rest)) =
            line.split_once("dependencies error for ").or_else(|| line.split_once("onvergence error for "))
        {
            about = coordinates(rest);
        }
        let Some(gav) = &about else { continue };
        let path = line.trim_start();
        if !path.starts_with("+-") && path != "and" && !line.contains("error for ") {
            about = None;
            continue;
        }
        // `g:a:1 (managed) <-- g:a:2`: both the used version and the one asked for.
        let named = path.trim_start_matches("+-").split(" <-- ").chain(line.split("error for ").skip(1));
        for found in named.filter_map(coordinates).filter(|found| found.is(&gav.group, &gav.artifact)) {
            let kept = highest.entry((found.group, found.artifact)).or_insert_with(|| found.version.clone());
            if compare(&found.version, kept) == Ordering::Greater {
                *kept = found.version;
            }
        }
    }
    highest.into_iter().map(|((group, artifact), version)| Gav { group, artifact, version }).collect()
}

/// Without the mark that Maven puts in front of a line.
fn plain(line: &str) -> &str {
    ["[ERROR] ", "[WARNING] ", "[INFO] "].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line)
}

/// `g:a:v`, `g:a:jar:v:compile`, `g:a:v [runtime]`, with words behind it.
fn coordinates(text: &str) -> Option<Gav> {
    let parts: Vec<&str> = text.split_whitespace().next()?.split(':').collect();
    let [group, artifact, rest @ ..] = parts.as_slice() else { return None };
    let version = rest.iter().rev().find(|part| !SCOPES.contains(part))?;
    version.chars().any(|c| c.is_ascii_digit()).then(|| Gav::new(group, artifact, version))
}

/// `…:dependency-lock-maven-plugin:1.0:check (id) on project x`.
fn lock_goal(log: &str) -> Option<String> {
    let failed = log
        .lines()
        .find_map(|line| line.split_once("Failed to execute goal ")?.1.split_whitespace().next())?;
    let (plugin, goal) = failed.rsplit_once(':')?;
    (plugin.contains("dependency-lock") && goal == "check").then(|| format!("{plugin}:lock"))
}

fn failed_project(log: &str) -> Option<String> {
    let failed = log.lines().find_map(|line| line.split_once("Failed to execute goal "))?.1;
    let project = failed.split_once(" on project ")?.1.split([':', ' ']).next()?;
    Some(project.to_owned())
}

/// The poms with the pins made: where the project says a version itself, that
/// one is raised; everything else is pinned in the pom that owns the
/// management.
///
/// # Errors
/// The project has no pom here, or a pom cannot be edited.
pub fn pins(files: &Texts, project: Option<&str>, pins: &[Gav]) -> Result<Texts, Failure> {
    let poms: BTreeMap<&str, Pom> = files
        .iter()
        .filter(|(path, _)| path.ends_with("pom.xml"))
        .filter_map(|(path, text)| Some((path.as_str(), model::parse(text).ok()?)))
        .collect();
    let line = lineage(&poms, project);
    let mut texts = files.clone();
    for pin in pins {
        texts = pinned(&poms, &line, &texts, pin).map_err(|stop| match stop {
            Stop::Failed(failure) => failure,
            Stop::Need(_) => Failure::bug("pin a version without reading the repository"),
        })?;
    }
    Ok(texts)
}

/// The project's pom and its parents in the repository, the nearest first.
fn lineage<'p>(poms: &BTreeMap<&'p str, Pom>, project: Option<&str>) -> Vec<&'p str> {
    let named = |name: &str| {
        let mut fitting = poms.iter().filter(|(_, pom)| pom.gav.artifact == name);
        fitting.next().map(|(path, _)| *path)
    };
    let root = poms.keys().find(|path| **path == "pom.xml").copied();
    let mut line = Vec::new();
    let mut next = project.and_then(named).or(root);
    while let Some(path) = next.filter(|path| !line.contains(path)) {
        line.push(path);
        let parent = poms.get(path).and_then(|pom| pom.parent.as_ref());
        next = parent.and_then(|parent| named(&parent.gav.artifact));
    }
    line
}

fn pinned(poms: &BTreeMap<&str, Pom>, line: &[&str], texts: &Texts, pin: &Gav) -> Result<Texts, Stop> {
    for path in line {
        let Some(pom) = poms.get(path) else { continue };
        let entries = pom.body.dependencies.iter().chain(&pom.body.managed);
        let said = entries.filter(|entry| entry.gav.is(&pin.group, &pin.artifact));
        let Some(said) = said.map(|entry| &entry.gav).find(|gav| !gav.version.is_empty()) else { continue };
        let Some(name) = super::effective::property(&said.version) else {
            return edits::version(texts, said, &pin.version);
        };
        let sets = |path: &&&str| poms.get(**path).is_some_and(|pom| pom.body.properties.contains_key(name));
        let owner = line.iter().find(sets).unwrap_or(path);
        return edits::property(texts, owner, name, &pin.version);
    }
    let owns = |path: &&&str| poms.get(**path).is_some_and(|pom| !pom.body.managed.is_empty());
    let Some(owner) = line.iter().find(owns).or_else(|| line.last()) else {
        return Err(Stop::edit("find the pom of the project that failed"));
    };
    edits::pin(texts, owner, pin)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
[WARNING] \n\
Dependency convergence error for com.acme:greeter:jar:1.0.0:compile paths to dependency are:\n\
+-com.example:enf:jar:1\n\
  +-com.acme:liba:jar:1:compile\n\
    +-com.acme:greeter:jar:1.0.0:compile\n\
and\n\
+-com.example:enf:jar:1\n\
  +-com.acme:libb:jar:1:compile\n\
    +-com.acme:greeter:jar:1.1.0:compile\n\
\n\
[ERROR] Rule 1: org.apache.maven.plugins.enforcer.RequireUpperBoundDeps failed with message:\n\
Require upper bound dependencies error for g:guava:31.1-jre [runtime] paths to dependency are:\n\
+-com.example:enf:1\n\
  +-g:guava:31.1-jre (managed) [runtime] <-- g:guava:32.0-jre [runtime]\n\
]\n\
[ERROR] Failed to execute goal org.apache.maven.plugins:maven-enforcer-plugin:3.1.0:enforce (e) on project enf: x\n";

    #[test]
    fn the_enforcer_asks_for_the_highest_version_on_any_path() {
        let pins = vec![Gav::new("com.acme", "greeter", "1.1.0"), Gav::new("g", "guava", "32.0-jre")];
        assert_eq!(first_move(LOG), Some(Move::Pin { project: Some("enf".to_owned()), pins }));
        assert_eq!(
            first_move("[ERROR] COMPILATION ERROR : \n[ERROR] /A.java:[1,2] cannot find symbol"),
            None
        );
    }

    #[test]
    fn a_stale_lock_is_written_anew() {
        let log = "[ERROR] Failed to execute goal se.vandmo:dependency-lock-maven-plugin:0.26:check (x) on project y: z";
        let goal = "se.vandmo:dependency-lock-maven-plugin:0.26:lock".to_owned();
        assert_eq!(first_move(log), Some(Move::Lock { goal }));
    }

    #[test]
    fn a_pin_raises_what_is_declared_and_is_added_where_nothing_is() {
        let pom = "<project><artifactId>enf</artifactId><properties><v>1</v></properties>\
            <dependencyManagement><dependencies><dependency><groupId>g</groupId><artifactId>guava</artifactId>\
            <version>${v}</version></dependency></dependencies></dependencyManagement></project>";
        let files = Texts::from([("pom.xml".to_owned(), pom.to_owned())]);
        let asked = [Gav::new("g", "guava", "2"), Gav::new("com.acme", "greeter", "1.1.0")];
        let text = pins(&files, Some("enf"), &asked).unwrap().remove("pom.xml").unwrap();
        assert!(text.contains("<v>2</v>"), "{text}");
        let pom = model::parse(&text).unwrap();
        assert!(pom.body.managed.iter().any(|entry| entry.gav == asked[1]), "{text}");
    }
}
