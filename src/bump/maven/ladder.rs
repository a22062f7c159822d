//! The steps by which a transitive artifact is lifted, the lightest first.
//!
//! Each step makes an edit and proves it: every tree is resolved again, and
//! no used copy may be in a vulnerable range, and none may be lower than
//! before. A step that cannot be proven is not taken.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::carrier::{self, Carrier};
use super::direct::{self, Attempt, Case};
use super::edits;
use super::effective::Effective;
use super::ground::Ground;
use super::model::Gav;
use super::shelf::Stop;
use super::target::{self, Wish, is_vulnerable};
use super::tree::{self, Tree};
use super::version::{self, compare};
use crate::change::{Ecosystem, Resolved, Step};
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Paths that are told in the reasons.
const PATHS: usize = 3;

/// The vulnerable copies before the change, and where to go.
struct Fix<'a> {
    ground: &'a Ground<'a>,
    case: &'a Case<'a>,
    trees: Vec<(&'a str, Tree)>,
    /// The lowest vulnerable version in use.
    current: String,
    target: String,
    reasons: Vec<String>,
}

/// One step of the ladder; `None` when it does not apply.
type Try = fn(&Fix<'_>) -> Result<Option<Attempt>, Stop>;

/// Lifts a package out of every vulnerable range.
///
/// # Errors
/// Nothing is vulnerable, no fixed version was published, no step leads
/// there, or more has to be fetched first.
pub(super) fn fix(ground: &Ground<'_>, case: &Case<'_>) -> Result<Attempt, Stop> {
    let trees = ground.trees()?;
    let vulnerable = vulnerable(&trees, case);
    if vulnerable.is_empty() {
        return match direct::bump(ground, case)? {
            Some(attempt) => Ok(attempt),
            None => Err(nothing_to_fix(&trees, case)),
        };
    }
    let mut reasons = paths(&trees, case);
    let (current, target) = target(ground, case, &vulnerable, &trees)?;
    reasons.extend(target.reasons);
    let fix = Fix { ground, case, trees, current, target: target.version, reasons };
    let steps: [Try; 6] = [declared, bom_bump, bom_property, ancestor_bump, managed_pin, ancestor_major];
    for step in steps {
        if let Some(attempt) = fix.tried(step)? {
            return Ok(attempt);
        }
    }
    Err(fix.blocked())
}

fn vulnerable(trees: &[(&str, Tree)], case: &Case<'_>) -> BTreeSet<String> {
    used(trees, case).filter(|version| is_vulnerable(version, case.advisories)).map(str::to_owned).collect()
}

fn used<'t>(trees: &'t [(&str, Tree)], case: &Case<'t>) -> impl Iterator<Item = &'t str> {
    let (group, artifact) = (case.group, case.artifact);
    trees
        .iter()
        .flat_map(move |(_, tree)| tree.winners(group, artifact))
        .map(|node| node.dependency.gav.version.as_str())
}

fn nothing_to_fix(trees: &[(&str, Tree)], case: &Case<'_>) -> Stop {
    let name = case.name();
    match used(trees, case).next() {
        Some(version) => Failure::user(
            Outcome::AlreadyCurrent,
            format!("fix {name}: {version} is in use, outside of every vulnerable range"),
        )
        .into(),
        None => Stop::declined(format!("find {name} among the dependencies of any module")),
    }
}

/// How the vulnerable copies come in, one sentence each.
fn paths(trees: &[(&str, Tree)], case: &Case<'_>) -> Vec<String> {
    let copies = trees.iter().flat_map(|(_, tree)| {
        let occurrences = tree.occurrences(case.group, case.artifact);
        let used = occurrences.filter(|(_, node)| node.lost_to.is_none());
        used.map(|(index, node)| {
            let asked = node.asked.as_ref().map(|asked| format!(", managed from {asked}"));
            format!("it comes in by {}{}", tree.path(index), asked.unwrap_or_default())
        })
    });
    copies.collect::<BTreeSet<_>>().into_iter().take(PATHS).collect()
}

/// The lowest version in use, and the lowest safe one that lowers no copy.
fn target(
    ground: &Ground<'_>,
    case: &Case<'_>,
    vulnerable: &BTreeSet<String>,
    trees: &[(&str, Tree)],
) -> Result<(String, target::Target), Stop> {
    let mut versions: Vec<&String> = vulnerable.iter().collect();
    versions.sort_by(|left, right| compare(left, right));
    let choose = |version: &str| {
        let current = Gav::new(case.group, case.artifact, version);
        let wish = Wish {
            current: &current,
            asked: case.asked,
            advisories: case.advisories,
            sharing: &[],
            java: Some(ground.level()),
            probe: None,
        };
        target::choose(ground.shelf, &wish)
    };
    let lowest = versions.first().map(|version| (*version).clone()).unwrap_or_default();
    let chosen = choose(&lowest)?;
    let highest = used(trees, case).max_by(|left, right| compare(left, right)).unwrap_or_default();
    if compare(&chosen.version, highest) == Ordering::Less && is_vulnerable(highest, case.advisories) {
        return Ok((lowest, choose(highest)?));
    }
    Ok((lowest, chosen))
}

impl Fix<'_> {
    /// A step's edit, if it can be made and proven.
    fn tried(&self, step: Try) -> Result<Option<Attempt>, Stop> {
        let proven = step(self).and_then(|attempt| match attempt {
            Some(attempt) if self.holds(&attempt)? => Ok(Some(attempt)),
            _ => Ok(None),
        });
        match proven {
            // A step that cannot be taken is not the end: the next one may be.
            Err(Stop::Failed(_)) => Ok(None),
            other => other,
        }
    }

    fn holds(&self, attempt: &Attempt) -> Result<bool, Stop> {
        let after = self.ground.with(attempt.texts.clone())?;
        let trees = after.trees()?;
        if !vulnerable(&trees, self.case).is_empty() || self.ground.loses(&after).is_some() {
            return Ok(false);
        }
        if !after.published(&trees, &self.trees)? {
            return Ok(false);
        }
        let before: BTreeMap<&str, &Tree> = self.trees.iter().map(|(path, tree)| (*path, tree)).collect();
        Ok(trees.iter().all(|(path, tree)| before.get(path).is_none_or(|before| !lowers(before, tree))))
    }

    fn resolved(&self, step: Step, from: &str, to: &str, reason: String) -> Resolved {
        let reasons = self.reasons.iter().cloned().chain([reason]).collect();
        Resolved {
            ecosystem: Ecosystem::Maven,
            package: self.case.name(),
            from: from.to_owned(),
            to: to.to_owned(),
            step,
            reasons,
            others: Vec::new(),
        }
    }

    fn is_safe(&self, version: &str) -> bool {
        !is_vulnerable(version, self.case.advisories) && compare(version, &self.current) != Ordering::Less
    }

    /// The modules whose tree uses a vulnerable copy.
    fn affected(&self) -> impl Iterator<Item = (&str, &Tree, usize)> {
        self.trees.iter().flat_map(|(path, tree)| {
            let occurrences = tree.occurrences(self.case.group, self.case.artifact);
            occurrences
                .filter(|(_, node)| {
                    let version = &node.dependency.gav.version;
                    node.lost_to.is_none() && is_vulnerable(version, self.case.advisories)
                })
                .map(move |(index, _)| (*path, tree, index))
        })
    }

    /// The parent or bill of materials that sets the version.
    fn carrier(&self) -> Option<Carrier> {
        self.affected()
            .find_map(|(path, _, _)| carrier::of(self.ground, path, self.case.group, self.case.artifact))
    }

    fn blocked(&self) -> Stop {
        let pins: BTreeSet<String> = self
            .affected()
            .map(|(path, tree, index)| {
                let above = tree.nodes.get(index).and_then(|node| node.parent);
                let by = above.and_then(|above| tree.nodes.get(above));
                by.map_or_else(|| path.to_owned(), |node| node.dependency.gav.to_string())
            })
            .collect();
        let pins: Vec<String> = pins.into_iter().take(PATHS).collect();
        let what = format!(
            "lift {} from {} to {}: it is held by {}",
            self.case.name(),
            self.current,
            self.target,
            pins.join(", ")
        );
        Failure::user(Outcome::BlockedByParent, what).into()
    }
}

/// Does any artifact go down? What leaves the tree does not.
fn lowers(before: &Tree, after: &Tree) -> bool {
    let used = |tree: &Tree| -> BTreeMap<String, String> {
        let winners = tree.nodes.iter().filter(|node| node.lost_to.is_none());
        winners.map(|node| (node.dependency.key(), node.dependency.gav.version.clone())).collect()
    };
    let after = used(after);
    used(before)
        .iter()
        .any(|(key, old)| after.get(key).is_some_and(|new| compare(new, old) == Ordering::Less))
}

/// It is declared; copies that come in elsewhere are pinned beside it.
fn declared(fix: &Fix<'_>) -> Result<Option<Attempt>, Stop> {
    let Some(mut attempt) = direct::bump(fix.ground, fix.case)? else { return Ok(None) };
    let reasons = fix.reasons.iter().cloned();
    attempt.resolved.reasons = reasons.chain(["it is declared in this repository".to_owned()]).collect();
    if fix.holds(&attempt)? {
        return Ok(Some(attempt));
    }
    let after = fix.ground.with(attempt.texts.clone())?;
    let trees = after.trees()?;
    let modules: Vec<&str> = trees
        .iter()
        .filter(|(_, tree)| {
            let mut winners = tree.winners(fix.case.group, fix.case.artifact);
            winners.any(|node| is_vulnerable(&node.dependency.gav.version, fix.case.advisories))
        })
        .map(|(path, _)| *path)
        .collect();
    let gav = Gav::new(fix.case.group, fix.case.artifact, &attempt.resolved.to);
    attempt.texts = pinned(&after, &modules, &gav)?;
    Ok(Some(attempt))
}

/// The lowest release of the parent or bill of materials that manages a safe
/// version.
fn bom_bump(fix: &Fix<'_>) -> Result<Option<Attempt>, Stop> {
    let Some(carrier) = fix.carrier() else { return Ok(None) };
    let manages = |version: &str| fix.managed_by(&carrier.gav, version);
    let Some((version, to)) = lowest(fix, &carrier.gav, &manages)? else { return Ok(None) };
    let texts = edits::version(&fix.ground.texts, &carrier.gav, &version)?;
    let reason = format!(
        "{} manages it: {version} is its lowest release with a safe version, declared in {}",
        carrier.gav, carrier.path
    );
    Ok(Some(Attempt { texts, resolved: fix.resolved(Step::BomBump, &fix.current, &to, reason) }))
}

/// The property by which the parent lets the version be set.
fn bom_property(fix: &Fix<'_>) -> Result<Option<Attempt>, Stop> {
    let Some(carrier) = fix.carrier() else { return Ok(None) };
    let Some(property) = carrier.property else { return Ok(None) };
    let (value, to) = match &property.bom {
        None => (fix.target.clone(), fix.target.clone()),
        Some(bom) => {
            let manages = |version: &str| fix.managed_by(bom, version);
            let Some(found) = lowest(fix, bom, &manages)? else { return Ok(None) };
            found
        }
    };
    let texts = edits::property(&fix.ground.texts, &property.path, &property.name, &value)?;
    let reason = format!("{} lets the version be set by the property {}", carrier.gav, property.name);
    Ok(Some(Attempt { texts, resolved: fix.resolved(Step::BomProperty, &fix.current, &to, reason) }))
}

fn ancestor_bump(fix: &Fix<'_>) -> Result<Option<Attempt>, Stop> {
    ancestors(fix, Step::AncestorBump)
}

fn ancestor_major(fix: &Fix<'_>) -> Result<Option<Attempt>, Stop> {
    ancestors(fix, Step::AncestorMajor)
}

/// The lowest release of each declared dependency through which a vulnerable
/// copy comes in that brings in a safe one, or none.
fn ancestors(fix: &Fix<'_>, step: Step) -> Result<Option<Attempt>, Stop> {
    let mut entries: BTreeMap<Gav, &str> = BTreeMap::new();
    for (path, tree, index) in fix.affected() {
        let Some(entry) = tree.entry(index) else { return Ok(None) };
        // What another module brings in is answered in that module.
        if fix.ground.world().path_of(&entry.dependency.gav).is_none() {
            entries.insert(entry.dependency.gav.clone(), path);
        }
    }
    if entries.is_empty() {
        return Ok(None);
    }
    let (mut texts, mut reasons) = (fix.ground.texts.clone(), Vec::new());
    let mut to = fix.target.clone();
    for (entry, path) in &entries {
        let Some((lifted, version, brought)) = lift(fix, step, entry, path)? else { return Ok(None) };
        // Two entries of one bill of materials are lifted by the same edit.
        match edits::version(&texts, &lifted, &version) {
            Ok(edited) => texts = edited,
            Err(_) if reasons.iter().any(|reason: &String| reason.contains(&lifted.name())) => continue,
            Err(stop) => return Err(stop),
        }
        reasons.push(format!("{entry} brings it in: {lifted} is lifted to {version}, its lowest release that brings in a safe one"));
        if !brought.is_empty() {
            to = brought;
        }
    }
    Ok(Some(Attempt { texts, resolved: fix.resolved(step, &fix.current, &to, reasons.join("; ")) }))
}

/// What is to be lifted, to which version, and what that brings in. Where a
/// bill of materials sets the version of the entry, that is lifted.
fn lift(fix: &Fix<'_>, step: Step, entry: &Gav, path: &str) -> Result<Option<(Gav, String, String)>, Stop> {
    let declared = fix.ground.declared.iter().any(|one| one.gav == *entry);
    let carrier = carrier::of(fix.ground, path, &entry.group, &entry.artifact).map(|carrier| carrier.gav);
    let lifted = match carrier {
        _ if declared => entry.clone(),
        Some(carrier) => carrier,
        None => return Ok(None),
    };
    let brings = |version: &str| {
        if declared {
            return fix.brought_by(path, entry, version);
        }
        let pom = Gav { version: version.to_owned(), ..lifted.clone() };
        let Some(effective) = fix.ground.world().remote(&pom)? else { return Ok(None) };
        match effective.manages(&entry.group, &entry.artifact) {
            Some(managed) => fix.brought_by(path, entry, &managed.dependency.gav.version),
            None => Ok(None),
        }
    };
    let same_major = step != Step::AncestorMajor;
    let found = first_that(&newer(fix, &lifted, same_major)?, &brings)?;
    Ok(found.map(|(version, brought)| (lifted, version, brought)))
}

fn managed_pin(fix: &Fix<'_>) -> Result<Option<Attempt>, Stop> {
    let gav = Gav::new(fix.case.group, fix.case.artifact, &fix.target);
    let modules: BTreeSet<&str> = fix.affected().map(|(path, _, _)| path).collect();
    let modules: Vec<&str> = modules.into_iter().collect();
    let texts = pinned(fix.ground, &modules, &gav)?;
    let owners = texts.iter().filter(|(path, text)| fix.ground.texts.get(*path) != Some(*text));
    let owners: Vec<&str> = owners.map(|(path, _)| path.as_str()).collect();
    let reason = format!(
        "nothing that brings it in has a release of the same major with a safe one: it is pinned in {}",
        owners.join(", ")
    );
    Ok(Some(Attempt { texts, resolved: fix.resolved(Step::ManagedPin, &fix.current, &fix.target, reason) }))
}

/// Pins the artifact in the pom that owns the management of these modules.
pub(super) fn pinned(
    ground: &Ground<'_>,
    modules: &[&str],
    gav: &Gav,
) -> Result<crate::bump::edit::Texts, Stop> {
    let lines: Vec<Vec<&str>> = modules.iter().map(|path| local_lineage(ground, path)).collect();
    let mut texts = ground.texts.clone();
    let common = lines.first().cloned().unwrap_or_default();
    let common: Vec<&str> =
        common.into_iter().filter(|path| lines.iter().all(|line| line.contains(path))).collect();
    let owners: BTreeSet<&str> = match owner(ground, &common) {
        Some(owner) => BTreeSet::from([owner]),
        // Modules without a common parent are pinned one by one.
        None => lines.iter().filter_map(|line| owner(ground, line)).collect(),
    };
    for owner in owners {
        texts = edits::pin(&texts, owner, gav)?;
    }
    Ok(texts)
}

/// A pom and its parents, as far as they are in the repository.
fn local_lineage<'g>(ground: &'g Ground<'_>, path: &str) -> Vec<&'g str> {
    let effective = ground.effective.get(path);
    effective.into_iter().flat_map(|one| one.lineage.iter()).filter_map(|(source, _)| source.path()).collect()
}

/// The nearest pom that manages dependencies already, else the topmost.
fn owner<'g>(ground: &Ground<'_>, line: &[&'g str]) -> Option<&'g str> {
    let manages = |path: &&&str| ground.pom(path).is_some_and(|pom| !pom.body.managed.is_empty());
    line.iter().find(manages).or_else(|| line.last()).copied()
}

/// What a version leads to; `None` when that is not safe.
type Leads<'a> = dyn Fn(&str) -> Result<Option<String>, Stop> + 'a;

impl Fix<'_> {
    /// The safe version that a pom manages.
    fn managed_by(&self, pom: &Gav, version: &str) -> Result<Option<String>, Stop> {
        let pom = Gav { version: version.to_owned(), ..pom.clone() };
        let Some(effective) = self.ground.world().remote(&pom)? else { return Ok(None) };
        let managed = effective.manages(self.case.group, self.case.artifact);
        let managed = managed.map(|managed| managed.dependency.gav.version.clone());
        Ok(managed.filter(|version| self.is_safe(version)))
    }

    /// The safe version that a dependency of the module brings in; empty
    /// when it brings in none any more.
    fn brought_by(&self, path: &str, entry: &Gav, version: &str) -> Result<Option<String>, Stop> {
        let Some(effective) = self.ground.effective.get(path) else { return Ok(None) };
        let candidate = Gav { version: version.to_owned(), ..entry.clone() };
        if self.ground.shelf.java(&candidate)?.is_some_and(|java| java > self.ground.level()) {
            return Ok(None);
        }
        let mut alone = Effective::clone(effective);
        alone.dependencies.retain(|one| one.gav == *entry);
        for dependency in &mut alone.dependencies {
            dependency.gav.version.clone_from(&candidate.version);
        }
        let tree = tree::resolve(&self.ground.world(), &alone)?;
        let brought = tree.version(self.case.group, self.case.artifact).unwrap_or_default();
        Ok((brought.is_empty() || self.is_safe(brought)).then(|| brought.to_owned()))
    }
}

/// Newer releases in ascending order, within the same major or above it.
fn newer(fix: &Fix<'_>, gav: &Gav, same_major: bool) -> Result<Vec<String>, Stop> {
    let wish = Wish { current: gav, asked: None, advisories: &[], sharing: &[], java: None, probe: None };
    let mut newer = target::newer(fix.ground.shelf, &wish)?;
    newer.retain(|version| {
        version::is_stable(version)
            && version::same_family(&gav.version, version)
            && same_major == (version::major(&gav.version) == version::major(version))
    });
    Ok(newer)
}

/// The lowest release of the same major that leads to something safe.
fn lowest(fix: &Fix<'_>, gav: &Gav, leads: &Leads<'_>) -> Result<Option<(String, String)>, Stop> {
    first_that(&newer(fix, gav, true)?, leads)
}

/// Halves the versions: once a release is past the fault, later ones are.
/// The newest one is asked first, because often none is.
fn first_that(versions: &[String], leads: &Leads<'_>) -> Result<Option<(String, String)>, Stop> {
    let Some(last) = versions.last() else { return Ok(None) };
    let Some(led) = leads(last)? else { return Ok(None) };
    let mut found = (last.clone(), led);
    let (mut low, mut high) = (0, versions.len() - 1);
    while low < high {
        let middle = low.midpoint(high);
        let Some(version) = versions.get(middle) else { break };
        match leads(version)? {
            Some(led) => {
                found = (version.clone(), led);
                high = middle;
            }
            None => low = middle + 1,
        }
    }
    Ok(Some(found))
}
