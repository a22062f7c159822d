//! The decision as a whole: every package that was asked for, its relatives,
//! its peers, and the plan that comes of it.

use deno_semver::Version;

use super::family::{self, Head};
use super::ladder::{self, Fixed, Want};
use super::lock::{Edge, Source};
use super::peers::{self, Conflict};
use super::target::{self, Current};
use super::vulnerable::Vulnerable;
use super::world::{Decided, Draft, Lift, Stop, World, declined, installs};
use super::{Plan, edits, spec};
use crate::advisory::Advisory;
use crate::change::{Bump, Ecosystem, Moved, Resolved, Step};
use crate::failure::Failure;
use crate::outcome::Outcome;

/// What became of one package that was asked for.
struct Answer {
    package: String,
    from: String,
    to: String,
    step: Step,
    /// Other copies of it, in other lines of versions.
    more: Vec<Moved>,
}

pub(super) fn decide(world: &World<'_>, conflicts: &[Conflict]) -> Decided<Plan> {
    let mut draft = Draft::default();
    let mut answers = Vec::new();
    let mut current = None;
    for bump in world.question.bumps {
        match answer(world, &mut draft, bump) {
            Ok(answer) => answers.push(answer),
            // In a group, what is done already holds nobody up.
            Err(Stop::Refuse(failure)) if failure.outcome() == Outcome::AlreadyCurrent => {
                draft.say(format!("Nothing to do for {}: could not {}.", bump.package, failure.public()));
                current.get_or_insert(failure);
            }
            Err(stop) => return Err(stop),
        }
    }
    if answers.is_empty() {
        return Err(current.unwrap_or_else(|| Failure::bug("decide without a package")).into());
    }
    peers::settle(world, &mut draft, conflicts)?;
    ladder::agree(world, &mut draft)?;
    finish(world, draft, answers)
}

fn answer(world: &World<'_>, draft: &mut Draft, bump: &Bump) -> Decided<Answer> {
    let package = bump.package.as_str();
    let mine = |advisory: &&Advisory| advisory.ecosystem == Ecosystem::Npm && advisory.package == package;
    let advisories: Vec<&Advisory> = world.question.advisories.iter().filter(mine).collect();
    let declared: Vec<(usize, &Edge)> =
        world.declared(package).into_iter().filter(|(_, edge)| installs(edge)).collect();
    if !advisories.is_empty() {
        return secure(world, draft, bump, &advisories);
    }
    if declared.is_empty() {
        return transitive(world, draft, bump);
    }
    let from_registry = |(_, edge): &&(usize, &Edge)| !edge.range.as_deref().is_some_and(spec::is_elsewhere);
    if !declared.iter().any(|one| from_registry(&one)) {
        let range = declared.first().and_then(|(_, edge)| edge.range.clone()).unwrap_or_default();
        return Err(declined(format!("bump {package}: it is not from the registry ({range})")));
    }
    let declared: Vec<(usize, &Edge)> = declared.iter().filter(from_registry).copied().collect();
    direct(world, draft, bump, &declared)
}

fn direct(world: &World<'_>, draft: &mut Draft, bump: &Bump, declared: &[(usize, &Edge)]) -> Decided<Answer> {
    let package = bump.package.as_str();
    let mut copies: Vec<(Version, usize)> = declared
        .iter()
        .filter_map(|(_, edge)| edge.to)
        .filter_map(|copy| Some((world.graph.node(copy).filter(|n| n.source == Source::Registry)?, copy)))
        .map(|(node, copy)| (node.version.clone(), copy))
        .collect();
    copies.sort();
    copies.dedup();
    let Some((from, first)) = copies.first().cloned() else {
        let lockfile = &world.question.manager.lockfile;
        let what = format!("find {package} in {lockfile}: it does not fit package.json");
        return Err(Failure::user(Outcome::EditFailed, what).into());
    };
    let name = world.graph.node(first).map_or(package, |node| node.name.as_str());
    let Some(listing) = world.listing(name)? else { return Err(unknown(name)) };
    let current = Current { package, version: &from, runtime: world.question.runtime };
    let choice = target::choose(&current, listing, bump.version.as_deref())?;
    choice.reasons.iter().for_each(|reason| draft.say(reason.clone()));
    let to = choice.version;
    for (version, copy) in &copies {
        draft.settled.push(*copy);
        if *version < to {
            let lift = Lift { copies: vec![*copy], to: to.clone(), raised: Vec::new(), across: false };
            draft.lift_own(world, &lift, None);
        }
    }
    draft.edit(name, (&from.to_string(), &to.to_string()), None);
    family::follow(world, draft, &Head { package: name, from: from.clone(), to: to.clone() })?;
    let step = Step::Direct;
    Ok(Answer {
        package: package.to_owned(),
        from: from.to_string(),
        to: to.to_string(),
        step,
        more: Vec::new(),
    })
}

fn unknown(package: &str) -> Stop {
    Failure::user(Outcome::NoSafeVersion, format!("find {package} in the registry")).into()
}

/// Only others ask for it: what they allow, or newer ones of them.
fn transitive(world: &World<'_>, draft: &mut Draft, bump: &Bump) -> Decided<Answer> {
    let package = bump.package.as_str();
    let copies: Vec<(usize, Version)> =
        world.graph.copies(package).map(|(copy, node)| (copy, node.version.clone())).collect();
    let Some(from) = copies.iter().map(|(_, version)| version).min() else {
        return Err(ladder::none_installed(world, package));
    };
    let Some(listing) = world.listing(package)? else { return Err(unknown(package)) };
    let current = Current { package, version: from, runtime: world.question.runtime };
    let exactly = match &bump.version {
        Some(version) => target::choose(&current, listing, Some(version))?.version,
        None => {
            let low: Vec<usize> = copies.iter().filter(|(_, v)| v == from).map(|(copy, _)| *copy).collect();
            let asks = world.asks(draft, &low)?;
            let mut above = world.above(package, from)?.into_iter().rev().map(|release| &release.version);
            let found = above.find(|version| asks.iter().all(|ask| ask.admits(version)));
            found.cloned().ok_or_else(|| {
                let what = format!("bump {package}: {from} is the newest that its dependents allow");
                Failure::user(Outcome::AlreadyCurrent, what)
            })?
        }
    };
    draft.say(format!("{package} is not declared here: other packages bring it in."));
    let want = Want { exactly: Some(exactly), ..Want::default() };
    let fixed = ladder::lift_all(world, draft, package, &want)?;
    summed(draft, package, &fixed)
}

fn secure(world: &World<'_>, draft: &mut Draft, bump: &Bump, advisories: &[&Advisory]) -> Decided<Answer> {
    let package = bump.package.as_str();
    let unreadable = |range: String| Failure::bug(format!("read the advisory's range {range:?}"));
    let vulnerable = Vulnerable::read(advisories.iter().copied()).map_err(unreadable)?;
    let asked = bump.version.as_deref().map(|version| version.trim_start_matches(['v', '=']));
    let at_least = asked.and_then(|version| deno_semver::npm::parse_npm_version(version).ok());
    let installed: Vec<(usize, Version)> =
        world.graph.copies(package).map(|(copy, node)| (copy, node.version.clone())).collect();
    if installed.is_empty() {
        let elsewhere = world
            .declared(package)
            .into_iter()
            .find_map(|(_, edge)| edge.range.as_deref().filter(|range| spec::is_elsewhere(range)));
        return Err(match elsewhere {
            Some(range) => declined(format!("lift {package}: it is not from the registry ({range})")),
            None => {
                stranger(world, package, |_| true).unwrap_or_else(|| ladder::none_installed(world, package))
            }
        });
    }
    if !installed.iter().any(|(_, version)| vulnerable.names(version)) {
        let named = |version: &Version| *version != Version::default() && vulnerable.names(version);
        if let Some(stop) = stranger(world, package, named) {
            return Err(stop);
        }
        let what = format!(
            "find a vulnerable copy of {package}: every installed one is outside the advisory's ranges"
        );
        return Err(Failure::user(Outcome::AlreadyCurrent, what).into());
    }
    if world.listing(package)?.is_none() {
        return Err(unknown(package));
    }
    let want = Want { vulnerable, at_least, exactly: None, security: true };
    let fixed = ladder::lift_all(world, draft, package, &want)?;
    draft
        .settled
        .extend(installed.iter().map(|(copy, _)| *copy).filter(|copy| draft.moved.contains_key(copy)));
    for one in fixed.iter().filter(|one| one.step == Step::Direct) {
        if let Some(to) = &one.to {
            family::follow(world, draft, &Head { package, from: one.from.clone(), to: to.clone() })?;
        }
    }
    summed(draft, package, &fixed)
}

/// No for a copy that only its own source can lift.
fn stranger(world: &World<'_>, package: &str, meant: impl Fn(&Version) -> bool) -> Option<Stop> {
    let (copy, _) = world.graph.strangers(package).find(|(_, node)| meant(&node.version))?;
    let path = world.graph.paths().remove(&copy).unwrap_or_else(|| package.to_owned());
    Some(declined(format!("lift {package}: it is not from the registry ({path})")))
}

/// Several copies as one answer: the lowest one is its face.
fn summed(draft: &mut Draft, package: &str, fixed: &[Fixed]) -> Decided<Answer> {
    let heaviest = fixed.iter().map(|one| one.step).max().unwrap_or_default();
    let edited = fixed.iter().any(|one| one.step == Step::Direct);
    let step = if heaviest == Step::InRangeRefresh && edited { Step::Direct } else { heaviest };
    let mut moves: Vec<(String, String)> = Vec::new();
    for one in fixed {
        if let Some(to) = &one.to {
            let pair = (one.from.to_string(), to.to_string());
            if !moves.contains(&pair) {
                moves.push(pair);
            }
        }
    }
    if moves.is_empty() {
        // Nothing asks for it any more: what moved instead is the change.
        if draft.others.is_empty() {
            return Err(Failure::bug(format!("find a way for {package}")).into());
        }
        let instead = draft.others.remove(0);
        let more = Vec::new();
        return Ok(Answer { package: instead.package, from: instead.from, to: instead.to, step, more });
    }
    let (from, to) = moves.remove(0);
    let more = moves.into_iter().map(|(from, to)| Moved {
        package: package.to_owned(),
        from,
        to,
        why: "another installed copy".to_owned(),
    });
    Ok(Answer { package: package.to_owned(), from, to, step, more: more.collect() })
}

fn finish(world: &World<'_>, draft: Draft, answers: Vec<Answer>) -> Decided<Plan> {
    let manifests = edits::write(world.question, &draft)?;
    let mut resolved = Resolved { reasons: draft.reasons, ..Resolved::default() };
    for (position, answer) in answers.into_iter().enumerate() {
        resolved.step = resolved.step.max(answer.step);
        if position == 0 {
            (resolved.package, resolved.from, resolved.to) = (answer.package, answer.from, answer.to);
        } else {
            let Answer { package, from, to, .. } = answer;
            resolved.others.push(Moved { package, from, to, why: crate::change::ASKED_TOO.to_owned() });
        }
        resolved.others.extend(answer.more);
    }
    // A package can be asked for and follow from another one too.
    for other in draft.others {
        let known = other.package == resolved.package && other.from == resolved.from;
        if !known && !resolved.others.iter().any(|o| o.package == other.package && o.from == other.from) {
            resolved.others.push(other);
        }
    }
    if resolved.reasons.is_empty() {
        resolved.reasons.push(format!("{} {} was chosen.", resolved.package, resolved.to));
    }
    Ok(Plan { resolved, manager: world.question.manager.clone(), manifests, pins: draft.pins })
}
