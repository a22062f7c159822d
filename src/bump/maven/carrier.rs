//! Who sets a version that the repository does not declare itself.

use super::effective::{Managed, Source, property};
use super::ground::Ground;
use super::model::Gav;

/// A parent or bill of materials from outside that the repository names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Carrier {
    pub gav: Gav,
    /// The pom of the repository that names it.
    pub path: String,
    pub property: Option<Property>,
}

/// A property by which the version can be set from below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Property {
    pub name: String,
    /// The pom to set it in.
    pub path: String,
    /// The property sets the version of this bill of materials, which sets
    /// the artifact's.
    pub bom: Option<Gav>,
}

/// `None` when nothing from outside manages the artifact in this module.
pub(super) fn of(ground: &Ground<'_>, module: &str, group: &str, artifact: &str) -> Option<Carrier> {
    let effective = ground.effective.get(module)?;
    let managed = effective.manages(group, artifact)?;
    if let Some(import) = managed.import.as_ref()
        && let Source::Local(path) = &import.source
    {
        // Properties do not reach into an import: it can only be bumped.
        return Some(Carrier { gav: import.gav.clone(), path: path.clone(), property: None });
    }
    let from = managed.import.as_ref().map_or(&managed.source, |import| &import.source);
    if matches!(from, Source::Local(_)) {
        return None;
    }
    let mut lineage = effective.lineage.iter();
    let mut owner = None;
    let parent = loop {
        match lineage.next()? {
            (Source::Local(path), _) => owner = Some(path),
            (Source::Remote(_), gav) => break gav,
        }
    };
    let path = owner?.clone();
    let property = settable(managed).map(|(name, bom)| {
        // Where it is set already, it is set anew.
        let set = effective.properties.get(name).and_then(|(_, source)| source.path());
        Property { name: name.to_owned(), path: set.unwrap_or(&path).to_owned(), bom }
    });
    Some(Carrier { gav: parent.clone(), path, property })
}

/// The property that the version is written with, and nothing else beside it.
fn settable(managed: &Managed) -> Option<(&str, Option<Gav>)> {
    let (written, bom) = match &managed.import {
        Some(import) => (&import.written, Some(import.gav.clone())),
        None => (&managed.written, None),
    };
    let name = property(written)?;
    let alone = written.len() == name.len() + 3 && !name.starts_with("project.");
    alone.then_some((name, bom))
}
