//! A pom as it is written.
//!
//! Nothing is worked in here: no parent, no property. A pom that is too
//! large, nests too deep or declares a document type is refused, so that no
//! entity is ever expanded or fetched.

use std::collections::BTreeMap;

use roxmltree::{Document, Node, ParsingOptions};

/// Real poms are far smaller; the largest known bill of materials is 200 KiB.
const SIZE_CAP: usize = 4 * 1024 * 1024;
const NODES_CAP: u32 = 400_000;

/// A group, an artifact and a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gav {
    pub group: String,
    pub artifact: String,
    pub version: String,
}

impl Gav {
    pub(super) fn new(group: &str, artifact: &str, version: &str) -> Self {
        Self { group: group.to_owned(), artifact: artifact.to_owned(), version: version.to_owned() }
    }

    /// `group:artifact`.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.group, self.artifact)
    }

    pub(super) fn is(&self, group: &str, artifact: &str) -> bool {
        self.group == group && self.artifact == artifact
    }
}

impl std::fmt::Display for Gav {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.group, self.artifact, self.version)
    }
}

/// One entry of `dependencies` or `dependencyManagement`; empty texts are
/// elements that are not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dependency {
    pub gav: Gav,
    /// `type`: `jar` when nothing is said.
    pub kind: String,
    pub classifier: String,
    pub scope: String,
    pub optional: bool,
    /// `(group, artifact)`, each of which may be `*`.
    pub exclusions: Vec<(String, String)>,
}

impl Dependency {
    /// What makes two entries the same one.
    pub(super) fn key(&self) -> String {
        format!("{}:{}:{}:{}", self.gav.group, self.gav.artifact, self.kind, self.classifier)
    }

    pub(super) fn is_import(&self) -> bool {
        self.scope == "import" && self.kind == "pom"
    }
}

/// The `parent` element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parent {
    pub gav: Gav,
    /// `None`: the element is missing, which means `../pom.xml`.
    pub relative_path: Option<String>,
}

/// A part of a pom that holds only sometimes.
#[derive(Debug, Clone, Default)]
pub(super) struct Profile {
    pub by_default: bool,
    /// The text of `activation/jdk`.
    pub jdk: Option<String>,
    /// `!name`: holds when nobody sets the property.
    pub without_property: bool,
    /// `activation/os` names a system that the containers are.
    pub on_linux: bool,
    pub body: Body,
}

/// What a project and a profile can both hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    pub properties: BTreeMap<String, String>,
    pub dependencies: Vec<Dependency>,
    pub managed: Vec<Dependency>,
    /// Plugins, managed plugins, and build extensions.
    pub plugins: Vec<Dependency>,
    pub modules: Vec<String>,
}

/// A pom.
#[derive(Debug, Clone, Default)]
pub(super) struct Pom {
    /// Group and version are empty when the parent gives them.
    pub gav: Gav,
    pub packaging: String,
    pub parent: Option<Parent>,
    pub body: Body,
    pub profiles: Vec<Profile>,
    /// `distributionManagement/relocation`, with empty parts unchanged.
    pub relocation: Option<Gav>,
}

/// # Errors
/// Why the text is not a pom, for a person.
pub(super) fn parse(text: &str) -> Result<Pom, String> {
    if text.len() > SIZE_CAP {
        return Err("it is larger than 4 MiB".to_owned());
    }
    // Maven's own reader accepts white space and a byte-order mark in front.
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_CAP, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| format!("it is not well-formed XML: {error}"))?;
    let root = document.root_element();
    if root.tag_name().name() != "project" {
        return Err(format!("its root is <{}>, not <project>", root.tag_name().name()));
    }
    Ok(Pom {
        gav: gav(root),
        packaging: said_or(root, "packaging", "jar"),
        parent: child(root, "parent").map(|parent| Parent {
            gav: gav(parent),
            relative_path: child(parent, "relativePath").map(said),
        }),
        body: body(root),
        profiles: items(root, "profiles", "profile").map(profile).collect(),
        relocation: child(root, "distributionManagement")
            .and_then(|management| child(management, "relocation"))
            .map(gav),
    })
}

fn profile(node: Node<'_, '_>) -> Profile {
    let activation = child(node, "activation");
    let within = |name: &str| activation.and_then(|activation| child(activation, name));
    let property = within("property").map(|property| said_or(property, "name", ""));
    Profile {
        by_default: within("activeByDefault").is_some_and(|flag| said(flag) == "true"),
        jdk: within("jdk").map(said),
        on_linux: within("os").is_some_and(is_linux),
        without_property: property.is_some_and(|name| name.starts_with('!')),
        body: body(node),
    }
}

/// Every part that is named fits Linux on this machine's processor.
fn is_linux(os: Node<'_, '_>) -> bool {
    let processor = if cfg!(target_arch = "x86_64") { "amd64" } else { std::env::consts::ARCH };
    let fits = |part: &str, own: &str| {
        let wanted = said_or(os, part, own).to_lowercase();
        wanted.strip_prefix('!').map_or(wanted == own, |other| other != own)
    };
    // Maven takes a family that it does not know for a name.
    // A version of the kernel is not known here.
    (fits("family", "unix") || fits("family", "linux"))
        && fits("name", "linux")
        && fits("arch", processor)
        && child(os, "version").is_none()
}

fn body(node: Node<'_, '_>) -> Body {
    let managed = child(node, "dependencyManagement");
    let build = child(node, "build");
    let plugin_management = build.and_then(|build| child(build, "pluginManagement"));
    let plugins = [build, plugin_management].into_iter().flatten();
    Body {
        properties: child(node, "properties")
            .into_iter()
            .flat_map(|properties| properties.children().filter(Node::is_element))
            .map(|property| (property.tag_name().name().to_owned(), said(property)))
            .collect(),
        dependencies: items(node, "dependencies", "dependency").map(dependency).collect(),
        managed: managed
            .into_iter()
            .flat_map(|managed| items(managed, "dependencies", "dependency"))
            .map(dependency)
            .collect(),
        plugins: plugins
            .flat_map(|holder| {
                items(holder, "plugins", "plugin").chain(items(holder, "extensions", "extension"))
            })
            .flat_map(|holder| [holder].into_iter().chain(holder.descendants().filter(is_used_by_plugin)))
            .map(plugin)
            .collect(),
        modules: items(node, "modules", "module").map(said).collect(),
    }
}

fn dependency(node: Node<'_, '_>) -> Dependency {
    Dependency {
        gav: gav(node),
        kind: said_or(node, "type", "jar"),
        classifier: said_or(node, "classifier", ""),
        scope: said_or(node, "scope", ""),
        optional: said_or(node, "optional", "") == "true",
        exclusions: items(node, "exclusions", "exclusion")
            .map(|exclusion| (said_or(exclusion, "groupId", "*"), said_or(exclusion, "artifactId", "*")))
            .collect(),
    }
}

fn plugin(node: Node<'_, '_>) -> Dependency {
    let mut plugin = dependency(node);
    if plugin.gav.group.is_empty() {
        "org.apache.maven.plugins".clone_into(&mut plugin.gav.group);
    }
    plugin
}

/// A dependency of a plugin, an annotation processor, an artifact to unpack.
fn is_used_by_plugin(node: &Node<'_, '_>) -> bool {
    matches!(node.tag_name().name(), "dependency" | "path" | "artifactItem" | "annotationProcessorPath")
        && child(*node, "artifactId").is_some()
}

fn gav(node: Node<'_, '_>) -> Gav {
    Gav {
        group: said_or(node, "groupId", ""),
        artifact: said_or(node, "artifactId", ""),
        version: said_or(node, "version", ""),
    }
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

fn items<'a, 'i>(
    node: Node<'a, 'i>,
    list: &str,
    item: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i> {
    child(node, list)
        .into_iter()
        .flat_map(|list| list.children())
        .filter(move |child| child.is_element() && child.tag_name().name() == item)
}

/// The text of an element, with comments in between left out.
fn said(node: Node<'_, '_>) -> String {
    let text: String = node.children().filter(Node::is_text).filter_map(|text| text.text()).collect();
    text.trim().to_owned()
}

fn said_or(node: Node<'_, '_>, name: &str, otherwise: &str) -> String {
    child(node, name).map(said).filter(|text| !text.is_empty()).unwrap_or_else(|| otherwise.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pom_is_read_as_written() {
        let pom = parse(
            "\u{feff}\n<project><parent><groupId>g</groupId><artifactId>p</artifactId><version>1</version>\
             <relativePath/></parent><artifactId> a<!-- x --> </artifactId>\
             <properties><x.version>2</x.version></properties>\
             <dependencies><dependency><groupId>x</groupId><artifactId>y</artifactId>\
             <version>${x.version}</version><optional>true</optional>\
             <exclusions><exclusion><groupId>q</groupId><artifactId>*</artifactId></exclusion></exclusions>\
             </dependency></dependencies>\
             <build><plugins><plugin><artifactId>maven-jar-plugin</artifactId></plugin></plugins></build>\
             </project>",
        )
        .unwrap();
        assert_eq!(pom.gav.artifact, "a");
        assert_eq!(pom.parent.unwrap().relative_path.as_deref(), Some(""));
        let dependency = &pom.body.dependencies[0];
        assert_eq!((dependency.kind.as_str(), dependency.optional), ("jar", true));
        assert_eq!(dependency.exclusions, [("q".to_owned(), "*".to_owned())]);
        assert_eq!(pom.body.plugins[0].gav.group, "org.apache.maven.plugins");
        assert_eq!(pom.body.properties["x.version"], "2");
    }

    #[test]
    fn what_is_not_a_pom_is_refused_with_the_reason() {
        for (text, why) in [
            ("<project>", "well-formed"),
            ("<settings/>", "<settings>"),
            (
                "<!DOCTYPE project [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><project>&x;</project>",
                "well-formed",
            ),
        ] {
            assert!(parse(text).unwrap_err().contains(why), "{text}");
        }
    }
}
