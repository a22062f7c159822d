//! A version that the repository declares itself.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::declared::{Declared, Kind};
use super::effective::Source;
use super::family;
use super::ground::Ground;
use super::model::Gav;
use super::shelf::Stop;
use super::target::{self, Wish, is_vulnerable};
use super::version::compare;
use super::{edits, range};
use crate::advisory::Advisory;
use crate::bump::edit::Texts;
use crate::change::{Ecosystem, Moved, Resolved, Step};

/// One package, and what is wanted of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub group: &'a str,
    pub artifact: &'a str,
    pub asked: Option<&'a str>,
    /// Those about this package; none for an ordinary bump.
    pub advisories: &'a [&'a Advisory],
}

impl Case<'_> {
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.group, self.artifact)
    }

    /// What the repository declares of this package and is to move.
    pub(super) fn declared<'g>(&self, ground: &'g Ground<'_>) -> Vec<&'g Declared> {
        let moves = |one: &&Declared| {
            one.gav.is(self.group, self.artifact)
                && (self.advisories.is_empty() || is_vulnerable(&one.gav.version, self.advisories))
        };
        ground.declared.iter().filter(moves).collect()
    }
}

/// An edit, and what it brings about.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub texts: Texts,
    pub resolved: Resolved,
}

/// Edits the declarations; `None` when there is none.
///
/// # Errors
/// There is no version to go to, or the declaration is not one that is
/// edited.
pub(super) fn bump(ground: &Ground<'_>, case: &Case<'_>) -> Result<Option<Attempt>, Stop> {
    let declared = case.declared(ground);
    let Some(first) = declared.first() else { return Ok(None) };
    if declared.iter().all(|one| one.system) {
        return Err(Stop::declined(format!(
            "bump {}: it is a file of this machine (system scope)",
            case.name()
        )));
    }
    let outside = |one: &&Declared| matches!(one.property, Some((_, Source::Remote(_))));
    let own: Vec<&Declared> = declared.iter().copied().filter(|one| !one.system && !outside(one)).collect();
    if own.is_empty() {
        return from_outside(ground, case, first).map(Some);
    }
    for one in &own {
        refuse_open_range(case, one)?;
    }
    let current = lowest(ground, &own)?;
    let sharing = sharing(ground, &own);
    let probe =
        if own.iter().any(|one| limit(ground, one.kind).is_none()) { probe(ground, &current)? } else { None };
    let java = match probe {
        Some(_) => Some(ground.level()),
        None => own.iter().map(|one| limit(ground, one.kind)).min().flatten(),
    };
    let wish = Wish {
        current: &current,
        asked: case.asked,
        advisories: case.advisories,
        sharing: &sharing,
        java,
        probe: probe.as_ref(),
    };
    let target = target::choose(ground.shelf, &wish)?;
    let mut texts = ground.texts.clone();
    let versions: BTreeSet<&str> = own.iter().map(|one| one.gav.version.as_str()).collect();
    for version in versions.into_iter().filter(|version| is_below(version, &target.version)) {
        texts = edits::version(&texts, &Gav::new(case.group, case.artifact, version), &target.version)?;
    }
    let mut resolved = Resolved {
        ecosystem: Ecosystem::Maven,
        package: case.name(),
        from: current.version.clone(),
        to: target.version,
        step: Step::Direct,
        reasons: target.reasons,
        others: Vec::new(),
    };
    resolved.others.extend(sharing.iter().map(|(group, artifact)| Moved {
        package: format!("{group}:{artifact}"),
        from: current.version.clone(),
        to: resolved.to.clone(),
        why: "it shares the property".to_owned(),
    }));
    let texts = follow(ground, &current, texts, &mut resolved)?;
    Ok(Some(Attempt { texts, resolved }))
}

/// A property that holds a range leaves the version to the day of the build:
/// what is verified here is not what is built tomorrow, by any of the
/// artifacts that share the property.
fn refuse_open_range(case: &Case<'_>, declared: &Declared) -> Result<(), Stop> {
    let Some((property, _)) = &declared.property else { return Ok(()) };
    let version = &declared.gav.version;
    match range::Range::parse(version) {
        Some(range) if !range.is_soft() && range.pinned().is_none() => Err(Stop::declined(format!(
            "bump {}: the property {property} holds the range {version}, not a version",
            case.name()
        ))),
        _ => Ok(()),
    }
}

/// Moves what belongs together with it.
fn follow(ground: &Ground<'_>, gav: &Gav, texts: Texts, resolved: &mut Resolved) -> Result<Texts, Stop> {
    let mut texts = texts;
    let level = ground.level();
    for follower in family::followers(ground.shelf, &ground.declared, gav, &resolved.to, level)? {
        let package = follower.gav.name();
        if resolved.others.iter().any(|other| other.package == package) {
            continue;
        }
        // What a property of a parent outside sets is not moved along.
        let Ok(edited) = edits::version(&texts, &follower.gav, &follower.to) else { continue };
        texts = edited;
        resolved.others.push(Moved {
            package,
            from: follower.gav.version,
            to: follower.to,
            why: follower.why.to_owned(),
        });
    }
    Ok(texts)
}

/// `<version>${netty.version}</version>`, where a parent from outside sets
/// the property: it is set anew in the pom that has that parent.
fn from_outside(ground: &Ground<'_>, case: &Case<'_>, declared: &Declared) -> Result<Attempt, Stop> {
    let Some((property, _)) = &declared.property else {
        return Err(Stop::edit(format!("find where the version of {} is set", case.name())));
    };
    let sharing = sharing(ground, &[declared]);
    let wish = Wish {
        current: &declared.gav,
        asked: case.asked,
        advisories: case.advisories,
        sharing: &sharing,
        java: limit(ground, declared.kind),
        probe: None,
    };
    let target = target::choose(ground.shelf, &wish)?;
    let owner = ground
        .effective
        .get(&declared.path)
        .and_then(|effective| effective.lineage.iter().filter_map(|(source, _)| source.path()).next_back());
    let texts = edits::property(&ground.texts, owner.unwrap_or(&declared.path), property, &target.version)?;
    let mut reasons = target.reasons;
    reasons.push(format!("the parent sets the version by the property {property}"));
    Ok(Attempt {
        texts,
        resolved: Resolved {
            ecosystem: Ecosystem::Maven,
            package: case.name(),
            from: declared.gav.version.clone(),
            to: target.version,
            step: Step::BomProperty,
            reasons,
            others: Vec::new(),
        },
    })
}

/// The lowest version in place; a range stands for the newest in it.
fn lowest(ground: &Ground<'_>, declared: &[&Declared]) -> Result<Gav, Stop> {
    let mut lowest: Option<Gav> = None;
    for one in declared {
        let mut gav = one.gav.clone();
        if gav.version.starts_with(['[', '(']) {
            let versions = ground.shelf.versions(&gav.group, &gav.artifact)?.unwrap_or_default();
            let within = versions.iter().filter(|version| range::satisfies(version, &gav.version));
            let Some(newest) = within.max_by(|left, right| compare(left, right)) else { continue };
            gav.version = newest.clone();
        }
        if gav.version.contains("${") {
            return Err(Stop::edit(format!(
                "find the property in the version {} of {}",
                gav.version, one.path
            )));
        }
        let lower = |lowest: &Gav| compare(&gav.version, &lowest.version) == Ordering::Less;
        if lowest.as_ref().is_none_or(lower) {
            lowest = Some(gav);
        }
    }
    lowest.ok_or_else(|| Stop::unsafe_version("find a published version in the range that is declared"))
}

fn is_below(version: &str, target: &str) -> bool {
    version.starts_with(['[', '(']) && !range::satisfies(target, version)
        || compare(version, target) == Ordering::Less
}

/// Other artifacts whose version is written with the same property.
fn sharing(ground: &Ground<'_>, declared: &[&Declared]) -> Vec<(String, String)> {
    let properties: Vec<_> = declared.iter().filter_map(|one| one.property.as_ref()).collect();
    let shares = |other: &&Declared| {
        other.property.as_ref().is_some_and(|property| properties.contains(&property))
            && !declared.iter().any(|one| one.gav.is(&other.gav.group, &other.gav.artifact))
    };
    let others = ground.declared.iter().filter(shares);
    let names: BTreeSet<_> = others.map(|one| (one.gav.group.clone(), one.gav.artifact.clone())).collect();
    names.into_iter().collect()
}

/// The newest Java that the artifact may need at its place.
fn limit(ground: &Ground<'_>, kind: Kind) -> Option<u64> {
    match kind {
        Kind::Dependency | Kind::Managed => Some(ground.level()),
        Kind::Plugin => Some(ground.jdk()),
        Kind::Import | Kind::Parent => None,
    }
}

/// An artifact in use that is released together with a parent or bill of
/// materials: its jar tells which Java the release needs.
fn probe(ground: &Ground<'_>, of: &Gav) -> Result<Option<Gav>, Stop> {
    let trees = ground.trees()?;
    let used = trees.iter().flat_map(|(_, tree)| &tree.nodes).map(|node| &node.dependency);
    let together = used.filter(|one| {
        one.kind == "jar" && one.gav.version == of.version && one.gav.group.starts_with(&of.group)
    });
    // The core of a release has the shortest name; starters have no classes.
    Ok(together.map(|one| &one.gav).min_by_key(|gav| gav.artifact.len()).cloned())
}
