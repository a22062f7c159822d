//! The steps by which an installed package is lifted, the lightest first.
//!
//! Every copy that has to go is looked at, in its own line of versions: the
//! ranges in place, the declarations of this repository, a newer parent
//! (within its major, then across), and last an override that holds below
//! one parent only. Nothing ever goes down, and nothing is taken newer than
//! it has to be.

pub(super) mod climb;

use std::collections::BTreeMap;

use deno_semver::Version;
use serde_json::Value;

use super::listing::Release;
use super::lock::Node;
use super::vulnerable::Vulnerable;
use super::world::{Ask, Decided, Draft, Lift, Override, Stop, World, blocked, declined};
use super::{Pin, spec};
use crate::advisory;
use crate::change::Step;
use crate::failure::Failure;
use crate::manager::Kind;
use crate::outcome::Outcome;

/// Which versions of the package are good enough.
#[derive(Debug, Clone, Default)]
pub(super) struct Want {
    pub(super) vulnerable: Vulnerable,
    pub(super) at_least: Option<Version>,
    pub(super) exactly: Option<Version>,
    /// A security fix may use an override; an ordinary bump may not.
    pub(super) security: bool,
}

impl Want {
    pub(super) fn accepts(&self, version: &Version) -> bool {
        !self.vulnerable.names(version)
            && self.at_least.as_ref().is_none_or(|least| version >= least)
            && self.exactly.as_ref().is_none_or(|exactly| version == exactly)
    }
}

/// Where one copy went. `to` is empty when nothing asks for it any more.
#[derive(Debug, Clone)]
pub(super) struct Fixed {
    pub(super) from: Version,
    pub(super) to: Option<Version>,
    pub(super) step: Step,
}

/// All copies of one package at one version.
struct Group<'a> {
    package: &'a str,
    from: Version,
    copies: Vec<usize>,
    want: &'a Want,
    /// Newer versions that are good enough, ascending.
    targets: Vec<&'a Release>,
}

/// Lifts every copy that the wish does not accept.
pub(super) fn lift_all(
    world: &World<'_>,
    draft: &mut Draft,
    package: &str,
    want: &Want,
) -> Decided<Vec<Fixed>> {
    let mut groups: BTreeMap<Version, Vec<usize>> = BTreeMap::new();
    for (index, node) in world.graph.copies(package).filter(|(_, node)| !want.accepts(&node.version)) {
        groups.entry(node.version.clone()).or_default().push(index);
    }
    let mut fixed = Vec::new();
    for (from, copies) in groups {
        let targets = targets(world, package, &from, want)?;
        let group = Group { package, from, copies, want, targets };
        fixed.extend(lift_group(world, draft, &group)?);
    }
    Ok(fixed)
}

fn targets<'a>(world: &World<'a>, package: &str, from: &Version, want: &Want) -> Decided<Vec<&'a Release>> {
    let good = |release: &&Release| want.accepts(&release.version);
    let targets: Vec<&Release> = world.above(package, from)?.into_iter().filter(good).collect();
    if !targets.is_empty() {
        return Ok(targets);
    }
    let listing = world.listing(package)?;
    let newer = |release: &&Release| release.version > *from && want.accepts(&release.version);
    let unfit =
        listing.and_then(|listing| listing.releases.iter().filter(newer).find(|r| r.version.pre.is_empty()));
    let Some(release) = unfit else {
        let what = match &want.exactly {
            Some(version) => format!("find version {version} of {package} in the registry"),
            None => {
                let names = advisory::names(world.question.advisories, package);
                format!("lift {package} {from} out of {names}: no fixed version was published")
            }
        };
        return Err(Failure::user(Outcome::NoSafeVersion, what).into());
    };
    let engines = release.engines.as_deref();
    match super::engines::misfit(engines, None, world.question.runtime) {
        Some(why) => Err(declined(format!("lift {package} {from}: {} {why}", release.version))),
        // Only deprecated versions are left: a security fix takes them.
        None => {
            let runs = |release: &&Release| {
                let engines = release.engines.as_deref();
                super::engines::misfit(engines, None, world.question.runtime).is_none()
            };
            let releases = listing.into_iter().flat_map(|listing| &listing.releases);
            Ok(releases.filter(newer).filter(|r| r.version.pre.is_empty()).filter(runs).collect())
        }
    }
}

impl Group<'_> {
    fn lowest(&self, admits: impl Fn(&Version) -> bool) -> Option<Version> {
        self.targets.iter().map(|release| &release.version).find(|version| admits(version)).cloned()
    }

    fn fixed(&self, to: &Version, step: Step) -> Fixed {
        Fixed { from: self.from.clone(), to: Some(to.clone()), step }
    }
}

fn lift_group(world: &World<'_>, draft: &mut Draft, group: &Group<'_>) -> Decided<Vec<Fixed>> {
    let Group { package, from, .. } = group;
    if let Some(fixed) = raise_override(world, draft, group) {
        return Ok(vec![fixed]);
    }
    let asks = world.asks(draft, &group.copies)?;
    if asks.is_empty() {
        return Ok(unasked(world, draft, group));
    }
    if let Some(to) = group.lowest(|version| asks.iter().all(|ask| ask.admits(version))) {
        let lift = Lift { copies: group.copies.clone(), to: to.clone(), raised: Vec::new(), across: false };
        draft.lift(world, &lift, None);
        draft.say(format!(
            "The ranges in place allow {package} {to} instead of {from}; only the lockfile changes."
        ));
        return Ok(vec![group.fixed(&to, Step::InRangeRefresh)]);
    }
    let others = || asks.iter().filter(|ask| !ask.own);
    let editable = asks.iter().filter(|ask| ask.own).all(|ask| !spec::is_elsewhere(&ask.range));
    if editable && let Some(to) = group.lowest(|version| others().all(|ask| ask.admits(version))) {
        let raised = asks.iter().filter(|ask| ask.own && !ask.admits(&to));
        let raised = raised.map(Ask::declaration).collect();
        draft.lift(
            world,
            &Lift { copies: group.copies.clone(), to: to.clone(), raised, across: false },
            None,
        );
        draft.say(format!(
            "{package} is declared here; {to} is the lowest version after {from} that is good."
        ));
        return Ok(vec![group.fixed(&to, Step::Direct)]);
    }
    split(world, draft, group, &asks)
}

/// Each asker gets what it allows; what allows nothing good is climbed. A
/// parent that moved for an earlier one asks in other words, or not at all.
fn split(world: &World<'_>, draft: &mut Draft, group: &Group<'_>, asks: &[Ask]) -> Decided<Vec<Fixed>> {
    let mut all = Vec::new();
    let mut pins: Vec<(Option<String>, Version)> = Vec::new();
    for ask in asks {
        let now = world.asks(draft, &group.copies)?;
        let now = now.into_iter().find(|one| one.parent == ask.parent && one.name == ask.name);
        let fixed = match now {
            None => Fixed { from: group.from.clone(), to: None, step: Step::AncestorBump },
            Some(ask) => match group.lowest(|version| ask.admits(version)) {
                Some(to) => group.fixed(&to, Step::InRangeRefresh),
                None if ask.own => raise(world, draft, group, &ask)?,
                None => climb(world, draft, group, &ask)?,
            },
        };
        if let Some(to) = fixed.to.clone() {
            let parent = world.graph.node(ask.parent).map(|node| node.name.clone());
            pins.push((parent.filter(|_| !ask.own), to));
        }
        all.push(fixed);
    }
    let mut below: Vec<&Version> =
        pins.iter().filter(|(under, _)| under.is_some()).map(|(_, to)| to).collect();
    below.dedup();
    let together = below.len() == 1 && !all.iter().any(|fixed| fixed.step == Step::Override);
    for (under, version) in &pins {
        draft.pin(Pin {
            package: group.package.to_owned(),
            version: version.to_string(),
            replaces: under.is_some().then(|| group.from.to_string()),
            under: under.clone().filter(|_| !together),
        });
    }
    Ok(all)
}

/// Ancestors that moved for different copies must still fit each other: one
/// that a later move left behind goes to the lowest version that all its
/// askers allow, or is left to the package manager.
pub(super) fn agree(world: &World<'_>, draft: &mut Draft) -> Decided<()> {
    let moved: Vec<usize> =
        draft.moved.keys().copied().filter(|copy| !draft.settled.contains(copy)).collect();
    for copy in moved {
        let Some(node) = world.graph.node(copy) else { continue };
        let copies = world.graph.twins(copy);
        let asks: Vec<Ask> = world.asks(draft, &copies)?.into_iter().filter(|ask| !ask.own).collect();
        let to = draft.version(world, copy);
        let replaces = Some(node.version.to_string());
        let ours = |pin: &Pin| pin.package == node.name && pin.replaces == replaces && pin.under.is_none();
        if !draft.pins.iter().any(ours) || asks.iter().all(|ask| ask.admits(&to)) {
            continue;
        }
        let above = world.above(&node.name, &node.version)?;
        let all = |release: &&&Release| asks.iter().all(|ask| ask.admits(&release.version));
        match above.iter().find(all) {
            Some(release) => {
                let lift = Lift { copies, to: release.version.clone(), raised: Vec::new(), across: false };
                draft.lift(world, &lift, Some("what brings it in moves"));
            }
            None => draft.pins.retain(|pin| !ours(pin)),
        }
    }
    Ok(())
}

fn raise(world: &World<'_>, draft: &mut Draft, group: &Group<'_>, ask: &Ask) -> Decided<Fixed> {
    let Group { package, from, .. } = group;
    if spec::is_elsewhere(&ask.range) {
        return Err(declined(format!("lift {package} {from}: it is not from the registry ({})", ask.range)));
    }
    // The list is not empty.
    let to = group.lowest(|_| true).unwrap_or_default();
    let dirs = vec![world.dir(ask.parent).to_owned()];
    let (_, name) = ask.declaration();
    draft.edit(&name, (&from.to_string(), &to.to_string()), Some(dirs));
    draft.say(format!("{package} is declared here; {to} is the lowest version after {from} that is good."));
    Ok(group.fixed(&to, Step::Direct))
}

/// One asker allows no good version: its own newer version may, or an
/// override has to.
fn climb(world: &World<'_>, draft: &mut Draft, group: &Group<'_>, ask: &Ask) -> Decided<Fixed> {
    let package = group.package;
    let good = |release: &Release| match release.dependencies.get(&ask.name) {
        Some(range) => group.lowest(|version| spec::admits(range, version)).is_some(),
        None => true,
    };
    for across in [false, true] {
        let climb = climb::Climb { world, draft: &*draft, across };
        let Some(lifts) = climb.lift(ask.parent, &good, 0)? else { continue };
        let title = world.title(draft, ask.parent);
        for lift in &lifts {
            let first = lift.copies.first().copied().unwrap_or_default();
            if world.graph.node(first).map(|node| &node.name) != world.graph.node(ask.parent).map(|n| &n.name)
            {
                draft.say(format!(
                    "{} moves to {}, the lowest that allows it.",
                    world.title(draft, first),
                    lift.to
                ));
            }
            draft.lift(world, lift, Some(&format!("it brings {package} in")));
        }
        let step =
            if lifts.iter().any(|lift| lift.across) { Step::AncestorMajor } else { Step::AncestorBump };
        let name = world.graph.node(ask.parent).map_or("", |node| node.name.as_str());
        let lifted = draft.version(world, ask.parent);
        let range = world.release(name, &lifted)?.and_then(|release| release.dependencies.get(&ask.name));
        let to = range.and_then(|range| group.lowest(|version| spec::admits(range, version)));
        let lowest = if across { "the lowest version" } else { "the lowest version of the same major" };
        draft.say(match &to {
            Some(to) => {
                format!("{title} allows no good {package}; {name} {lifted} is {lowest} that does ({to}).")
            }
            None => format!("{title} needs {package}; {name} {lifted} is {lowest} that does without."),
        });
        return Ok(Fixed { from: group.from.clone(), to, step });
    }
    override_below(world, draft, group, ask)
}

fn override_below(world: &World<'_>, draft: &mut Draft, group: &Group<'_>, ask: &Ask) -> Decided<Fixed> {
    let package = group.package;
    let to = group.lowest(|_| true).unwrap_or_default();
    let parent = world.graph.node(ask.parent);
    let bundled = group.copies.iter().filter_map(|copy| world.graph.node(*copy)).any(|node| node.bundled);
    let held = held_back(world, draft, ask)?;
    if !group.want.security || bundled || !can_override(world) {
        let why = if bundled { "; it comes inside the archive of its parent" } else { "" };
        return Err(blocked(format!("lift {package} {} to {to}: {held}{why}", group.from)));
    }
    let name = parent.map_or("", |node| node.name.as_str());
    draft.overrides.push(Override {
        parent: name.to_owned(),
        package: ask.name.clone(),
        version: to.to_string(),
    });
    draft.say(format!("{package} {} is {held}. No version of {name} allows a good one.", group.from));
    draft.say(format!(
        "An override gives {name} {package} {to}, which its authors did not test. Take it away when {name} allows a good version."
    ));
    if is_published(&world.root()) {
        draft.say("An override does not protect the users of a published library: it only holds in this repository.");
    }
    Ok(group.fixed(&to, Step::Override))
}

/// `held back by request 2.88.2 (latest), which needs tough-cookie ~2.5.0`.
fn held_back(world: &World<'_>, draft: &Draft, ask: &Ask) -> Decided<String> {
    let name = world.graph.node(ask.parent).map_or("", |node| node.name.as_str());
    let version = draft.version(world, ask.parent);
    let listing = world.listing(name)?;
    let latest = listing.and_then(|listing| listing.latest());
    let latest = match latest {
        Some(latest) if *latest == version => " (latest)".to_owned(),
        Some(latest) => format!(" (latest {latest})"),
        None => String::new(),
    };
    Ok(format!("held back by {name} {version}{latest}, which needs {} {}", ask.name, ask.range))
}

/// An override in place decides already: it is raised where it stands.
fn raise_override(world: &World<'_>, draft: &mut Draft, group: &Group<'_>) -> Option<Fixed> {
    let package = group.package;
    let root = world.root();
    let sections =
        [root.get("overrides"), root.get("resolutions"), root.get("pnpm").and_then(|p| p.get("overrides"))];
    let entry = sections.into_iter().flatten().find_map(|section| section.get(package)?.as_str())?;
    if spec::is_elsewhere(entry) || entry.starts_with('$') || !spec::admits(entry, &group.from) {
        return None;
    }
    let to = group.lowest(|version| spec::admits(entry, version)).or_else(|| group.lowest(|_| true))?;
    let lift = Lift { copies: group.copies.clone(), to: to.clone(), raised: Vec::new(), across: false };
    draft.lift(world, &lift, None);
    if !spec::admits(entry, &to) {
        draft.edit(package, (&group.from.to_string(), &to.to_string()), Some(vec![String::new()]));
    }
    draft.say(format!(
        "An override in package.json holds {package} at {entry} everywhere; it is raised to {to}."
    ));
    Some(group.fixed(&to, Step::Override))
}

/// Only peers ask for it, or nobody does any more: the lockfile is behind.
fn unasked(world: &World<'_>, draft: &mut Draft, group: &Group<'_>) -> Vec<Fixed> {
    let Some(to) =
        group.lowest(|version| spec::same_line(&group.from, version)).or_else(|| group.lowest(|_| true))
    else {
        return Vec::new();
    };
    let lift = Lift { copies: group.copies.clone(), to: to.clone(), raised: Vec::new(), across: false };
    draft.lift(world, &lift, None);
    draft.pin(Pin {
        package: group.package.to_owned(),
        version: to.to_string(),
        replaces: Some(group.from.to_string()),
        under: None,
    });
    draft.say(format!(
        "No range asks for {} {} any more; it is refreshed in the lockfile.",
        group.package, group.from
    ));
    vec![group.fixed(&to, Step::InRangeRefresh)]
}

/// npm has overrides from version 8.3 on, and never in a lockfile of the
/// first format.
fn can_override(world: &World<'_>) -> bool {
    let manager = world.question.manager;
    let old = manager.kind == Kind::Npm
        && manager.version.as_deref().and_then(|version| version.split('.').next()?.parse::<u64>().ok())
            < Some(8)
        && manager.version.is_some();
    world.graph.can_override && !old
}

fn is_published(root: &Value) -> bool {
    root.get("private").and_then(Value::as_bool) != Some(true) && root.get("version").is_some()
}

/// Copies of a package, and where it was looked for when there are none.
pub(super) fn none_installed(world: &World<'_>, package: &str) -> Stop {
    let manifests = world.graph.importers().count();
    let lockfile = &world.question.manager.lockfile;
    let named = |(_, _, node): &(usize, &str, &Node)| node.name == package;
    if world.graph.importers().any(|importer| named(&importer)) {
        return declined(format!("bump {package}: it is a package of this repository"));
    }
    let where_to = match manifests {
        1 => "not declared in package.json".to_owned(),
        several => format!("declared in none of the {several} package.json here"),
    };
    declined(format!("find {package}: it is {where_to}, and {lockfile} does not install it"))
}

#[cfg(test)]
mod tests;
