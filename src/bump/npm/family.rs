//! Packages that move together: `@types/x` with x, and what is released from
//! the same repository under the same version.
//!
//! There is no table of names: the lockfile says which versions are equal,
//! and the listings say where the sources are. Only what this repository
//! declares itself moves.

use deno_semver::Version;

use super::listing::Release;
use super::lock::Source;
use super::spec;
use super::world::{Decided, Draft, Lift, World, installs};

/// Relatives that are looked up for one package.
const RELATIVES: usize = 40;

/// The head of a family, as it moves.
#[derive(Debug, Clone)]
pub(super) struct Head<'a> {
    pub(super) package: &'a str,
    pub(super) from: Version,
    pub(super) to: Version,
}

/// Adds the relatives of one declared package that moves.
pub(super) fn follow(world: &World<'_>, draft: &mut Draft, head: &Head<'_>) -> Decided<()> {
    types(world, draft, head)?;
    train(world, draft, head)
}

/// Every declared package of the registry, with the name as declared.
fn declared(world: &World<'_>) -> Vec<(String, usize)> {
    let mut all: Vec<(String, usize)> = world
        .graph
        .importers()
        .flat_map(|(_, _, node)| &node.edges)
        .filter(|edge| installs(edge) && !edge.range.as_deref().is_some_and(spec::is_elsewhere))
        .filter_map(|edge| Some((edge.name.clone(), edge.to?)))
        .filter(|(_, copy)| world.graph.node(*copy).is_some_and(|node| node.source == Source::Registry))
        .collect();
    all.sort();
    all.dedup_by(|a, b| a.1 == b.1);
    all
}

/// The types of a package are published under its major.
fn types(world: &World<'_>, draft: &mut Draft, head: &Head<'_>) -> Decided<()> {
    let name = format!("@types/{}", head.package.trim_start_matches('@').replace('/', "__"));
    let Some((_, copy)) = declared(world).into_iter().find(|(declared, _)| *declared == name) else {
        return Ok(());
    };
    let locked = draft.version(world, copy);
    if locked.major >= head.to.major || draft.moved.contains_key(&copy) {
        return Ok(());
    }
    let fits =
        |release: &&Release| release.version.major == head.to.major && release.version.minor <= head.to.minor;
    let above = world.above(&name, &locked)?;
    let Some(release) = above.into_iter().rev().find(fits) else {
        draft
            .say(format!("No {name} is published for {} {} or earlier of its major.", head.package, head.to));
        return Ok(());
    };
    let to = release.version.clone();
    take(world, draft, copy, &to, &format!("the types of {}", head.package));
    Ok(())
}

/// Packages of one repository that are always released under one version.
fn train(world: &World<'_>, draft: &mut Draft, head: &Head<'_>) -> Decided<()> {
    let across = !spec::same_line(&head.from, &head.to);
    let scope = |name: &str| name.split_once('/').map(|(scope, _)| scope.to_owned());
    let relatives: Vec<(String, usize)> = declared(world)
        .into_iter()
        .filter(|(_, copy)| {
            let Some(node) = world.graph.node(*copy) else { return false };
            let same = node.version == head.from;
            let near = across && scope(&node.name).is_some() && scope(&node.name) == scope(head.package);
            node.name != head.package
                && !draft.moved.contains_key(copy)
                && (same || (near && spec::same_line(&node.version, &head.from)))
        })
        .take(RELATIVES)
        .collect();
    if relatives.is_empty() {
        return Ok(());
    }
    let Some(home) = home(world, head.package, &head.to)? else { return Ok(()) };
    for (_, copy) in relatives {
        let Some(node) = world.graph.node(copy) else { continue };
        if world.long_listing(&node.name)?.is_none() {
            continue;
        }
        let above = world.above(&node.name, &node.version)?;
        let same = above.iter().find(|release| release.version == head.to);
        // A scope can share its majors only (`@babel/*`).
        let near =
            || above.iter().rev().find(|release| across && spec::same_line(&head.to, &release.version));
        let Some(release) = same.or_else(near) else { continue };
        if release.repository.as_deref() == Some(home) {
            take(world, draft, copy, &release.version, "the same release train");
            let (from, to) = (node.version.clone(), release.version.clone());
            types(world, draft, &Head { package: &node.name, from, to })?;
        }
    }
    Ok(())
}

fn home<'a>(world: &World<'a>, package: &str, version: &Version) -> Decided<Option<&'a str>> {
    let listing = world.long_listing(package)?;
    let release = listing.and_then(|listing| listing.release(version));
    Ok(release.and_then(|release| release.repository.as_deref()))
}

fn take(world: &World<'_>, draft: &mut Draft, copy: usize, to: &Version, why: &str) {
    let Some(node) = world.graph.node(copy) else { return };
    draft.edit(&node.name, (&node.version.to_string(), &to.to_string()), None);
    let lift = Lift { copies: vec![copy], to: to.clone(), raised: Vec::new(), across: false };
    draft.lift_own(world, &lift, Some(why));
}

#[cfg(test)]
mod tests;
