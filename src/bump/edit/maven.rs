//! The edit of Maven's manifests: poms, `.mvn/extensions.xml` and the
//! wrapper's properties.
//!
//! A version is changed where it is written down: at the artifact, or at the
//! property it is taken from, in whichever of the files that is. The files are
//! never written anew, only the version's own bytes are. Refused is what
//! cannot be said so: a version that a parent outside the files holds, one
//! that is the project's own, one that is put together so that no single
//! property can move it.

mod insert;
mod pom;
mod properties;
#[cfg(test)]
mod tests;
mod wrapper;
mod xml;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Change, Refused, Texts};
use crate::bump::maven::range::Range as VersionRange;
use crate::bump::maven::version;
use pom::{Pom, Written};
use properties::{Move, Poms};
use wrapper::Fetched;
use xml::Value;

pub use insert::{add_managed, set_property};

/// More properties in a row than anyone writes down for one version.
const FOLLOWED: u32 = 200;

/// What kind of element, or file, a version is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `project/parent`.
    Parent,
    /// A dependency of the project or of one of its profiles.
    Dependency,
    /// An entry of `dependencyManagement`.
    ManagedDependency,
    /// An entry of `dependencyManagement` with the scope `import`.
    ImportedBom,
    Plugin,
    /// An entry of `pluginManagement`.
    ManagedPlugin,
    /// A dependency of a plugin.
    PluginDependency,
    ReportingPlugin,
    /// `build/extensions`.
    Extension,
    /// `.mvn/extensions.xml`.
    CoreExtension,
    /// A path of the compiler plugin's annotation processors.
    ProcessorPath,
    /// An artifact that the dependency plugin copies or unpacks.
    ArtifactItem,
    /// Elsewhere in a plugin's configuration.
    Configuration,
    /// The Maven, or the wrapper, in `maven-wrapper.properties`.
    Wrapper,
    Other,
}

/// One version written down for one artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    pub path: String,
    pub place: Place,
    /// The id of the profile that it belongs to.
    pub profile: Option<String>,
    /// Resolved as far as the files allow it.
    pub group: Option<String>,
    /// Resolved as far as the files allow it.
    pub artifact: String,
    /// The version as it is written: `${guava.version}`.
    pub written: String,
    /// What that stands for; `None` if the files do not say.
    pub version: Option<String>,
    /// The property that holds the plain text of the version.
    pub property: Option<Holder>,
}

/// A property, and the file that sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub name: String,
    pub path: String,
}

/// New bytes by file and place.
#[derive(Debug, Default)]
struct Edits {
    spans: BTreeMap<(String, usize), (usize, String)>,
    steps: u32,
}

/// The versions that a change is about.
struct Candidates<'a> {
    all: Vec<Candidate<'a>>,
    /// The name says just which they are.
    precise: bool,
}

/// A version that a change can be about.
struct Candidate<'a> {
    pom: &'a Pom,
    value: &'a Value,
    group: Option<String>,
    /// The values it has now, or why they are not known.
    values: Result<Vec<String>, Refused>,
}

/// Moves the package of `change` to its new version wherever it has the old
/// one. The name is `group:artifact`, or the artifact, a property or a group
/// alone, looked for in this order. If the files hold one other, older version
/// only, that one is moved: what was asked for was read off a stale title.
///
/// # Errors
/// See [`super::edit`].
pub fn edit(files: &Texts, change: &Change) -> Result<Texts, Refused> {
    check_version(&change.to)?;
    let mut edits = Edits::default();
    if edit_wrappers(files, change, &mut edits)? { edits.apply(files) } else { edit_poms(files, change) }
}

/// Every version written down in the files, in the order of the paths and of
/// their text.
///
/// # Errors
/// A file cannot be read.
pub fn declarations(files: &Texts) -> Result<Vec<Declaration>, Refused> {
    let poms = read(files)?;
    let mut all = vec![];
    for (path, text) in files {
        if let Some(pom) = poms.by_path.get(path) {
            all.extend(pom.written.iter().map(|written| declaration(&poms, pom, written)));
        } else if wrapper::is_wrapper(path) {
            all.extend(wrapper::read(text).into_iter().map(|fetched| Declaration {
                path: path.clone(),
                place: Place::Wrapper,
                profile: None,
                group: Some(fetched.group.to_owned()),
                artifact: fetched.artifact.to_owned(),
                written: fetched.version.clone(),
                version: Some(fetched.version),
                property: None,
            }));
        }
    }
    Ok(all)
}

/// A property as it is written, whether anything uses it or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    pub path: String,
    /// The id of the profile that it belongs to.
    pub profile: Option<String>,
    pub name: String,
    pub value: String,
}

/// Every property of every pom.
///
/// # Errors
/// A file cannot be read.
pub fn properties(files: &Texts) -> Result<Vec<Property>, Refused> {
    let poms = read(files)?;
    let all = poms.by_path.values().flat_map(|pom| {
        pom.properties.iter().map(|property| Property {
            path: pom.path.clone(),
            profile: property.profile.clone(),
            name: property.name.clone(),
            value: property.value.text.clone(),
        })
    });
    Ok(all.collect())
}

/// `group:artifact` of everything that a pom names, with a version or without
/// one, resolved as far as the files allow it.
///
/// # Errors
/// A file cannot be read.
pub fn named(files: &Texts) -> Result<BTreeSet<String>, Refused> {
    let poms = read(files)?;
    let all = poms.by_path.values().flat_map(|pom| {
        let full = |(group, artifact): &(Option<String>, String)| {
            let group = group.as_deref().map(|group| poms.plain(pom, group)).unwrap_or_default();
            format!("{group}:{}", poms.plain(pom, artifact))
        };
        pom.named.iter().map(full)
    });
    Ok(all.collect())
}

fn declaration(poms: &Poms, pom: &Pom, written: &Written) -> Declaration {
    Declaration {
        path: pom.path.clone(),
        place: written.place,
        profile: written.profile.clone(),
        group: written.group.as_deref().map(|group| poms.plain(pom, group)),
        artifact: poms.plain(pom, &written.artifact),
        written: written.version.text.clone(),
        version: poms.values(pom, &written.version.text).ok().and_then(|values| values.into_iter().next()),
        property: poms.holder(pom, &written.version.text).map(|(name, path)| Holder { name, path }),
    }
}

/// Reads every pom and file of core extensions; other files are let be.
fn read(files: &Texts) -> Result<Poms, Refused> {
    let mut by_path = BTreeMap::new();
    for (path, text) in files {
        if (path.ends_with(".xml") || path.ends_with(".pom"))
            && let Some(pom) = Pom::read(path, text)?
        {
            by_path.insert(path.clone(), pom);
        }
    }
    Ok(Poms::new(by_path))
}

/// A version goes into XML and properties as it is: it must mean itself there.
fn check_version(version: &str) -> Result<(), Refused> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>&\"'\\${}".contains(c);
    if version.is_empty() || version.len() > 200 || version.contains(odd) {
        return Err(Refused(format!("take {version:?} for a version")));
    }
    Ok(())
}

/// The two halves of a name; the group is not always given.
fn halves(name: &str) -> (Option<&str>, &str) {
    match name.split_once(':') {
        Some((group, artifact)) => (Some(group), artifact),
        None => (None, name),
    }
}

/// Whether the change was about what a wrapper fetches.
fn edit_wrappers(files: &Texts, change: &Change, edits: &mut Edits) -> Result<bool, Refused> {
    let (group, artifact) = halves(&change.name);
    let wanted = |fetched: &Fetched| {
        fetched.artifact == artifact
            && group.is_none_or(|group| group == fetched.group)
            && fetched.version != change.to
            && (fetched.version == change.from || is_older(&fetched.version, &change.to))
    };
    let mut found = false;
    for (path, text) in files.iter().filter(|(path, _)| wrapper::is_wrapper(path)) {
        for fetched in wrapper::read(text).into_iter().filter(wanted) {
            fetched.check_unpinned(path)?;
            for span in fetched.spans {
                edits.put(path, span, &change.to)?;
            }
            found = true;
        }
    }
    Ok(found)
}

fn edit_poms(files: &Texts, change: &Change) -> Result<Texts, Refused> {
    let poms = read(files)?;
    let candidates = candidates(&poms, &change.name)?;
    let mut edits = Edits::default();
    let mut wanted = vec![];
    for (index, from) in candidates.choose(change)? {
        let to = target(&from, change)?;
        if let Some(one) = candidates.all.get(index).filter(|_| from != to) {
            poms.solve(one.pom, (one.pom, one.value), Move { from: &from, to: &to }, &mut edits)?;
            wanted.push((index, to));
        }
    }
    let followed = edits.steps > 0;
    let edited = edits.apply(files)?;
    if followed {
        check_moved(&edited, change, &wanted)?;
    }
    Ok(edited)
}

/// Reads the result once more: a property can stand in more places than the
/// one that was meant.
fn check_moved(edited: &Texts, change: &Change, wanted: &[(usize, String)]) -> Result<(), Refused> {
    let poms = read(edited)?;
    let candidates = candidates(&poms, &change.name)?;
    let moved = |(index, to): &(usize, String)| {
        candidates
            .all
            .get(*index)
            .is_some_and(|one| one.values.as_ref().is_ok_and(|values| values.contains(to)))
    };
    if wanted.iter().all(moved) {
        Ok(())
    } else {
        Err(Refused(format!("move {} to {} by changing one property", change.name, change.to)))
    }
}

/// Every version that the name can mean.
fn candidates<'a>(poms: &'a Poms, name: &str) -> Result<Candidates<'a>, Refused> {
    let (group, artifact) = halves(name);
    let is_group = |pom: &Pom, written: &Written, group: &str| {
        written.group.as_deref().is_some_and(|written| poms.plain(pom, written) == group)
    };
    let by_artifact = |pom: &Pom, written: &Written| {
        poms.plain(pom, &written.artifact) == artifact
            && group.is_none_or(|group| is_group(pom, written, group))
    };
    let by_group = |pom: &Pom, written: &Written| group.is_none() && is_group(pom, written, name);
    let ways: [(bool, &dyn Fn() -> Vec<Found<'a>>); 4] = [
        (true, &|| declared(poms, &by_artifact)),
        (true, &|| set(poms, &|property| property == name)),
        // A project that is called by its name: `maven`, at `maven.version`.
        (false, &|| set(poms, &|property| group.is_none() && is_version_of(property, name))),
        (false, &|| declared(poms, &by_group)),
    ];
    for (precise, way) in ways {
        let all: Vec<Candidate<'a>> = way()
            .into_iter()
            .map(|(pom, value, group)| {
                let group = group.map(|group| poms.plain(pom, &group));
                Candidate { pom, value, group, values: poms.values(pom, &value.text) }
            })
            .collect();
        if !all.is_empty() {
            return Ok(Candidates { all, precise });
        }
    }
    let paths: Vec<&str> = poms.by_path.keys().map(String::as_str).collect();
    let files = if paths.is_empty() { "any pom".to_owned() } else { paths.join(", ") };
    Err(Refused(format!("find a version of {name} in {files}")))
}

/// A place and, for an artifact, its group.
type Found<'a> = (&'a Pom, &'a Value, Option<String>);

fn declared<'a>(poms: &'a Poms, fits: &dyn Fn(&Pom, &Written) -> bool) -> Vec<Found<'a>> {
    let all = poms.by_path.values().flat_map(|pom| pom.written.iter().map(move |written| (pom, written)));
    all.filter(|(pom, written)| fits(pom, written))
        .map(|(pom, written)| (pom, &written.version, written.group.clone()))
        .collect()
}

fn set<'a>(poms: &'a Poms, fits: &dyn Fn(&str) -> bool) -> Vec<Found<'a>> {
    let all =
        poms.by_path.values().flat_map(|pom| pom.properties.iter().map(move |property| (pom, property)));
    all.filter(|(_, property)| fits(&property.name))
        .map(|(pom, property)| (pom, &property.value, None))
        .collect()
}

/// The ways in which people call the property that holds a version.
fn is_version_of(property: &str, name: &str) -> bool {
    let rest = property.strip_prefix(name).or_else(|| property.strip_suffix(name));
    rest.is_some_and(|rest| {
        [".version", "-version", "_version", "Version", "version.", "version-"].contains(&rest)
    })
}

impl Candidates<'_> {
    /// The versions to move, each with the value it has: those that have the
    /// old one, or else the only older one that there is.
    fn choose(&self, change: &Change) -> Result<Vec<(usize, String)>, Refused> {
        let mut chosen = self.pick(&|value| value == change.from);
        if chosen.is_empty() {
            chosen = self.pick(&|value| has(value, &change.from));
        }
        if chosen.is_empty() {
            if let Some(why) = self.all.iter().find_map(|one| one.values.as_ref().err()) {
                return Err(why.clone());
            }
            chosen = self.pick(&|value| value != change.to);
            self.check_only_older(&chosen, change)?;
        }
        let mut groups: Vec<&str> = chosen
            .iter()
            .filter_map(|(index, _)| self.all.get(*index).and_then(|one| one.group.as_deref()))
            .collect();
        groups.sort_unstable();
        groups.dedup();
        if groups.len() > 1 {
            let groups = groups.join(" and ");
            return Err(Refused(format!("tell which {} is meant: it is in {groups}", change.name)));
        }
        Ok(chosen)
    }

    fn pick(&self, fits: &dyn Fn(&str) -> bool) -> Vec<(usize, String)> {
        let valued =
            self.all.iter().enumerate().filter_map(|(index, one)| Some((index, one.values.as_ref().ok()?)));
        valued
            .flat_map(|(index, values)| values.iter().map(move |value| (index, value.clone())))
            .filter(|(_, value)| fits(value))
            .collect()
    }

    fn check_only_older(&self, chosen: &[(usize, String)], change: &Change) -> Result<(), Refused> {
        let mut versions: Vec<&str> = chosen.iter().map(|(_, value)| value.as_str()).collect();
        versions.sort_unstable();
        versions.dedup();
        let older = versions.iter().all(|version| is_older(version, &change.to));
        if versions.is_empty() || (self.precise && versions.len() == 1 && older) {
            return Ok(());
        }
        let Change { name, from, to } = change;
        Err(Refused(format!("find {name} {from} to move to {to}: the files have {}", versions.join(", "))))
    }
}

/// Whether a version as it is declared stands for `version`.
fn has(declared: &str, version: &str) -> bool {
    match VersionRange::parse(declared) {
        Some(range) if !range.is_soft() => range.contains(&version::Version::new(version)),
        _ => !version.is_empty() && version::compare(declared, version) == Ordering::Equal,
    }
}

fn is_older(declared: &str, target: &str) -> bool {
    match VersionRange::parse(declared) {
        Some(range) if !range.is_soft() => true,
        _ => version::compare(declared, target) == Ordering::Less,
    }
}

/// What is to be declared instead of `declared`: a range keeps its style.
fn target(declared: &str, change: &Change) -> Result<String, Refused> {
    match VersionRange::parse(declared) {
        Some(range) if !range.is_soft() => range.extended(&change.to).ok_or_else(|| {
            Refused(format!("fit {} into the range {declared} of {}", change.to, change.name))
        }),
        _ => Ok(change.to.clone()),
    }
}

impl Edits {
    fn put(&mut self, path: &str, span: Range<usize>, text: &str) -> Result<(), Refused> {
        let next = (span.end, text.to_owned());
        let place = (path.to_owned(), span.start);
        match self.spans.get(&place) {
            Some(known) if *known != next => {
                Err(Refused(format!("edit {path}: one version would have to be both {} and {text}", known.1)))
            }
            _ => {
                self.spans.insert(place, next);
                Ok(())
            }
        }
    }

    /// Counts the properties that are followed.
    fn step_into(&mut self, text: &str) -> Result<(), Refused> {
        self.steps += 1;
        if self.steps > FOLLOWED {
            return Err(Refused(format!("follow {text}: too many properties lead to it")));
        }
        Ok(())
    }

    /// The files with the new bytes in place.
    fn apply(self, files: &Texts) -> Result<Texts, Refused> {
        let mut edited = files.clone();
        // From the back: places in front of an edit stay where they are.
        for ((path, start), (end, text)) in self.spans.into_iter().rev() {
            let whole = edited.get_mut(&path).filter(|whole| whole.get(start..end).is_some());
            let Some(whole) = whole else {
                return Err(Refused(format!("edit {path}: the place of a version does not fit its text")));
            };
            whole.replace_range(start..end, &text);
        }
        Ok(edited)
    }
}
