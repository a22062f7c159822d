//! Maven's rules: versions, poms, the tree of dependencies.
//!
//! Deciding is pure: it reads poms and the repository's metadata, and gives a
//! [`Plan`]. What it still has to read, it says, and [`plan`] fetches it.
//! Acting is [`apply`]: the poms are written in the container, and the real
//! Maven says what they resolve to.

pub mod apply;
pub(super) mod carrier;
pub(super) mod class_file;
pub(super) mod declared;
pub(super) mod direct;
pub(super) mod edits;
pub(super) mod effective;
pub(super) mod family;
pub mod first_move;
pub(super) mod ground;
pub(super) mod ladder;
pub(super) mod managed;
pub(super) mod model;
pub mod range;
pub(super) mod shelf;
pub(super) mod target;
pub(super) mod tree;
pub mod version;

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use super::edit::Texts;
use crate::advisory::Advisory;
use crate::change::{Bump, Moved, Resolved};
use crate::failure::{Failure, Kind};
use crate::outcome::Outcome;
use crate::packages::{Document, Packages};
use crate::runtime::Runtime;
use direct::{Attempt, Case};
use first_move::Move;
use ground::Ground;
use shelf::{Shelf, Stop};

/// Rounds of fetching before a plan is given up; a deep tree takes forty.
const ROUNDS: usize = 400;
/// Files of the Maven repository that one plan may read.
const FILES: usize = 6_000;
/// Files that are fetched at the same time.
const AT_ONCE: usize = 16;

/// Why a version that nobody asked for is pinned.
const ENFORCED: &str = "the enforcer asks for it";

/// What is to be brought about.
#[derive(Debug, Clone)]
pub struct Plan {
    pub resolved: Resolved,
    /// Poms and other files that change, as they are to be in the end.
    pub manifests: Texts,
}

/// What is asked, and of which repository.
#[derive(Debug)]
pub struct Question<'a> {
    /// Every `pom.xml`, `.mvn/extensions.xml`, `.mvn/maven.config` and
    /// `.mvn/wrapper/maven-wrapper.properties` by its path.
    pub files: &'a Texts,
    /// `group:artifact`, or the artifact alone where that is clear.
    pub bumps: &'a [Bump],
    /// With advisories about a package it goes to the lowest safe version.
    pub advisories: &'a [Advisory],
    pub runtime: &'a Runtime,
}

/// Decides on the version, and edits the poms.
///
/// # Errors
/// There is no version to go to, the poms cannot be read or edited, or the
/// repository of packages cannot be reached.
pub async fn plan(question: &Question<'_>, packages: &dyn Packages) -> Result<Plan, Failure> {
    answer(packages, !question.advisories.is_empty(), |shelf| decide(question, shelf)).await
}

/// What answers a failed build of the poms of `question`, as they are now:
/// the move, and the versions that it changes.
///
/// # Errors
/// The repository of packages cannot be reached.
pub async fn first_move(
    question: &Question<'_>,
    packages: &dyn Packages,
    log: &str,
) -> Result<Option<(Move, Vec<Moved>)>, Failure> {
    let (project, pins) = match first_move::first_move(log, question.files) {
        None => return Ok(None),
        Some(Move::Lock { goal }) => return Ok(Some((Move::Lock { goal }, Vec::new()))),
        Some(Move::Pin { project, pins }) => (project, pins),
    };
    let vet =
        |shelf: &Shelf| first_move::vetted(&Ground::new(question, shelf, question.files.clone())?, &pins);
    let vetted = match answer(packages, !question.advisories.is_empty(), vet).await {
        // What the engine cannot read, it does not edit.
        Err(failure) if failure.kind() == Kind::UserFault => return Ok(None),
        vetted => vetted?,
    };
    let moved = vetted.iter().map(|(pin, from)| Moved {
        package: pin.name(),
        from: from.clone(),
        to: pin.version.clone(),
        why: ENFORCED.to_owned(),
    });
    let moved: Vec<Moved> = moved.collect();
    let pins = vetted.into_iter().map(|(pin, _)| pin).collect();
    Ok((!moved.is_empty()).then_some((Move::Pin { project, pins }, moved)))
}

/// Asks, fetches what is missing, and asks again.
async fn answer<T>(
    packages: &dyn Packages,
    fixing: bool,
    decide: impl Fn(&Shelf) -> Result<T, Stop>,
) -> Result<T, Failure> {
    let mut shelf = Shelf::default();
    let mut fetched = 0;
    for _ in 0..ROUNDS {
        let needs = match decide(&shelf) {
            Ok(answer) => return Ok(answer),
            Err(Stop::Failed(failure)) => return Err(failure),
            Err(Stop::Need(needs)) => needs,
        };
        fetched += needs.len();
        if fetched > FILES {
            break;
        }
        fetch(&mut shelf, packages, needs, fixing).await?;
    }
    Err(Failure::user(Outcome::EditFailed, "resolve the dependencies: there is too much to read"))
}

async fn fetch(
    shelf: &mut Shelf,
    packages: &dyn Packages,
    needs: BTreeSet<String>,
    fixing: bool,
) -> Result<(), Failure> {
    let documents: Vec<(String, Document)> =
        needs.into_iter().map(|path| (path.clone(), Document::MavenFile { path })).collect();
    for some in documents.chunks(AT_ONCE) {
        let bodies = try_join_all(some.iter().map(|(_, document)| packages.fetch(document, fixing))).await?;
        for ((path, _), body) in some.iter().zip(bodies) {
            shelf.put(path, body.as_deref());
        }
    }
    Ok(())
}

fn decide(question: &Question<'_>, shelf: &Shelf) -> Result<Plan, Stop> {
    let mut ground = Ground::new(question, shelf, question.files.clone())?;
    let mut resolved: Option<Resolved> = None;
    let mut in_place = None;
    for bump in asked(question) {
        match decide_one(&ground, &bump) {
            Ok(attempt) => {
                let after = ground.with(attempt.texts)?;
                if let Some(lost) = ground.loses(&after) {
                    let what = format!(
                        "bump {} to {}: nothing sets the version of {lost} any more",
                        attempt.resolved.package, attempt.resolved.to
                    );
                    return Err(Stop::declined(what));
                }
                ground = after;
                match &mut resolved {
                    None => resolved = Some(attempt.resolved),
                    Some(first) => add(first, attempt.resolved),
                }
            }
            // One of several may be in place already.
            Err(Stop::Failed(failure)) if failure.outcome() == Outcome::AlreadyCurrent => {
                in_place = Some(failure)
            }
            Err(stop) => return Err(stop),
        }
    }
    let Some(resolved) = resolved else {
        return Err(in_place.map_or_else(|| Stop::declined("bump nothing"), Stop::Failed));
    };
    let changed = |(path, text): &(String, String)| question.files.get(path) != Some(text);
    Ok(Plan { resolved, manifests: ground.texts.into_iter().filter(changed).collect() })
}

/// What was asked for; advisories alone ask for their packages.
fn asked(question: &Question<'_>) -> Vec<Bump> {
    if !question.bumps.is_empty() {
        return question.bumps.to_vec();
    }
    let packages: BTreeSet<&String> = question.advisories.iter().map(|advisory| &advisory.package).collect();
    packages.into_iter().map(|package| Bump { package: package.clone(), version: None }).collect()
}

fn add(first: &mut Resolved, next: Resolved) {
    if first.others.iter().any(|other| other.package == next.package) {
        return;
    }
    first.others.push(Moved {
        package: next.package,
        from: next.from,
        to: next.to,
        why: crate::change::ASKED_TOO.to_owned(),
    });
    first.reasons.extend(next.reasons);
    first.others.extend(next.others);
}

fn decide_one(ground: &Ground<'_>, bump: &Bump) -> Result<Attempt, Stop> {
    let (group, artifact) = managed::name(ground, &bump.package)?;
    let name = format!("{group}:{artifact}");
    let advisories: Vec<&Advisory> =
        ground.question.advisories.iter().filter(|advisory| advisory.package == name).collect();
    let case =
        Case { group: &group, artifact: &artifact, asked: bump.version.as_deref(), advisories: &advisories };
    if !advisories.is_empty() {
        return ladder::fix(ground, &case);
    }
    match direct::bump(ground, &case)? {
        Some(attempt) => Ok(attempt),
        None => managed::bump(ground, &case),
    }
}

#[cfg(test)]
mod enforced_tests;
#[cfg(test)]
mod tests;
