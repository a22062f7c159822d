//! A pom with its parents, properties and bills of materials worked in.
//!
//! Follows Maven's own order: profiles into each pom, parents below children,
//! then properties, then imports, where the first one to manage an artifact
//! wins and a pom's own entries come before everything that it imports. For
//! the repository's own poms a fault is told; a fault in a stranger's pom
//! counts as if it declared nothing, as Maven does it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::model::{Body, Dependency, Gav, Pom, Profile};
use super::range;
use super::shelf::{Shelf, Stop, together};
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Parents above parents, imports within imports, properties in properties.
const DEPTH_CAP: usize = 32;
/// Longest text that properties may grow to.
const TEXT_CAP: usize = 4096;

/// Where a pom comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// A path in the repository that is worked on.
    Local(String),
    /// A file of the Maven repository.
    Remote(Gav),
}

impl Source {
    pub(super) fn path(&self) -> Option<&str> {
        match self {
            Self::Local(path) => Some(path),
            Self::Remote(_) => None,
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local(path) => f.write_str(path),
            Self::Remote(gav) => gav.fmt(f),
        }
    }
}

/// A bill of materials that a pom takes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    pub gav: Gav,
    /// The version as it is written: `2.17.0` or `${jackson-bom.version}`.
    pub written: String,
    /// The pom that says so.
    pub source: Source,
}

/// An entry that sets the version of an artifact.
#[derive(Debug, Clone)]
pub(super) struct Managed {
    pub dependency: Dependency,
    pub written: String,
    pub source: Source,
    /// The outermost import through which the entry comes in.
    pub import: Option<Import>,
}

/// A pom with everything worked in.
#[derive(Debug, Clone, Default)]
pub(super) struct Effective {
    pub gav: Gav,
    pub packaging: String,
    pub dependencies: Vec<Dependency>,
    pub managed: BTreeMap<String, Managed>,
    /// The pom itself, its parent, and so on.
    pub lineage: Vec<(Source, Gav)>,
    /// Value and place of every property.
    pub properties: BTreeMap<String, (String, Source)>,
}

impl Effective {
    pub(super) fn manages(&self, group: &str, artifact: &str) -> Option<&Managed> {
        let jar = format!("{group}:{artifact}:jar:");
        let any = || self.managed.values().find(|managed| managed.dependency.gav.is(group, artifact));
        self.managed.get(&jar).or_else(any)
    }
}

/// Everything that decides what a pom comes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct World<'a> {
    /// The repository's poms by path.
    pub poms: &'a BTreeMap<String, Arc<Pom>>,
    /// Properties set on the command line, in `.mvn/maven.config`.
    pub set: &'a BTreeMap<String, String>,
    pub shelf: &'a Shelf,
    /// The major of the JDK that Maven runs on.
    pub java: u64,
    /// What poms of the repository come to, as far as it is known.
    pub worked: &'a BTreeMap<String, Arc<Effective>>,
}

struct Layer {
    source: Source,
    pom: Arc<Pom>,
}

impl World<'_> {
    /// What one of the repository's poms comes to.
    ///
    /// # Errors
    /// A parent or import is missing, or properties run in a circle.
    pub(super) fn local(&self, path: &str) -> Result<Arc<Effective>, Stop> {
        self.local_at(path, 0)
    }

    fn local_at(&self, path: &str, depth: usize) -> Result<Arc<Effective>, Stop> {
        if let Some(worked) = self.worked.get(path) {
            return Ok(Arc::clone(worked));
        }
        let lineage = self.lineage(path)?;
        self.build(&lineage, depth).map(Arc::new).map_err(|stop| match stop {
            // Which pom it was is known only here.
            Stop::Failed(failure) if depth == 0 && failure.outcome() == Outcome::EditFailed => {
                Stop::edit(format!("read {path}: {}", failure.public()))
            }
            other => other,
        })
    }

    /// What a pom of the Maven repository comes to; `None` when it is not
    /// there or broken.
    pub(super) fn remote(&self, gav: &Gav) -> Result<Option<Arc<Effective>>, Stop> {
        self.remote_at(gav, 0)
    }

    fn remote_at(&self, gav: &Gav, depth: usize) -> Result<Option<Arc<Effective>>, Stop> {
        if let Some(kept) = self.shelf.kept(gav) {
            return Ok(kept);
        }
        if depth > DEPTH_CAP {
            return Ok(None);
        }
        let effective = match self.remote_lineage(gav.clone(), Vec::new())? {
            Some(lineage) => match self.build(&lineage, depth) {
                Ok(effective) => Some(Arc::new(effective)),
                Err(Stop::Failed(_)) => None,
                Err(need) => return Err(need),
            },
            None => None,
        };
        self.shelf.keep(gav, effective.clone());
        Ok(effective)
    }

    /// A pom of the repository with this name, if one builds it.
    pub(super) fn path_of(&self, gav: &Gav) -> Option<&str> {
        self.poms
            .iter()
            .filter(|(_, pom)| pom.gav.artifact == gav.artifact)
            .find(|(_, pom)| {
                let parent = pom.parent.as_ref().map(|parent| &parent.gav);
                let inherited = |own: &str, of: fn(&Gav) -> &String| match parent {
                    Some(parent) if own.is_empty() => of(parent).clone(),
                    _ => own.to_owned(),
                };
                let version = inherited(&pom.gav.version, |gav| &gav.version);
                inherited(&pom.gav.group, |gav| &gav.group) == gav.group
                    && (version == gav.version || version.contains("${"))
            })
            .map(|(path, _)| path.as_str())
    }

    fn lineage(&self, path: &str) -> Result<Vec<Layer>, Stop> {
        let mut lineage: Vec<Layer> = Vec::new();
        let mut path = path.to_owned();
        loop {
            let Some(pom) = self.poms.get(&path) else { return Err(Stop::edit(format!("find {path}"))) };
            if lineage.len() >= DEPTH_CAP || lineage.iter().any(|layer| layer.source.path() == Some(&path)) {
                return Err(Stop::edit(format!("read {path}: it is its own parent")));
            }
            lineage.push(Layer { source: Source::Local(path.clone()), pom: Arc::clone(pom) });
            let Some(parent) = &pom.parent else { return Ok(lineage) };
            if let Some(above) = self.parent_path(&path, parent.relative_path.as_deref(), &parent.gav) {
                path = above;
                continue;
            }
            let mut gav = parent.gav.clone();
            gav.version = self.text_of_parent(&gav.version, pom);
            let missing = || Failure::user(Outcome::FetchFailed, format!("find the parent {gav} of {path}"));
            return self.remote_lineage(gav.clone(), lineage)?.ok_or_else(|| missing().into());
        }
    }

    /// The versions of a parent may use properties that are set outside.
    fn text_of_parent(&self, version: &str, pom: &Pom) -> String {
        let properties = |name: &str| self.set.get(name).or_else(|| pom.body.properties.get(name)).cloned();
        interpolate(version, &properties, &mut Vec::new()).unwrap_or_else(|_circle| version.to_owned())
    }

    fn parent_path(&self, path: &str, relative: Option<&str>, gav: &Gav) -> Option<String> {
        let relative = relative.unwrap_or("../pom.xml");
        let beside = (!relative.is_empty()).then(|| join(path, relative)).flatten();
        let found = beside.and_then(|found| {
            let within = join(&format!("{found}/x"), "pom.xml")?;
            [found, within].into_iter().find(|path| self.poms.contains_key(path))
        });
        let fits = |path: &String| {
            self.poms.get(path).is_some_and(|pom| {
                let group = if pom.gav.group.is_empty() {
                    pom.parent.as_ref().map(|parent| parent.gav.group.as_str())
                } else {
                    Some(pom.gav.group.as_str())
                };
                let same = pom.gav.version == gav.version || pom.gav.version.is_empty();
                pom.gav.artifact == gav.artifact
                    && group == Some(gav.group.as_str())
                    && (same || pom.gav.version.contains("${") || gav.version.contains("${"))
            })
        };
        found.filter(fits).or_else(|| self.path_of(gav).filter(|found| *found != path).map(str::to_owned))
    }

    fn remote_lineage(&self, first: Gav, mut lineage: Vec<Layer>) -> Result<Option<Vec<Layer>>, Stop> {
        let mut gav = first;
        loop {
            let seen = |layer: &Layer| layer.source == Source::Remote(gav.clone());
            if lineage.len() >= DEPTH_CAP || lineage.iter().any(seen) {
                return Ok(None);
            }
            let Some(pom) = self.shelf.pom(&gav)? else { return Ok(None) };
            let parent = pom.parent.as_ref().map(|parent| parent.gav.clone());
            lineage.push(Layer { source: Source::Remote(gav), pom });
            match parent {
                Some(parent) => gav = parent,
                None => return Ok(Some(lineage)),
            }
        }
    }

    fn build(&self, lineage: &[Layer], depth: usize) -> Result<Effective, Stop> {
        let mut effective = Effective { lineage: names(lineage), ..Effective::default() };
        let Some((_, own)) = effective.lineage.first().cloned() else { return Ok(effective) };
        effective.gav = own.clone();
        if let Some(layer) = lineage.first() {
            effective.packaging.clone_from(&layer.pom.packaging);
        }
        let bodies: Vec<(&Source, &Body)> = lineage
            .iter()
            .flat_map(|layer| self.bodies(&layer.pom).into_iter().map(move |body| (&layer.source, body)))
            .collect();
        for (source, body) in &bodies {
            for (name, value) in &body.properties {
                let value = || (value.clone(), (*source).clone());
                effective.properties.entry(name.clone()).or_insert_with(value);
            }
        }
        effective.gav.version = self.text(&own.version, &effective)?;
        effective.gav.group = self.text(&own.group, &effective)?;
        let mut imports = Vec::new();
        let mut managed = BTreeMap::new();
        for (source, entry) in
            bodies.iter().flat_map(|(source, body)| body.managed.iter().map(move |entry| (*source, entry)))
        {
            let dependency = self.worked_in(entry, &effective)?;
            let (written, source) = (entry.gav.version.clone(), source.clone());
            if dependency.is_import() {
                imports.push(Import { gav: dependency.gav, written, source });
            } else {
                let entry = Managed { dependency, written, source, import: None };
                managed.entry(entry.dependency.key()).or_insert(entry);
            }
        }
        self.take_in(imports, &mut managed, depth)?;
        effective.dependencies = self.dependencies(&bodies, &effective, &managed)?;
        effective.managed = managed;
        Ok(effective)
    }

    fn dependencies(
        &self,
        bodies: &[(&Source, &Body)],
        effective: &Effective,
        managed: &BTreeMap<String, Managed>,
    ) -> Result<Vec<Dependency>, Stop> {
        let mut dependencies: Vec<Dependency> = Vec::new();
        let mut places = BTreeMap::new();
        for written in bodies.iter().flat_map(|(_, body)| &body.dependencies) {
            let mut dependency = self.worked_in(written, effective)?;
            let Entry::Vacant(place) = places.entry(dependency.key()) else { continue };
            if let Some(managed) = managed.get(place.key()) {
                fill(&mut dependency, &managed.dependency);
            }
            place.insert(dependencies.len());
            dependencies.push(dependency);
        }
        Ok(dependencies)
    }

    /// Adds what bills of materials manage and nobody nearer does.
    fn take_in(
        &self,
        imports: Vec<Import>,
        managed: &mut BTreeMap<String, Managed>,
        depth: usize,
    ) -> Result<(), Stop> {
        let boms = together(imports.iter().map(|import| self.bom(import, depth)))?;
        for (import, bom) in imports.into_iter().zip(boms) {
            for (key, entry) in bom.iter().flat_map(|bom| &bom.managed) {
                let taken_in = || Managed { import: Some(import.clone()), ..entry.clone() };
                managed.entry(key.clone()).or_insert_with(taken_in);
            }
        }
        Ok(())
    }

    fn bom(&self, import: &Import, depth: usize) -> Result<Option<Arc<Effective>>, Stop> {
        if let Some(path) = self.path_of(&import.gav).filter(|_| depth < DEPTH_CAP) {
            return self.local_at(path, depth + 1).map(Some);
        }
        let bom = self.remote_at(&import.gav, depth + 1)?;
        match (&bom, &import.source) {
            (None, Source::Local(path)) => {
                let what = format!("find the bill of materials {} of {path}", import.gav);
                Err(Failure::user(Outcome::FetchFailed, what).into())
            }
            _ => Ok(bom),
        }
    }

    fn worked_in(&self, written: &Dependency, effective: &Effective) -> Result<Dependency, Stop> {
        let text = |written: &str| self.text(written, effective);
        Ok(Dependency {
            gav: Gav {
                group: text(&written.gav.group)?,
                artifact: text(&written.gav.artifact)?,
                version: text(&written.gav.version)?,
            },
            kind: text(&written.kind)?,
            classifier: text(&written.classifier)?,
            scope: text(&written.scope)?,
            ..written.clone()
        })
    }

    /// A text of a pom with its properties put in; one that nobody sets
    /// stays as it is.
    pub(super) fn text(&self, written: &str, effective: &Effective) -> Result<String, Stop> {
        let project = |name: &str| {
            let parent = effective.lineage.get(1).map(|(_, gav)| gav);
            match name {
                "version" => Some(&effective.gav.version),
                "groupId" => Some(&effective.gav.group),
                "artifactId" => Some(&effective.gav.artifact),
                "packaging" => Some(&effective.packaging),
                "parent.version" => parent.map(|gav| &gav.version),
                "parent.groupId" => parent.map(|gav| &gav.group),
                _ => None,
            }
        };
        let value = |name: &str| {
            let prefixed = name.strip_prefix("project.").or_else(|| name.strip_prefix("pom."));
            self.set
                .get(name)
                .or_else(|| prefixed.and_then(project))
                .or_else(|| effective.properties.get(name).map(|(value, _)| value))
                .or_else(|| project(name))
                .cloned()
        };
        interpolate(written, &value, &mut Vec::new())
            .map_err(|circle| Stop::edit(format!("follow the property cycle {circle}")))
    }

    /// A pom's own part and its profiles that hold, the strongest first.
    fn bodies<'p>(&self, pom: &'p Pom) -> Vec<&'p Body> {
        let holds = |profile: &&Profile| {
            profile.without_property
                || profile.on_linux
                || profile.jdk.as_deref().is_some_and(|jdk| self.runs_on(jdk))
        };
        let mut active: Vec<&Profile> = pom.profiles.iter().filter(holds).collect();
        if active.is_empty() {
            active = pom.profiles.iter().filter(|profile| profile.by_default).collect();
        }
        // A later profile wins over an earlier one, and each over the pom.
        active.iter().rev().map(|profile| &profile.body).chain([&pom.body]).collect()
    }

    fn runs_on(&self, jdk: &str) -> bool {
        let version = if self.java < 9 { format!("1.{}.0", self.java) } else { format!("{}.0.1", self.java) };
        match jdk.strip_prefix('!') {
            Some(other) => !version.starts_with(other),
            None if jdk.starts_with(['[', '(']) => range::satisfies(&version, jdk),
            None => version.starts_with(jdk),
        }
    }
}

/// Names along a lineage, each with what it takes from the one above.
fn names(lineage: &[Layer]) -> Vec<(Source, Gav)> {
    let mut names: Vec<(Source, Gav)> = Vec::new();
    for layer in lineage.iter().rev() {
        let mut gav = layer.pom.gav.clone();
        let above = names.last().map(|(_, gav)| gav.clone()).unwrap_or_default();
        if gav.group.is_empty() {
            gav.group = above.group;
        }
        if gav.version.is_empty() {
            gav.version = above.version;
        }
        names.push((layer.source.clone(), gav));
    }
    names.reverse();
    names
}

/// What management gives to a declaration that does not say it itself.
fn fill(dependency: &mut Dependency, managed: &Dependency) {
    if dependency.gav.version.is_empty() {
        dependency.gav.version.clone_from(&managed.gav.version);
    }
    if dependency.scope.is_empty() {
        dependency.scope.clone_from(&managed.scope);
    }
    if dependency.exclusions.is_empty() {
        dependency.exclusions.clone_from(&managed.exclusions);
    }
}

/// # Errors
/// The names of properties that run in a circle: `a → b → a`.
fn interpolate(
    written: &str,
    value: &dyn Fn(&str) -> Option<String>,
    within: &mut Vec<String>,
) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = written;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else { break };
        text.push_str(before);
        if let Some(start) = within.iter().position(|outer| outer == name) {
            let circle = within.iter().skip(start).map(String::as_str).chain([name]);
            return Err(circle.collect::<Vec<_>>().join(" → "));
        }
        match value(name).filter(|value| value.len() + text.len() < TEXT_CAP && within.len() < DEPTH_CAP) {
            Some(value_text) => {
                within.push(name.to_owned());
                text.push_str(&interpolate(&value_text, value, within)?);
                within.pop();
            }
            None => text.extend(["${", name, "}"]),
        }
        rest = tail;
    }
    text.push_str(rest);
    Ok(text)
}

/// The property that a version is written with: `${guava.version}-jre` has
/// `guava.version`.
pub(super) fn property(written: &str) -> Option<&str> {
    Some(written.split_once("${")?.1.split_once('}')?.0)
}

/// A path beside another one, as long as it stays in the repository.
fn join(path: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts.pop();
    for part in relative.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}
