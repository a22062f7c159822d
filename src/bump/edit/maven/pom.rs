//! What one pom or `.mvn/extensions.xml` declares, and where.
//!
//! Nothing is resolved here: `${…}` stays as it is written.

use roxmltree::Node;

use super::super::Refused;
use super::Place;
use super::xml::{self, Source, Value, child};

/// The group of a plugin that names none.
const PLUGINS: &str = "org.apache.maven.plugins";

/// A pom, or the extensions of Maven's core.
#[derive(Debug, Clone, Default)]
pub(super) struct Pom {
    pub(super) path: String,
    pub(super) group: Option<String>,
    pub(super) artifact: Option<String>,
    pub(super) version: Option<String>,
    pub(super) parent: Option<Parent>,
    pub(super) written: Vec<Written>,
    pub(super) properties: Vec<Property>,
    /// Group and artifact of everything that is named, with a version or
    /// without one.
    pub(super) named: Vec<(Option<String>, String)>,
}

/// The parent as the child names it.
#[derive(Debug, Clone)]
pub(super) struct Parent {
    pub(super) group: Option<String>,
    pub(super) artifact: Option<String>,
    pub(super) version: Option<String>,
    pub(super) relative: Option<String>,
}

/// A version that is written down for an artifact.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) place: Place,
    pub(super) profile: Option<String>,
    pub(super) group: Option<String>,
    pub(super) artifact: String,
    pub(super) version: Value,
}

/// A property of the pom, or of one of its profiles.
#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) profile: Option<String>,
    pub(super) value: Value,
}

impl Pom {
    /// Reads a file; `None` if it is XML of another kind.
    ///
    /// # Errors
    /// It is no XML.
    pub(super) fn read(path: &str, text: &str) -> Result<Option<Self>, Refused> {
        xml::read(path, text, |source| {
            let root = source.document.root_element();
            Ok(match root.tag_name().name() {
                "project" | "extensions" => Some(Self::of(path, source, root)),
                _ => None,
            })
        })
    }

    fn of(path: &str, source: &Source<'_, '_>, root: Node<'_, '_>) -> Self {
        let mut pom = Self { path: path.to_owned(), ..Self::default() };
        if root.tag_name().name() == "project" {
            pom.group = text(source, root, "groupId");
            pom.artifact = text(source, root, "artifactId");
            pom.version = text(source, root, "version");
            pom.parent = child(root, "parent").map(|parent| Parent {
                group: text(source, parent, "groupId"),
                artifact: text(source, parent, "artifactId"),
                version: text(source, parent, "version"),
                relative: text(source, parent, "relativePath"),
            });
        }
        for node in root.descendants().filter(Node::is_element) {
            match node.tag_name().name() {
                "version" => pom.written.extend(written(source, root, node)),
                "properties" => pom.add_properties(source, root, node),
                "artifactId" => pom.named.extend(named(source, root, node)),
                _ => {}
            }
        }
        pom
    }

    fn add_properties(&mut self, source: &Source<'_, '_>, root: Node<'_, '_>, properties: Node<'_, '_>) {
        let Some(owner) = properties.parent() else { return };
        let profile = match owner.tag_name().name() {
            "profile" => Some(text(source, owner, "id").unwrap_or_default()),
            _ if owner == root => None,
            _ => return,
        };
        self.properties.extend(properties.children().filter(Node::is_element).filter_map(|node| {
            let value = source.value(node)?;
            Some(Property { name: node.tag_name().name().to_owned(), profile: profile.clone(), value })
        }));
    }
}

/// The text of a child element, when there is some.
pub(super) fn text(source: &Source<'_, '_>, node: Node<'_, '_>, name: &str) -> Option<String> {
    source.value(child(node, name)?).map(|value| value.text).filter(|text| !text.is_empty())
}

/// Which artifact the element around an `<artifactId>` names. What is shut
/// out is not asked for.
fn named(
    source: &Source<'_, '_>,
    root: Node<'_, '_>,
    name: Node<'_, '_>,
) -> Option<(Option<String>, String)> {
    let owner = name.parent_element().filter(|owner| *owner != root)?;
    let is_plugin = owner.tag_name().name() == "plugin";
    let group = text(source, owner, "groupId").or_else(|| is_plugin.then(|| PLUGINS.to_owned()));
    let excluded = owner.tag_name().name() == "exclusion";
    (!excluded).then_some((group, text(source, owner, "artifactId")?))
}

/// What the element around a `<version>` declares.
fn written(source: &Source<'_, '_>, root: Node<'_, '_>, version: Node<'_, '_>) -> Option<Written> {
    let owner = version.parent_element().filter(|owner| *owner != root)?;
    let artifact = text(source, owner, "artifactId")?;
    let place = place(source, root, owner)?;
    let group = text(source, owner, "groupId")
        .or_else(|| (owner.tag_name().name() == "plugin").then(|| PLUGINS.to_owned()));
    let profile = owner
        .ancestors()
        .find(|node| node.tag_name().name() == "profile")
        .map(|profile| text(source, profile, "id").unwrap_or_default());
    Some(Written { place, profile, group, artifact, version: source.value(version)? })
}

/// What kind of declaration the element is, by the elements around it.
fn place(source: &Source<'_, '_>, root: Node<'_, '_>, owner: Node<'_, '_>) -> Option<Place> {
    let around: Vec<&str> = owner.ancestors().skip(1).map(|node| node.tag_name().name()).collect();
    let within = |name: &str| around.contains(&name);
    let third = around.get(1).copied().unwrap_or_default();
    if within("exclusions") {
        return None;
    }
    Some(match owner.tag_name().name() {
        "parent" if owner.parent() == Some(root) => Place::Parent,
        "path" | "annotationProcessorPath" => Place::ProcessorPath,
        "artifactItem" => Place::ArtifactItem,
        _ if within("configuration") => Place::Configuration,
        "dependency" if third == "dependencyManagement" => {
            let import = text(source, owner, "scope").as_deref() == Some("import");
            if import { Place::ImportedBom } else { Place::ManagedDependency }
        }
        "dependency" if third == "plugin" => Place::PluginDependency,
        "dependency" => Place::Dependency,
        "plugin" if third == "pluginManagement" => Place::ManagedPlugin,
        "plugin" if third == "reporting" => Place::ReportingPlugin,
        "plugin" => Place::Plugin,
        "extension" if root.tag_name().name() == "extensions" => Place::CoreExtension,
        "extension" => Place::Extension,
        _ => Place::Other,
    })
}
