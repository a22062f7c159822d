//! Additions to a pom: an entry of `dependencyManagement`, a property.
//!
//! The rest of the pom stays byte for byte. What is added is indented as its
//! neighbours are, ends its lines as they do, and stands where Maven's order
//! of a pom's sections has it.

use std::collections::BTreeMap;
use std::ops::Range;

use roxmltree::Node;

use super::super::Refused;
use super::pom::{self, Pom};
use super::properties::{Move, Poms};
use super::xml::{self, Source, child, down};
use super::{Edits, Texts, check_version};

/// The sections of a pom that come after its properties, in order.
const SECTIONS: [&str; 8] = [
    "dependencyManagement",
    "dependencies",
    "repositories",
    "pluginRepositories",
    "build",
    "reporting",
    "reports",
    "profiles",
];

/// The name that the one pom has here.
const POM: &str = "the pom";

/// New bytes in the place of old ones.
struct Splice {
    span: Range<usize>,
    text: String,
}

/// How a pom is laid out.
struct Layout<'t, 's, 'd> {
    text: &'t str,
    source: &'s Source<'t, 'd>,
    /// Empty for a pom in one line.
    line_end: &'static str,
    unit: String,
    /// The name space's mark in front of every tag: `m:`.
    prefix: String,
}

/// The pom with `group:artifact` at `version` in its `dependencyManagement`.
/// An entry that is there is updated, at its property if this pom has it; a
/// new one comes before the imported bills of materials.
///
/// # Errors
/// The pom cannot be read, or its entry cannot be moved.
pub fn add_managed(pom: &str, group: &str, artifact: &str, version: &str) -> Result<String, Refused> {
    check_version(version)?;
    let splices = xml::read(POM, pom, |source| {
        let root = project(source)?;
        let layout = Layout::of(pom, source, root);
        let managed = down(root, &["dependencyManagement", "dependencies"]);
        let entries = managed.into_iter().flat_map(|node| node.children().filter(Node::is_element));
        if let Some(entry) = entries.clone().find(|entry| is_entry(source, *entry, group, artifact)) {
            return update(pom, source, entry, version);
        }
        let lines = [
            format!("{}{}{}", layout.open("dependency"), layout.line_end, layout.unit),
            format!("{}{}{}", layout.leaf("groupId", group), layout.line_end, layout.unit),
            format!("{}{}{}", layout.leaf("artifactId", artifact), layout.line_end, layout.unit),
            format!("{}{}", layout.leaf("version", version), layout.line_end),
            layout.close("dependency"),
        ];
        let block = lines.concat();
        let bom =
            entries.clone().find(|entry| pom::text(source, *entry, "scope").as_deref() == Some("import"));
        let splice = match (bom, managed, child(root, "dependencyManagement")) {
            (Some(bom), _, _) => layout.before(bom, &block),
            (None, Some(managed), _) => layout.append(managed, &block),
            (None, None, Some(section)) => layout.append(section, &layout.around("dependencies", &block)),
            (None, None, None) => {
                let section = layout.around("dependencyManagement", &layout.around("dependencies", &block));
                layout.section(root, &section, SECTIONS.get(1..).unwrap_or_default())
            }
        };
        Ok(vec![splice])
    })?;
    apply(pom, splices)
}

/// The pom with the property `name` set to `value`: where it is set already,
/// or at the end of the properties.
///
/// # Errors
/// The pom cannot be read, or the name is none for an element.
pub fn set_property(pom: &str, name: &str, value: &str) -> Result<String, Refused> {
    let fits = |c: char| c.is_alphanumeric() || "._-".contains(c);
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') || !name.chars().all(fits) {
        return Err(Refused(format!("take {name:?} for the name of a property")));
    }
    let splices = xml::read(POM, pom, |source| {
        let root = project(source)?;
        let layout = Layout::of(pom, source, root);
        let leaf = layout.leaf(name, value);
        let Some(properties) = child(root, "properties") else {
            return Ok(vec![layout.section(root, &layout.around("properties", &leaf), &SECTIONS)]);
        };
        let set: Vec<Splice> = properties
            .children()
            .filter(|node| node.is_element() && node.tag_name().name() == name)
            .map(|node| match source.value(node).and_then(|value| value.span) {
                Some(span) => Splice { span, text: xml::escape(value) },
                None => Splice { span: source.outer(node), text: leaf.clone() },
            })
            .collect();
        Ok(if set.is_empty() { vec![layout.append(properties, &leaf)] } else { set })
    })?;
    apply(pom, splices)
}

fn project<'a, 'd>(source: &'a Source<'_, 'd>) -> Result<Node<'a, 'd>, Refused> {
    let root = source.document.root_element();
    if root.tag_name().name() == "project" {
        Ok(root)
    } else {
        Err(Refused(format!("find a project in {POM}: it is a {}", root.tag_name().name())))
    }
}

/// Whether this entry manages the artifact's plain jar.
fn is_entry(source: &Source<'_, '_>, entry: Node<'_, '_>, group: &str, artifact: &str) -> bool {
    let has = |name: &str| pom::text(source, entry, name);
    has("groupId").as_deref() == Some(group)
        && has("artifactId").as_deref() == Some(artifact)
        && has("classifier").is_none()
        && has("type").is_none_or(|kind| kind == "jar")
}

/// Moves the entry that is there: at the property that this pom has, or else
/// at the entry itself.
fn update(
    text: &str,
    source: &Source<'_, '_>,
    entry: Node<'_, '_>,
    version: &str,
) -> Result<Vec<Splice>, Refused> {
    let value = child(entry, "version").and_then(|node| source.value(node));
    let Some(value) = value.filter(|value| value.span.is_some()) else {
        return Err(Refused(format!(
            "set the version of an entry of dependencyManagement in {POM}: it has none"
        )));
    };
    let mut edits = Edits::default();
    if let Some(home) = Pom::read(POM, text)? {
        let poms = Poms::new(BTreeMap::from([(POM.to_owned(), home.clone())]));
        if let Some(from) = poms.values(&home, &value.text).ok().and_then(|values| values.into_iter().next())
        {
            let step = Move { from: &from, to: version };
            if from == version {
                return Ok(vec![]);
            }
            if poms.solve(&home, (&home, &value), step, &mut edits).is_err() {
                edits = Edits::default();
            }
        }
    }
    let solved = edits.spans.into_iter().map(|((_, start), (end, text))| Splice { span: start..end, text });
    let mut splices: Vec<Splice> = solved.collect();
    if splices.is_empty() {
        splices.extend(value.span.map(|span| Splice { span, text: version.to_owned() }));
    }
    Ok(splices)
}

fn apply(text: &str, splices: Vec<Splice>) -> Result<String, Refused> {
    let mut edits = Edits::default();
    for splice in splices {
        edits.put(POM, splice.span, &splice.text)?;
    }
    let edited = edits.apply(&Texts::from([(POM.to_owned(), text.to_owned())]))?;
    Ok(edited.into_values().next().unwrap_or_default())
}

impl<'t, 's, 'd> Layout<'t, 's, 'd> {
    fn of(text: &'t str, source: &'s Source<'t, 'd>, root: Node<'_, '_>) -> Self {
        let line_end = if text.contains("\r\n") {
            "\r\n"
        } else if text.contains('\n') {
            "\n"
        } else {
            ""
        };
        let raw = text.get(source.outer(root)).unwrap_or_default();
        let tag = raw.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default();
        let prefix = tag.trim_start_matches('<').split_once(':').map(|(prefix, _)| format!("{prefix}:"));
        let mut layout =
            Self { text, source, line_end, unit: String::new(), prefix: prefix.unwrap_or_default() };
        let step = |node: Node<'_, '_>| {
            let (inner, outer) = (layout.indent(node)?, layout.indent(node.parent_element()?)?);
            inner.strip_prefix(outer).filter(|unit| !unit.is_empty()).map(str::to_owned)
        };
        let default = if line_end.is_empty() { "" } else { "    " };
        layout.unit =
            root.descendants().filter(Node::is_element).find_map(step).unwrap_or_else(|| default.to_owned());
        layout
    }

    fn open(&self, name: &str) -> String {
        format!("<{}{name}>", self.prefix)
    }

    fn close(&self, name: &str) -> String {
        format!("</{}{name}>", self.prefix)
    }

    fn leaf(&self, name: &str, text: &str) -> String {
        format!("{}{}{}", self.open(name), xml::escape(text), self.close(name))
    }

    /// An element around others, at no indentation.
    fn around(&self, name: &str, block: &str) -> String {
        let inner = self.indented(block, &self.unit);
        format!(
            "{}{}{}{inner}{}{}",
            self.open(name),
            self.line_end,
            self.unit,
            self.line_end,
            self.close(name)
        )
    }

    /// Every line but the first one, moved to the right.
    fn indented(&self, block: &str, indent: &str) -> String {
        if self.line_end.is_empty() {
            return block.to_owned();
        }
        block.replace(self.line_end, &format!("{}{indent}", self.line_end))
    }

    /// The white space in front of an element, if nothing else is there.
    fn indent(&self, node: Node<'_, '_>) -> Option<&'t str> {
        let before = self.text.get(..self.source.outer(node).start)?;
        let line = before.get(before.rfind('\n').map_or(0, |at| at + 1)..)?;
        let line = line.trim_start_matches('\u{feff}');
        line.chars().all(char::is_whitespace).then_some(line)
    }

    /// Puts a block in front of an element and the comments that belong to it.
    fn before(&self, node: Node<'_, '_>, block: &str) -> Splice {
        let mut first = node;
        while let Some(comment) = self.comment_before(first) {
            first = comment;
        }
        let indent = self.indent(first).unwrap_or_default();
        let at = self.source.outer(first).start;
        let gap = if self.is_apart(at) { self.line_end } else { "" };
        let block = self.indented(block, indent);
        Splice { span: at..at, text: format!("{block}{}{gap}{indent}", self.line_end) }
    }

    fn comment_before<'a, 'b>(&self, node: Node<'a, 'b>) -> Option<Node<'a, 'b>> {
        let mut before = node.prev_sibling()?;
        if before.is_text() {
            let blank = before.text().unwrap_or_default();
            if !blank.trim().is_empty() || blank.matches('\n').count() > 1 {
                return None;
            }
            before = before.prev_sibling()?;
        }
        // A comment at the end of a line belongs to what it follows.
        (before.is_comment() && self.indent(before).is_some()).then_some(before)
    }

    /// Whether an empty line precedes a place.
    fn is_apart(&self, at: usize) -> bool {
        let before = self.text.get(..at).unwrap_or_default();
        before.get(before.trim_end().len()..).is_some_and(|gap| gap.matches('\n').count() > 1)
    }

    /// Puts a block behind everything that an element holds.
    fn append(&self, node: Node<'_, '_>, block: &str) -> Splice {
        let outer_indent = self.indent(node).unwrap_or_default();
        let last =
            node.children().filter(Node::is_element).filter_map(|child| self.indent(child)).next_back();
        let indent = last.map_or_else(|| format!("{outer_indent}{}", self.unit), str::to_owned);
        let block = format!("{}{indent}{}", self.line_end, self.indented(block, &indent));
        let end = format!("{}{outer_indent}", self.line_end);
        match self.source.inner(node) {
            Some(inner) => {
                let held = self.text.get(inner.clone()).unwrap_or_default().trim_end();
                let at = inner.start + held.len();
                // A closing tag in the same line moves to a line of its own.
                let tail = self.text.get(at..inner.end).unwrap_or_default();
                if tail.contains('\n') || self.line_end.is_empty() {
                    Splice { span: at..at, text: block }
                } else {
                    Splice { span: at..inner.end, text: format!("{block}{end}") }
                }
            }
            None => {
                let outer = self.source.outer(node);
                let raw = self.text.get(outer.clone()).unwrap_or_default();
                let tag = raw.trim_end_matches('>').trim_end_matches('/').trim_end();
                let close = self.close(node.tag_name().name());
                Splice { span: outer, text: format!("{tag}>{block}{end}{close}") }
            }
        }
    }

    /// Puts a new section in front of those that come after it: first of all
    /// the dependencies, which it belongs to most.
    fn section(&self, root: Node<'_, '_>, block: &str, later: &[&str]) -> Splice {
        let next = child(root, "dependencies").filter(|_| !later.contains(&SECTIONS[0])).or_else(|| {
            root.children().find(|node| node.is_element() && later.contains(&node.tag_name().name()))
        });
        match next {
            Some(next) => self.before(next, block),
            None => self.append(root, block),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "<dependency>\n        <groupId>g</groupId>\n        <artifactId>a</artifactId>\n        \
                         <version>2</version>\n      </dependency>";

    fn managed(pom: &str) -> String {
        add_managed(pom, "g", "a", "2").unwrap()
    }

    #[test]
    fn a_pin_gets_a_section_where_the_pom_would_have_one() {
        let section = format!(
            "<dependencyManagement>\n    <dependencies>\n      {ENTRY}\n    </dependencies>\n  </dependencyManagement>"
        );
        for (before, after) in [
            (
                "<project>\n  <a/>\n\n  <dependencies>\n  </dependencies>\n</project>\n",
                "<project>\n  <a/>\n\n  @\n\n  <dependencies>\n  </dependencies>\n</project>\n",
            ),
            (
                "<project>\n  <properties/>\n  <!-- builds -->\n  <build/>\n</project>",
                "<project>\n  <properties/>\n  @\n  <!-- builds -->\n  <build/>\n</project>",
            ),
            (
                "<project>\n  <build/>\n  <dependencies/>\n</project>",
                "<project>\n  <build/>\n  @\n  <dependencies/>\n</project>",
            ),
            ("<project>\n  <a/>\n</project>", "<project>\n  <a/>\n  @\n</project>"),
        ] {
            let wanted = after.replace('@', &section);
            assert_eq!(managed(before), wanted);
            let windows = before.replace('\n', "\r\n");
            assert_eq!(managed(&windows), wanted.replace('\n', "\r\n"));
            let tabs = before.replace("  ", "\t");
            assert_eq!(managed(&tabs), wanted.replace("  ", "\t"));
        }
    }

    #[test]
    fn a_pin_comes_before_the_imported_boms_and_after_the_rest() {
        let section = |inner: &str| {
            format!(
                "<project>\n  <dependencyManagement>\n    <dependencies>{inner}\n    </dependencies>\n  \
                 </dependencyManagement>\n</project>\n"
            )
        };
        let other =
            "\n      <dependency><groupId>o</groupId><artifactId>o</artifactId></dependency> <!-- o -->";
        let bom = "\n      <!-- the BOM -->\n      <dependency><scope>import</scope></dependency>";
        let new = format!("\n      {ENTRY}");
        for (before, after) in [
            (other.to_owned(), format!("{other}{new}")),
            (format!("{other}{bom}"), format!("{other}{new}{bom}")),
            (bom.to_owned(), format!("{new}{bom}")),
            ("\n      <!-- none -->".to_owned(), format!("\n      <!-- none -->{new}")),
        ] {
            assert_eq!(managed(&section(&before)), section(&after));
        }
        let empty = "<project>\n  <dependencyManagement/>\n</project>";
        let filled = format!(
            "<project>\n  <dependencyManagement>\n    <dependencies>\n      {ENTRY}\n    </dependencies>\n  \
             </dependencyManagement>\n</project>"
        );
        assert_eq!(managed(empty), filled);
        let empty = "<project>\n  <dependencyManagement>\n    <dependencies></dependencies>\n  </dependencyManagement>\n</project>";
        assert_eq!(managed(empty), filled);
    }

    #[test]
    fn a_pin_that_is_there_is_moved() {
        let pom = |properties: &str, version: &str, more: &str| {
            format!(
                "<project><properties>{properties}</properties><dependencyManagement><dependencies><dependency>\
                 <groupId>g</groupId><artifactId>a</artifactId>{more}<version>{version}</version></dependency>\
                 </dependencies></dependencyManagement></project>"
            )
        };
        assert_eq!(managed(&pom("", "1", "")), pom("", "2", ""));
        assert_eq!(managed(&pom("", "2", "")), pom("", "2", ""));
        assert_eq!(managed(&pom("<v>1</v>", "${v}", "")), pom("<v>2</v>", "${v}", ""));
        assert_eq!(managed(&pom("", "${v}", "")), pom("", "2", ""));
        let classified = pom("", "1", "<classifier>tests</classifier>");
        assert!(managed(&classified).contains("<version>1</version></dependency><dependency>"));
    }

    #[test]
    fn a_name_space_and_a_single_line_are_kept() {
        let pom = r#"<m:project xmlns:m="x"><m:dependencies/></m:project>"#;
        let wanted = r#"<m:project xmlns:m="x"><m:dependencyManagement><m:dependencies><m:dependency><m:groupId>g</m:groupId><m:artifactId>a</m:artifactId><m:version>2</m:version></m:dependency></m:dependencies></m:dependencyManagement><m:dependencies/></m:project>"#;
        assert_eq!(managed(pom), wanted);
    }

    #[test]
    fn a_property_is_set_or_added() {
        for (before, after) in [
            (
                "<project>\n  <properties>\n    <v> 1 </v>\n  </properties>\n</project>",
                "<project>\n  <properties>\n    <v> 2 </v>\n  </properties>\n</project>",
            ),
            (
                "<project>\n  <properties>\n    <v/>\n  </properties>\n</project>",
                "<project>\n  <properties>\n    <v>2</v>\n  </properties>\n</project>",
            ),
            (
                "<project>\n  <properties>\n    <u>1</u> <!-- u -->\n  </properties>\n</project>",
                "<project>\n  <properties>\n    <u>1</u> <!-- u -->\n    <v>2</v>\n  </properties>\n</project>",
            ),
            (
                "<project>\n  <properties/>\n</project>",
                "<project>\n  <properties>\n    <v>2</v>\n  </properties>\n</project>",
            ),
            (
                "<project>\n  <dependencies/>\n</project>",
                "<project>\n  <properties>\n    <v>2</v>\n  </properties>\n  <dependencies/>\n</project>",
            ),
            (
                "<project>\n  <x/>\n\n  <dependencyManagement/>\n\n  <dependencies/>\n</project>",
                "<project>\n  <x/>\n\n  <properties>\n    <v>2</v>\n  </properties>\n\n  <dependencyManagement/>\n\n  <dependencies/>\n</project>",
            ),
        ] {
            assert_eq!(set_property(before, "v", "2").unwrap(), after);
            let windows = before.replace('\n', "\r\n");
            assert_eq!(set_property(&windows, "v", "2").unwrap(), after.replace('\n', "\r\n"));
        }
        assert!(set_property("<project/>", "a b", "2").is_err());
        assert!(set_property("<settings/>", "a", "2").is_err());
        assert_eq!(
            set_property("<project/>", "a", "<&").unwrap(),
            "<project><properties><a>&lt;&amp;</a></properties></project>"
        );
    }
}
