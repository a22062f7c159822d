//! Where the repository itself says a version.
//!
//! Every pom with all of its profiles, and `.mvn/extensions.xml`. A version
//! that comes from a parent or a bill of materials is not declared here.

use std::collections::BTreeMap;
use std::sync::Arc;

use roxmltree::{Document, ParsingOptions};

use super::effective::{Effective, Source, World, property};
use super::model::{Gav, Pom};
use super::shelf::Stop;

/// What a declaration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Dependency,
    /// In `dependencyManagement`.
    Managed,
    /// A bill of materials.
    Import,
    Parent,
    /// A plugin or an extension of the build: it runs in Maven's own JDK.
    Plugin,
}

/// One place that says a version.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub path: String,
    pub kind: Kind,
    /// With the version that it comes to.
    pub gav: Gav,
    pub system: bool,
    /// The property it is written with, and the pom that sets it.
    pub property: Option<(String, Source)>,
}

/// Everything that is declared, with a version, in the poms.
///
/// # Errors
/// Properties run in a circle.
pub(super) fn declarations(
    world: &World<'_>,
    effective: &BTreeMap<String, Arc<Effective>>,
) -> Result<Vec<Declared>, Stop> {
    let mut found = Vec::new();
    for (path, pom) in world.poms {
        let Some(effective) = effective.get(path) else { continue };
        for (kind, written, system) in written(pom) {
            let text = |part: &str| world.text(part, effective);
            let gav = Gav {
                group: text(&written.group)?,
                artifact: text(&written.artifact)?,
                version: text(&written.version)?,
            };
            let set_by = |name: &str| {
                let (_, source) = effective.properties.get(name)?;
                Some((name.to_owned(), source.clone()))
            };
            let property = property(&written.version).and_then(set_by);
            found.push(Declared { path: path.clone(), kind, gav, system, property });
        }
    }
    Ok(found)
}

fn written(pom: &Pom) -> Vec<(Kind, &Gav, bool)> {
    let mut found: Vec<(Kind, &Gav, bool)> = Vec::new();
    found.extend(pom.parent.iter().map(|parent| (Kind::Parent, &parent.gav, false)));
    for body in [&pom.body].into_iter().chain(pom.profiles.iter().map(|profile| &profile.body)) {
        let dependencies = body.dependencies.iter();
        found.extend(dependencies.map(|one| (Kind::Dependency, &one.gav, one.scope == "system")));
        found.extend(body.managed.iter().map(|one| {
            let kind = if one.is_import() { Kind::Import } else { Kind::Managed };
            (kind, &one.gav, one.scope == "system")
        }));
        found.extend(body.plugins.iter().map(|one| (Kind::Plugin, &one.gav, false)));
    }
    found.retain(|(_, gav, _)| !gav.version.is_empty());
    found
}

/// What `.mvn/extensions.xml` loads into Maven.
pub(super) fn extensions(path: &str, text: &str) -> Vec<Declared> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: 10_000, ..ParsingOptions::default() };
    let Ok(document) =
        Document::parse_with_options(text.trim_start_matches('\u{feff}').trim_start(), options)
    else {
        return Vec::new();
    };
    let extension = |node: roxmltree::Node<'_, '_>| {
        let part = |name: &str| {
            let part = node.children().find(|child| child.tag_name().name() == name)?;
            Some(part.text()?.trim().to_owned())
        };
        let gav = Gav { group: part("groupId")?, artifact: part("artifactId")?, version: part("version")? };
        Some(Declared { path: path.to_owned(), kind: Kind::Plugin, gav, system: false, property: None })
    };
    document
        .descendants()
        .filter(|node| node.tag_name().name() == "extension")
        .filter_map(extension)
        .collect()
}
