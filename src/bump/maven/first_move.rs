//! What to do about a build that failed in a way that needs no thought.
//!
//! The enforcer's rules about versions say themselves what they want: the
//! highest version on any path, pinned. A plugin that keeps a lock of all
//! versions wants its lock written anew. Refused is what only the log says:
//! a goal of another plugin than the poms name, an artifact that is not in
//! the tree, a version that is not published or older than the one in use.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::edits;
use super::ground::Ground;
use super::model::{self, Gav, Pom};
use super::shelf::{Stop, together};
use super::version::compare;
use crate::bump::edit::{self, Texts};
use crate::failure::Failure;

const ENFORCER: &str = "org.apache.maven.plugins:maven-enforcer-plugin:";
const FAILED: &str = "Failed to execute goal ";
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
///
/// A log holds what tests print too. So nothing in it is believed that the
/// poms do not confirm: the lock plugin is declared in `files`, and pins are
/// for [`vetted`] to check.
#[must_use]
pub fn first_move(log: &str, files: &Texts) -> Option<Move> {
    let failed: Vec<&str> = log.lines().filter_map(failed_goal).collect();
    if let Some(goal) = failed.first().and_then(|goal| lock_goal(goal, files)) {
        return Some(Move::Lock { goal });
    }
    let is_enforcer = |goal: &&str| goal.starts_with(ENFORCER);
    if failed.is_empty() || !failed.iter().all(is_enforcer) {
        return None;
    }
    let pins = enforced(log);
    (!pins.is_empty()).then(|| Move::Pin { project: failed_project(log), pins })
}

/// The pins that may be made, with the version that each one replaces: of an
/// artifact that the repository resolves to already, to a published version,
/// and never to an older one than is in use or declared.
pub(super) fn vetted(ground: &Ground<'_>, pins: &[Gav]) -> Result<Vec<(Gav, String)>, Stop> {
    let trees = ground.trees()?;
    let asked = together(pins.iter().map(|pin| {
        let is_it = |gav: &Gav| gav.is(&pin.group, &pin.artifact);
        let nodes = trees.iter().flat_map(|(_, tree)| &tree.nodes).filter(|node| node.lost_to.is_none());
        let used = nodes.map(|node| &node.dependency.gav).filter(|gav| is_it(gav)).map(|gav| &gav.version);
        let Some(from) = used.clone().min_by(|left, right| compare(left, right)) else { return Ok(None) };
        let declared = ground.declared.iter().map(|one| &one.gav).filter(|gav| is_it(gav));
        let mut all = used.chain(declared.map(|gav| &gav.version));
        let is_lower = all.any(|version| compare(version, &pin.version) == Ordering::Greater);
        let is_there = !is_lower && ground.shelf.pom(pin)?.is_some();
        Ok(is_there.then(|| (pin.clone(), from.clone())))
    }))?;
    Ok(asked.into_iter().flatten().collect())
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

/// `group:artifact:version:goal`, when the line says that it failed.
fn failed_goal(line: &str) -> Option<&str> {
    plain(line).strip_prefix(FAILED)?.split_whitespace().next()
}

/// `…:dependency-lock-maven-plugin:1.0:check`, of a plugin that the poms
/// name. What it says goes to a command line, so every part must be plain.
fn lock_goal(failed: &str, files: &Texts) -> Option<String> {
    let parts: Vec<&str> = failed.split(':').collect();
    let [group, artifact, version, "check"] = parts.as_slice() else { return None };
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let fits = [group, artifact, version].into_iter().all(|part| is_plain(part))
        && artifact.contains("dependency-lock");
    let is_it = |found: &edit::maven::Declaration| {
        found.group.as_deref() == Some(*group) && found.artifact == **artifact
    };
    // A version that the poms say is the one to run.
    let declared = edit::maven::declarations(files).ok()?;
    let other = declared
        .iter()
        .any(|found| is_it(found) && found.version.as_ref().is_some_and(|declared| declared != version));
    let named = edit::maven::named(files).ok()?;
    (fits && !other && named.contains(&format!("{group}:{artifact}")))
        .then(|| format!("{group}:{artifact}:{version}:lock"))
}

fn failed_project(log: &str) -> Option<String> {
    let failed = log.lines().find_map(|line| plain(line).strip_prefix(FAILED))?;
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
        let found = |log: &str| first_move(log, &Texts::new());
        assert_eq!(found(LOG), Some(Move::Pin { project: Some("enf".to_owned()), pins }));
        assert_eq!(found("[ERROR] COMPILATION ERROR : \n[ERROR] /A.java:[1,2] cannot find symbol"), None);
        let surefire = LOG.replace("maven-enforcer-plugin", "maven-surefire-plugin");
        assert_eq!(found(&surefire), None, "a test printed it");
        let both =
            format!("{LOG}[ERROR] Failed to execute goal g:maven-surefire-plugin:3:test (x) on project y: z");
        assert_eq!(found(&both), None);
        assert_eq!(found(LOG.split("[ERROR] Failed").next().unwrap()), None);
        assert_eq!(found(&LOG.replace("[ERROR] Failed to", "said: Failed to")), None);
    }

    #[test]
    fn a_stale_lock_is_written_anew_by_a_plugin_that_the_poms_name() {
        let pom = "<project><build><plugins><plugin><groupId>se.vandmo</groupId>\
            <artifactId>dependency-lock-maven-plugin</artifactId><version>0.26</version></plugin><plugin>\
            <groupId>x</groupId><artifactId>dependency-lock</artifactId></plugin></plugins></build></project>";
        let files = Texts::from([("pom.xml".to_owned(), pom.to_owned())]);
        let found = |goal: &str| {
            let log = format!("[ERROR] Failed to execute goal {goal} (x) on project y: z");
            match first_move(&log, &files) {
                Some(Move::Lock { goal }) => Some(goal),
                _ => None,
            }
        };
        let locks = "se.vandmo:dependency-lock-maven-plugin:0.26:lock";
        assert_eq!(found(&locks.replace(":lock", ":check")).as_deref(), Some(locks));
        assert_eq!(found("x:dependency-lock:1:check").as_deref(), Some("x:dependency-lock:1:lock"));
        for bad in [
            "se.vandmo:dependency-lock-maven-plugin:0.27:check",
            "evil:dependency-lock-maven-plugin:0.26:check",
            "-Dx=y:dependency-lock:1:check",
            "x:dependency-lock:1:2:check",
            "x:dependency-lock:-f:check",
            "x:dependency-lock:check",
            "x:dependency-lock:1/2:check",
        ] {
            assert_eq!(found(bad), None, "{bad}");
        }
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
