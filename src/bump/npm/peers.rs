//! Peer conflicts: who else has to move.
//!
//! They are looked for before any package manager runs, and what a package
//! manager still finds comes back as a [`Conflict`] and is answered the same
//! way: the lowest version of the other side that fits.

use std::collections::BTreeMap;

use super::conflict;
use super::ladder::climb::Climb;
use super::listing::Release;
use super::lock::{Source, Wish};
use super::spec;
use super::world::{Decided, Draft, Lift, World, blocked, installs};
use crate::manager::Kind;

/// Moves that may follow from one bump.
const ROUNDS: usize = 6;

/// A package whose peer is there in a version that it does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The peer.
    pub package: String,
    /// The range in which it is wanted; empty when it was not said.
    pub range: String,
    pub required_by: String,
    pub required_by_version: String,
    /// The version that is there instead, when it was said.
    pub found: Option<String>,
}

impl From<conflict::Conflict> for Conflict {
    /// What a package manager said: `name@version` asks, or the name alone.
    fn from(said: conflict::Conflict) -> Self {
        let at = said.required_by.rfind('@').filter(|at| *at > 0);
        let (name, version) = match at.and_then(|at| said.required_by.split_at_checked(at)) {
            Some((name, version)) => (name.to_owned(), version.trim_start_matches('@').to_owned()),
            None => (said.required_by, String::new()),
        };
        Self {
            package: said.package,
            range: said.wanted,
            required_by: name,
            required_by_version: version,
            found: said.found,
        }
    }
}

/// The answer to one conflict.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is none any more.
    Settled,
    /// These move too.
    Move(Vec<Lift>),
    /// Nothing published fits; completes "could not …".
    Blocked(String),
}

/// Answers what a package manager reported, and then every conflict that is
/// seen beforehand.
pub(super) fn settle(world: &World<'_>, draft: &mut Draft, reported: &[Conflict]) -> Decided<()> {
    for conflict in reported {
        answer(world, draft, conflict)?;
    }
    for _ in 0..ROUNDS {
        let conflicts = conflicts(world, draft)?;
        let Some(conflict) = conflicts.first() else { return Ok(()) };
        if !answer(world, draft, conflict)? {
            return Ok(());
        }
    }
    match conflicts(world, draft)?.first() {
        Some(conflict) => Err(blocked(format!(
            "settle the peer ranges in {ROUNDS} rounds: {} {} still needs {} {}",
            conflict.required_by, conflict.required_by_version, conflict.package, conflict.range
        ))),
        None => Ok(()),
    }
}

/// False when it stays, because the package manager only warns about it.
fn answer(world: &World<'_>, draft: &mut Draft, conflict: &Conflict) -> Decided<bool> {
    match next(world, draft, conflict)? {
        Verdict::Settled => Ok(true),
        Verdict::Move(lifts) => {
            for lift in &lifts {
                draft.lift(world, lift, Some("its peer range"));
            }
            Ok(true)
        }
        Verdict::Blocked(why) if world.question.manager.kind == Kind::Npm => Err(blocked(why)),
        Verdict::Blocked(why) => {
            draft.say(format!(
                "A peer range is left unmet, which the package manager warns about: could not {why}."
            ));
            Ok(false)
        }
    }
}

/// Decides who moves: the package that is wanted, when only the other one
/// was asked for; else the one that wants it.
pub(super) fn next(world: &World<'_>, draft: &Draft, conflict: &Conflict) -> Decided<Verdict> {
    let Conflict { package, required_by, .. } = conflict;
    let wanting: Vec<usize> = world.graph.copies(required_by).map(|(index, _)| index).collect();
    let wanted: Vec<usize> = world.graph.copies(package).map(|(index, _)| index).collect();
    let settled = |copies: &[usize]| copies.iter().any(|copy| draft.settled.contains(copy));
    let direct = |copies: &[usize]| copies.iter().copied().find(|copy| world.direct(*copy));
    let parent = direct(&wanting).or_else(|| wanting.first().copied());
    let peer = direct(&wanted).or_else(|| wanted.first().copied());
    let (Some(parent), Some(peer)) = (parent, peer) else {
        return Ok(Verdict::Blocked(refusal(world, draft, conflict)?));
    };
    let found = draft.version(world, peer);
    let range = if draft.moved.contains_key(&parent) || conflict.range.is_empty() {
        let release = world.release(required_by, &draft.version(world, parent))?;
        release.and_then(|release| release.peers.get(package)).cloned().unwrap_or_else(|| "*".to_owned())
    } else {
        conflict.range.clone()
    };
    if spec::admits(&range, &found) {
        return Ok(Verdict::Settled);
    }
    let raises_peer = !settled(&wanted) && (settled(&wanting) || draft.moved.contains_key(&parent));
    let lifts = if raises_peer {
        let fits = |release: &Release| spec::admits(&range, &release.version);
        lowest(world, draft, peer, &fits)?
    } else if settled(&wanting) {
        None
    } else {
        let fits =
            |release: &Release| release.peers.get(package).is_none_or(|range| spec::admits(range, &found));
        lowest(world, draft, parent, &fits)?
    };
    match lifts {
        Some(lifts) => Ok(Verdict::Move(lifts)),
        None => Ok(Verdict::Blocked(refusal(world, draft, conflict)?)),
    }
}

/// The same major first, then higher ones.
fn lowest(
    world: &World<'_>,
    draft: &Draft,
    copy: usize,
    fits: &dyn Fn(&Release) -> bool,
) -> Decided<Option<Vec<Lift>>> {
    for across in [false, true] {
        if let Some(lifts) = (Climb { world, draft, across }).lift(copy, fits, 0)? {
            return Ok(Some(lifts));
        }
    }
    Ok(None)
}

fn refusal(world: &World<'_>, draft: &Draft, conflict: &Conflict) -> Decided<String> {
    let Conflict { package, range, required_by, required_by_version, found } = conflict;
    let latest = world.listing(required_by)?.and_then(|listing| listing.latest());
    let latest = latest.map_or_else(String::new, |latest| format!(" (latest {latest})"));
    let there = world.graph.copies(package).next().map(|(copy, _)| draft.version(world, copy).to_string());
    let there = found.clone().or(there).unwrap_or_default();
    Ok(format!(
        "have {package} {there}: blocked by {required_by} {required_by_version}{latest}, which needs peer {package} {range}"
    ))
}

/// Peer ranges of direct dependencies that the change breaks. What was
/// broken before stays as it was.
pub(super) fn conflicts(world: &World<'_>, draft: &Draft) -> Decided<Vec<Conflict>> {
    let mut conflicts = Vec::new();
    for (importer, ..) in world.graph.importers() {
        let Some(node) = world.graph.node(importer) else { continue };
        for copy in node.edges.iter().filter(|edge| installs(edge)).filter_map(|edge| edge.to) {
            of_copy(world, draft, (importer, copy), &mut conflicts)?;
        }
    }
    Ok(conflicts)
}

fn of_copy(
    world: &World<'_>,
    draft: &Draft,
    (importer, copy): (usize, usize),
    conflicts: &mut Vec<Conflict>,
) -> Decided<()> {
    let Some(node) = world.graph.node(copy).filter(|node| node.source == Source::Registry) else {
        return Ok(());
    };
    let in_place: BTreeMap<&str, &str> = node
        .edges
        .iter()
        .filter(|edge| edge.wish == Wish::Peer)
        .filter_map(|edge| Some((edge.name.as_str(), edge.range.as_deref()?)))
        .collect();
    let moved = draft.moved.get(&copy);
    let peers: Vec<(String, String)> = match moved {
        Some(version) => {
            let release = world.release(&node.name, version)?;
            release.map(|release| release.peers.clone().into_iter().collect()).unwrap_or_default()
        }
        None => in_place.iter().map(|(name, range)| ((*name).to_owned(), (*range).to_owned())).collect(),
    };
    for (package, range) in peers {
        let Some(peer) = seen_from(world, importer, copy, &package) else { continue };
        let found = draft.version(world, peer);
        let touched = moved.is_some() || draft.moved.contains_key(&peer);
        let locked = world.graph.node(peer).map(|node| &node.version);
        let broken_before = in_place
            .get(package.as_str())
            .is_some_and(|range| locked.is_some_and(|locked| !spec::admits(range, locked)));
        if touched && !broken_before && !spec::is_elsewhere(&range) && !spec::admits(&range, &found) {
            conflicts.push(Conflict {
                package,
                range,
                required_by: node.name.clone(),
                required_by_version: draft.version(world, copy).to_string(),
                found: Some(found.to_string()),
            });
        }
    }
    Ok(())
}

/// The copy that a peer gets: the one that the same manifest declares, the
/// root's, or what the lockfile says.
fn seen_from(world: &World<'_>, importer: usize, copy: usize, package: &str) -> Option<usize> {
    let of = |index: usize, peers: bool| {
        let edges = world.graph.node(index).into_iter().flat_map(|node| &node.edges);
        edges.filter(|edge| edge.name == package && installs(edge) != peers).find_map(|edge| edge.to)
    };
    let root = world.graph.importers().next().map(|(index, ..)| index);
    let found =
        of(importer, false).or_else(|| root.and_then(|root| of(root, false))).or_else(|| of(copy, true))?;
    world.graph.node(found).is_some_and(|node| node.source == Source::Registry).then_some(found)
}

#[cfg(test)]
mod tests;
