//! One package of a briefing: what changed, where it is used, and what that
//! means for the repository.

use std::collections::BTreeSet;

use super::api::{Api, Change, Name};
use super::archive::{self, Files};
use super::uses::{Context, Seen, Spot, Touch, Uses, java as java_uses, named, script};
use super::{Affected, Fetched, Move, Place, Source, changelog, java, npm};
use crate::change::Ecosystem;
use crate::record::Breaking;

/// Places that are named with one change.
const PLACES: usize = 5;

/// One package.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) package: String,
    pub(super) from: String,
    pub(super) to: String,
    /// The ones that touch the repository first.
    pub(super) changes: Vec<Told>,
    pub(super) notes: Vec<String>,
    /// The changelog between the versions, or why there is none.
    pub(super) changelog: Result<String, String>,
    /// Where the package is used; where something fails comes first.
    pub(super) sites: Vec<Spot>,
    /// Where it is only named.
    pub(super) named: Vec<Spot>,
    /// What could not be read.
    pub(super) missing: Vec<String>,
    pub(super) affected: Affected,
}

/// A change, with where it matters.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) change: Change,
    pub(super) touch: Touch,
    pub(super) spots: Vec<Spot>,
}

/// What is known of both versions and of the repository.
#[derive(Default)]
struct Known {
    old: Api,
    new: Api,
    changes: Vec<Change>,
    notes: Vec<String>,
    uses: Uses,
    /// Only names were compared.
    untyped: bool,
}

impl Part {
    pub(super) fn read(
        moved: Move,
        old: Fetched,
        new: Fetched,
        sources: &[Source],
        failing: &[Place],
    ) -> Self {
        let Move { ecosystem, package, from, to } = moved;
        let mut missing = Vec::new();
        let mut unpacked = |fetched: Fetched, version: &str| {
            let read = match ecosystem {
                Ecosystem::Npm => archive::npm,
                Ecosystem::Maven => archive::jar,
            };
            let files = fetched.and_then(|bytes| read(&bytes));
            files.map_err(|why| missing.push(format!("{package} {version}: {why}"))).ok()
        };
        let (old, new) = (unpacked(old, &from), unpacked(new, &to));
        let mut known = match ecosystem {
            Ecosystem::Npm => npm_known(&package, old.as_ref(), new.as_ref(), sources),
            Ecosystem::Maven => maven_known(&package, old.as_ref(), new.as_ref(), sources),
        };
        let changelog = changelog_of(new.as_ref(), &from, &to);
        if known.old.items.is_empty() && old.is_some() && missing.is_empty() {
            missing.push(format!("what {package} {from} exports"));
        }
        let words: BTreeSet<&str> = known
            .changes
            .iter()
            .map(|change| change.member.as_deref().unwrap_or(&change.name.name))
            .collect();
        known.uses.keep(&words, |spot| fails(spot, failing));
        order(&mut known.uses, failing);
        let changes = told(&known);
        let affected = affected(&package, &known, &changes, &missing);
        Self {
            sites: sites(&known.uses, failing),
            named: known.uses.named,
            notes: known.notes,
            package,
            from,
            to,
            changes,
            changelog,
            missing,
            affected,
        }
    }
}

impl Part {
    /// What touches the repository, for people; the changes are in that
    /// order.
    pub(super) fn breaking(&self) -> Vec<Breaking> {
        let touching = self.changes.iter().filter(|told| told.touch != Touch::No);
        let breaking = touching.map(|told| Breaking {
            package: self.package.clone(),
            what: told.change.told(),
            places: told
                .spots
                .iter()
                .take(PLACES)
                .map(|Spot { path, line, .. }| format!("{path}:{line}"))
                .collect(),
            sure: told.touch == Touch::Surely,
        });
        breaking.collect()
    }

    /// When reading it went wrong.
    pub(super) fn unread(moved: Move) -> Self {
        let why = format!("not all of {} could be read", moved.package);
        Self {
            package: moved.package,
            from: moved.from,
            to: moved.to,
            changes: Vec::new(),
            notes: Vec::new(),
            changelog: Err("it could not be read".to_owned()),
            sites: Vec::new(),
            named: Vec::new(),
            missing: vec!["either version".to_owned()],
            affected: Affected::Unknown { reasons: vec![why] },
        }
    }
}

fn npm_known(package: &str, old: Option<&Files>, new: Option<&Files>, sources: &[Source]) -> Known {
    let mut uses = script::index(sources, package);
    let entries: BTreeSet<String> = uses
        .sites
        .iter()
        .filter_map(|site| match &site.seen {
            Seen::Loaded { at, .. } if !at.is_empty() => Some(at.clone()),
            _ => None,
        })
        .collect();
    let empty = Files::default();
    let compared = match (old, new) {
        (Some(old), Some(new)) => npm::compare(old, new, &entries, uses.requires()),
        // One version alone still says what there is now.
        (None, Some(new)) => {
            let compared = npm::compare(&empty, new, &entries, uses.requires());
            npm::Compared { changes: Vec::new(), ..compared }
        }
        _ => npm::Compared::default(),
    };
    uses.named.extend(named::npm(sources, package, &compared.programs));
    uses.named.sort();
    uses.named.dedup();
    let npm::Compared { old: old_api, new: new_api, mut changes, notes, typed, .. } = compared;
    if let (false, Some(old), Some(new)) = (typed, old, new) {
        let told: BTreeSet<Name> = changes.iter().map(|change| change.name.clone()).collect();
        let vanished = npm::vanished::find(old, new, &uses.words());
        changes.extend(vanished.into_iter().filter(|change| !told.contains(&change.name)));
    }
    Known { old: old_api, new: new_api, changes, notes, uses, untyped: !typed }
}

fn maven_known(package: &str, old: Option<&Files>, new: Option<&Files>, sources: &[Source]) -> Known {
    let empty = Files::default();
    let compared = java::compare(old.unwrap_or(&empty), new.unwrap_or(&empty));
    let changes = if old.is_some() && new.is_some() { compared.changes } else { Vec::new() };
    let classes: BTreeSet<Name> =
        compared.old.items.keys().chain(compared.new.items.keys()).cloned().collect();
    let artifact = package.rsplit(':').next().unwrap_or(package);
    let mut uses = java_uses::index(sources, &classes);
    uses.named = named::maven(sources, artifact, &classes);
    Known { old: compared.old, new: compared.new, changes, notes: compared.notes, uses, untyped: false }
}

fn changelog_of(new: Option<&Files>, from: &str, to: &str) -> Result<String, String> {
    let Some(new) = new else { return Err("it could not be read".to_owned()) };
    let changelog = changelog::of(new).ok_or_else(|| "the package brings no changelog".to_owned())?;
    changelog::slice(&changelog, from, to)
        .ok_or_else(|| format!("its changelog does not name a version after {from} up to {to}"))
}

fn fails(spot: &Spot, failing: &[Place]) -> bool {
    failing.iter().any(|place| place.path == spot.path && place.line == spot.line)
}

/// Where something fails comes first.
fn order(uses: &mut Uses, failing: &[Place]) {
    let rank = |spot: &Spot| {
        let here = fails(spot, failing);
        let file = failing.iter().any(|place| place.path == spot.path);
        (!here, !file, spot.path.clone(), spot.line)
    };
    uses.sites.sort_by_cached_key(|site| rank(&site.spot));
}

fn told(known: &Known) -> Vec<Told> {
    let context = Context { old: &known.old, new: &known.new, files: known.uses.files() };
    let mut told: Vec<Told> = known
        .changes
        .iter()
        .map(|change| {
            let (touch, spots) = known.uses.touched(change, &context);
            Told { change: change.clone(), touch, spots: spots.into_iter().cloned().collect() }
        })
        .collect();
    told.sort_by_key(|told| (told.touch, !told.change.breaks()));
    told
}

fn sites(uses: &Uses, failing: &[Place]) -> Vec<Spot> {
    let mut known = BTreeSet::new();
    // A property alone says little; at a line that fails it may be it.
    let tells = |seen: &Seen, spot: &Spot| !matches!(seen, Seen::Member(_)) || fails(spot, failing);
    uses.sites
        .iter()
        .filter(|site| tells(&site.seen, &site.spot) && known.insert(&site.spot))
        .map(|site| site.spot.clone())
        .collect()
}

fn affected(package: &str, known: &Known, changes: &[Told], missing: &[String]) -> Affected {
    let places: BTreeSet<(&str, usize)> =
        changes.iter().flat_map(|told| &told.spots).map(|spot| (spot.path.as_str(), spot.line)).collect();
    if !places.is_empty() {
        return Affected::Some { places: places.len() };
    }
    let uses = &known.uses;
    let mut reasons = Vec::new();
    if !missing.is_empty() {
        reasons.push(format!("not all of {package} could be read"));
    } else if known.old.opaque || known.new.opaque {
        reasons.push(format!("not everything that {package} exports can be told without running it"));
    }
    if known.untyped && missing.is_empty() {
        reasons.push(format!("{package} has no types, so only names could be compared"));
    }
    if let Some(spot) = uses.named.first() {
        reasons.push(format!("{package} is named in {}", spot.path));
    }
    if let Some(path) = uses.unread.first() {
        reasons.push(format!("{path} could not be parsed"));
    }
    if !uses.is_seen() {
        reasons.push(format!("no use of {package} was found in the sources; others may use it"));
    }
    let breaks = changes.iter().any(|told| told.change.breaks());
    for site in &uses.sites {
        let spot = &site.spot;
        match &site.seen {
            Seen::HandedOn { .. } if breaks => {
                reasons.push(format!("{package} is handed on as a whole at {}:{}", spot.path, spot.line));
                break;
            }
            Seen::Named(name) if missing.is_empty() && !is_known(known, name) => {
                let name = name.shown();
                let (path, line) = (&spot.path, spot.line);
                reasons.push(format!("what {name} is, used at {path}:{line}, is not told by {package}"));
                break;
            }
            _ => {}
        }
    }
    if reasons.is_empty() { Affected::None } else { Affected::Unknown { reasons } }
}

/// Is the name one that the new version is known to have? The default import
/// of CommonJS is the module itself, whatever that has.
fn is_known(known: &Known, name: &Name) -> bool {
    known.new.items.contains_key(name)
        || (name.name == npm::DEFAULT && known.new.items.keys().any(|other| other.at == name.at))
}
