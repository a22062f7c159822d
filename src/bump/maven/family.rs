//! Artifacts that move together.
//!
//! A table and two rules. The table names groups of one release train. First
//! rule: what is declared here at the same version, in the same train, moves
//! to the same version, if it was published for it. Second rule: pairs whose
//! versions differ but depend on each other (slf4j and logback, the JUnit
//! platform and Jupiter).

use std::cmp::Ordering;

use super::declared::{Declared, Kind};
use super::effective::property;
use super::model::Gav;
use super::shelf::{Shelf, Stop};
use super::target::exists;
use super::version::{self, compare};

/// Prefixes of groups that are released as one.
const TRAINS: [&str; 16] = [
    "com.fasterxml.jackson",
    "org.springframework.boot",
    "org.springframework.security",
    "org.springframework.cloud",
    "org.springframework",
    "org.slf4j",
    "ch.qos.logback",
    "org.eclipse.jetty",
    "io.netty",
    "org.junit.jupiter",
    "org.junit.platform",
    "org.hibernate",
    "org.apache.logging.log4j",
    "org.apache.tomcat",
    "io.grpc",
    "io.micrometer",
];

/// Groups whose artifacts are released one by one, each at its own pace.
const APART: [&str; 5] = [
    "org.apache.maven.plugins",
    "org.codehaus.mojo",
    "org.apache.commons",
    "commons-io",
    "org.springframework.data",
];

/// Another artifact that moves, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Follower {
    pub gav: Gav,
    pub to: String,
    pub why: &'static str,
}

/// What moves along when `gav` goes to `to`.
///
/// # Errors
/// More has to be fetched first.
pub(super) fn followers(
    shelf: &Shelf,
    declared: &[Declared],
    gav: &Gav,
    to: &str,
    level: u64,
) -> Result<Vec<Follower>, Stop> {
    let mut followers: Vec<Follower> = Vec::new();
    for other in declared.iter().filter(|other| other.kind != Kind::Parent && !other.system) {
        let own = other.gav.is(&gav.group, &gav.artifact);
        if own || property(&other.gav.version).is_some() {
            continue;
        }
        let follower = match paired(shelf, gav, to, &other.gav, level)? {
            Some(version) => Some((version, "the versions of both belong together")),
            None if same_train(gav, &other.gav) => {
                let published = exists(shelf, &other.gav.group, &other.gav.artifact, to)?;
                published.then(|| (to.to_owned(), "the same release train"))
            }
            None => None,
        };
        let Some((to, why)) = follower else { continue };
        let follower = Follower { gav: other.gav.clone(), to, why };
        if compare(&follower.to, &follower.gav.version) == Ordering::Greater && !followers.contains(&follower)
        {
            followers.push(follower);
        }
    }
    Ok(followers)
}

fn same_train(one: &Gav, other: &Gav) -> bool {
    if one.version != other.version || APART.contains(&one.group.as_str()) {
        return false;
    }
    one.group == other.group || train(&one.group).is_some_and(|name| train(&other.group) == Some(name))
}

fn train(group: &str) -> Option<&'static str> {
    TRAINS
        .into_iter()
        .find(|train| group.strip_prefix(train).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// The version that `other` must have so that it works with `gav` at `to`.
fn paired(shelf: &Shelf, gav: &Gav, to: &str, other: &Gav, level: u64) -> Result<Option<String>, Stop> {
    let below = |version: &str, bound: &str| compare(version, bound) == Ordering::Less;
    match (gav.group.as_str(), other.group.as_str()) {
        // slf4j 2 finds its provider in another way, which logback has
        // since 1.3; 1.5 is the same for Java 11 and newer.
        ("org.slf4j", "ch.qos.logback") if !below(to, "2") && below(&other.version, "1.3") => {
            newest_of(shelf, other, if level < 11 { "1.3." } else { "1.5." })
        }
        ("ch.qos.logback", "org.slf4j") if !below(to, "1.3") && below(&other.version, "2") => {
            newest_of(shelf, other, "2.0.")
        }
        // Jupiter 5.x.y is released with platform 1.x.y, and 6 with 6.
        ("org.junit.jupiter", "org.junit.platform") => counterpart(shelf, other, to, ("5.", "1.")),
        ("org.junit.platform", "org.junit.jupiter") => counterpart(shelf, other, to, ("1.", "5.")),
        _ => Ok(None),
    }
}

fn newest_of(shelf: &Shelf, gav: &Gav, line: &str) -> Result<Option<String>, Stop> {
    let versions = shelf.versions(&gav.group, &gav.artifact)?.unwrap_or_default();
    let in_line = versions.iter().filter(|one| one.starts_with(line) && version::is_stable(one));
    Ok(in_line.max_by(|left, right| compare(left, right)).cloned())
}

fn counterpart(
    shelf: &Shelf,
    gav: &Gav,
    to: &str,
    (from, into): (&str, &str),
) -> Result<Option<String>, Stop> {
    let version = to.strip_prefix(from).map_or_else(|| to.to_owned(), |rest| format!("{into}{rest}"));
    Ok(exists(shelf, &gav.group, &gav.artifact, &version)?.then_some(version))
}
