//! The version to go to.
//!
//! An ordinary bump goes to the version asked for, or to the newest release
//! of the same flavour. A security fix goes to the lowest release that is
//! outside of every vulnerable range. Neither ever goes down, and neither
//! takes a jar that needs a newer Java than the repository has.

use std::cmp::Ordering;

use super::model::Gav;
use super::shelf::{Shelf, Stop};
use super::version::{self, compare};
use crate::advisory::{self, Advisory};
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Jars that are looked into to find the newest one that fits.
const JARS: u32 = 8;

/// What is wanted of a version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    /// The artifact, at the version in place.
    pub current: &'a Gav,
    pub asked: Option<&'a str>,
    pub advisories: &'a [&'a Advisory],
    /// Artifacts, as `(group, artifact)`, that get the same version because
    /// they share its property.
    pub sharing: &'a [(String, String)],
    /// The newest Java that may be needed; `None` where nothing is compiled
    /// against it, as for a pom.
    pub java: Option<u64>,
    /// Whose jar tells the Java, when the artifact itself has none: a parent
    /// is released together with it.
    pub probe: Option<&'a Gav>,
}

/// A version, and why it is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub version: String,
    pub reasons: Vec<String>,
}

/// # Errors
/// There is no such version, or more has to be fetched first.
pub(super) fn choose(shelf: &Shelf, wish: &Wish<'_>) -> Result<Target, Stop> {
    let current = wish.current;
    if version::is_snapshot(&current.version) {
        return Err(Stop::declined(format!("bump {current}: a snapshot has no published successor")));
    }
    match wish.asked {
        Some(asked) => named(shelf, wish, asked.trim_start_matches('v')),
        None if wish.advisories.is_empty() => newest(shelf, wish),
        None => lowest_safe(shelf, wish),
    }
}

/// Is the version in a vulnerable range of any of the advisories?
pub(super) fn is_vulnerable(version: &str, advisories: &[&Advisory]) -> bool {
    let mut ranges = advisories.iter().flat_map(|advisory| &advisory.vulnerable);
    ranges.any(|range| super::range::in_advisory(version, range))
}

fn named(shelf: &Shelf, wish: &Wish<'_>, asked: &str) -> Result<Target, Stop> {
    let Gav { group, artifact, version: current } = wish.current;
    let name = wish.current.name();
    match compare(asked, current) {
        Ordering::Equal => return Err(already(&name, current)),
        Ordering::Less => return Err(Stop::declined(format!("bump {name} down from {current} to {asked}"))),
        Ordering::Greater => {}
    }
    if is_vulnerable(asked, wish.advisories) {
        return Err(Stop::unsafe_version(format!("bump {name} to {asked}: it is vulnerable itself")));
    }
    if !exists(shelf, group, artifact, asked)? {
        return Err(Stop::unsafe_version(format!("find version {asked} of {name} in the repository")));
    }
    for (group, artifact) in wish.sharing {
        if !exists(shelf, group, artifact, asked)? {
            return Err(Stop::declined(format!(
                "bump {name} to {asked}: {group}:{artifact} shares its property and has no such version"
            )));
        }
    }
    if let Some(needs) = too_new(shelf, wish, asked)? {
        return Err(Stop::declined(needs));
    }
    Ok(Target { version: asked.to_owned(), reasons: vec![format!("{asked} was asked for")] })
}

fn newest(shelf: &Shelf, wish: &Wish<'_>) -> Result<Target, Stop> {
    let current = &wish.current.version;
    let stable = version::is_stable(current);
    let newer = newer(shelf, wish)?;
    let fits = |version: &&String| {
        version::same_family(current, version) && (!stable || version::is_stable(version))
    };
    let candidates: Vec<&String> = newer.iter().filter(fits).collect();
    let Some(newest) = candidates.last() else { return Err(already(&wish.current.name(), current)) };
    let Some(needs) = too_new(shelf, wish, newest)? else {
        let flavour = if stable { "the newest release" } else { "the newest version" };
        return Ok(Target { version: (*newest).clone(), reasons: vec![format!("{newest} is {flavour}")] });
    };
    match newest_that_fits(shelf, wish, &candidates)? {
        Some(lower) => {
            let reason = format!("{lower} is the newest one that fits: {needs}");
            Ok(Target { version: lower.clone(), reasons: vec![reason] })
        }
        None => Err(Stop::declined(format!("bump {}: {needs}", wish.current))),
    }
}

/// Halves the versions, since a library never goes back to an older Java.
fn newest_that_fits<'v>(
    shelf: &Shelf,
    wish: &Wish<'_>,
    candidates: &[&'v String],
) -> Result<Option<&'v String>, Stop> {
    let (mut low, mut high) = (0, candidates.len().saturating_sub(1));
    for _ in 0..JARS {
        if low >= high {
            break;
        }
        let middle = low.midpoint(high);
        let Some(version) = candidates.get(middle) else { break };
        if too_new(shelf, wish, version)?.is_some() { high = middle } else { low = middle + 1 }
    }
    Ok(low.checked_sub(1).and_then(|last| candidates.get(last)).copied())
}

fn lowest_safe(shelf: &Shelf, wish: &Wish<'_>) -> Result<Target, Stop> {
    let Gav { version: current, .. } = wish.current;
    let name = wish.current.name();
    let mut safe: Vec<String> = newer(shelf, wish)?
        .into_iter()
        .filter(|version| version::is_stable(version) && !is_vulnerable(version, wish.advisories))
        .collect();
    let distance = |version: &String| {
        let major = version::major(version) != version::major(current);
        (major, !version::same_family(current, version))
    };
    // The order of versions is kept within each group.
    safe.sort_by_key(distance);
    let Some(lowest) = safe.first() else {
        let names = advisory::names(wish.advisories.iter().copied(), &name);
        return Err(Stop::unsafe_version(format!(
            "lift {name} {current} out of {names}: no fixed version was published"
        )));
    };
    if let Some(needs) = too_new(shelf, wish, lowest)? {
        return Err(Stop::declined(needs));
    }
    let reason = format!("{lowest} is the lowest release above {current} outside of every vulnerable range");
    Ok(Target { version: lowest.clone(), reasons: vec![reason] })
}

/// Every higher version that all the artifacts have, in ascending order.
pub(super) fn newer(shelf: &Shelf, wish: &Wish<'_>) -> Result<Vec<String>, Stop> {
    let Gav { group, artifact, version: current } = wish.current;
    let Some(versions) = shelf.versions(group, artifact)? else {
        return Err(Stop::unsafe_version(format!("find {} in the repository", wish.current.name())));
    };
    let mut newer: Vec<String> = versions
        .iter()
        .filter(|version| compare(version, current) == Ordering::Greater && !version::is_snapshot(version))
        .cloned()
        .collect();
    for (group, artifact) in wish.sharing {
        let others = shelf.versions(group, artifact)?.unwrap_or_default();
        newer.retain(|version| others.contains(version));
    }
    newer.sort_by(|left, right| compare(left, right));
    Ok(newer)
}

/// Listed, or at least there: some repositories list nothing.
pub(super) fn exists(shelf: &Shelf, group: &str, artifact: &str, version: &str) -> Result<bool, Stop> {
    let listed = shelf.versions(group, artifact)?;
    if listed.is_some_and(|versions| versions.iter().any(|one| one == version)) {
        return Ok(true);
    }
    Ok(shelf.pom(&Gav::new(group, artifact, version))?.is_some())
}

/// Why the jar does not run here, if it does not.
fn too_new(shelf: &Shelf, wish: &Wish<'_>, version: &str) -> Result<Option<String>, Stop> {
    let Some(limit) = wish.java else { return Ok(None) };
    let Gav { group, artifact, .. } = wish.probe.unwrap_or(wish.current);
    let needed = shelf.java(&Gav::new(group, artifact, version))?;
    Ok(needed.filter(|needed| *needed > limit).map(|needed| {
        format!("{artifact} {version} needs Java {needed}; this repository compiles for {limit}")
    }))
}

fn already(name: &str, current: &str) -> Stop {
    Failure::user(Outcome::AlreadyCurrent, format!("bump {name}: {current} is in place")).into()
}
