//! Java: imports of a jar's classes, and where they are used.
//!
//! Types are not inferred: a method is known by its name only, in files that
//! use a class of the jar.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::Node;

use super::{Seen, Sites, Uses, is_seen};
use crate::briefing::Source;
use crate::briefing::api::Name;
use crate::briefing::java::CONSTRUCTOR;
use crate::briefing::syntax::{Patience, children, field, line, parse, text, walk};

/// Uses of a jar's classes in all Java sources.
pub(in crate::briefing) fn index(sources: &[Source], classes: &BTreeSet<Name>) -> Uses {
    let packages: BTreeSet<&str> =
        classes.iter().map(|name| name.at.as_str()).filter(|at| !at.is_empty()).collect();
    let mut uses = Uses::default();
    let patience = Patience::new();
    for source in sources.iter().filter(|source| source.path.ends_with(".java")) {
        if !packages.iter().any(|at| source.text.contains(at)) {
            continue;
        }
        let parsed = if patience.is_over() { None } else { parse(&source.path, &source.text) };
        let Some(tree) = parsed else {
            uses.unread.push(source.path.clone());
            continue;
        };
        let mut file = File {
            source: &source.text,
            classes,
            packages: &packages,
            bound: BTreeMap::new(),
            sites: Sites::new(&source.path, &source.text),
        };
        let loaded = walk(tree.root_node(), |node| file.load(node));
        if !(walk(tree.root_node(), |node| file.follow(node)) && loaded) {
            uses.unread.push(source.path.clone());
        }
        if is_seen(&file.sites.sites) {
            uses.sites.append(&mut file.sites.sites);
        }
    }
    uses
}

struct File<'a> {
    source: &'a str,
    classes: &'a BTreeSet<Name>,
    packages: &'a BTreeSet<&'a str>,
    /// Simple names that mean a class of the jar.
    bound: BTreeMap<String, Name>,
    sites: Sites<'a>,
}

impl File<'_> {
    fn see(&mut self, node: Node<'_>, seen: Seen) {
        self.sites.see(line(node), seen);
    }

    fn load(&mut self, node: Node<'_>) {
        match node.kind() {
            "import_declaration" => self.import(node),
            // Tests often lie in the package of what they test.
            "package_declaration" => {
                if let Some(name) = children(node).pop() {
                    self.all_of(text(name, self.source), None);
                }
            }
            _ => {}
        }
    }

    fn import(&mut self, node: Node<'_>) {
        let named = children(node);
        let everything = named.iter().any(|part| part.kind() == "asterisk");
        let Some(path) = named.first().map(|part| text(*part, self.source).to_owned()) else { return };
        if everything && self.packages.contains(path.as_str()) {
            self.see(node, Seen::Loaded { at: path.clone(), requires: false });
            return self.all_of(&path, None);
        }
        let Some((class, rest)) = self.class(&path) else { return };
        self.see(node, Seen::Loaded { at: class.at.clone(), requires: false });
        self.see(node, Seen::Named(class.clone()));
        match rest {
            // A static member, or all of them.
            Some(member) => self.see(node, Seen::Member(member)),
            None if everything => self.all_of(&class.at.clone(), Some(&class.name)),
            None => self.bind(&class),
        }
    }

    fn bind(&mut self, class: &Name) {
        let simple = class.name.rsplit('.').next().unwrap_or(&class.name);
        self.bound.insert(simple.to_owned(), class.clone());
    }

    /// Every class of a package, or every class inside of one.
    fn all_of(&mut self, at: &str, outer: Option<&str>) {
        let inside: Vec<Name> = self
            .classes
            .iter()
            .filter(|class| class.at == at)
            .filter(|class| match outer {
                None => !class.name.contains('.'),
                Some(outer) => class.name.rsplit_once('.').is_some_and(|(above, _)| above == outer),
            })
            .cloned()
            .collect();
        for class in inside {
            self.bind(&class);
        }
    }

    /// The class that a dotted name begins with, and what follows it.
    fn class(&self, path: &str) -> Option<(Name, Option<String>)> {
        let parts: Vec<&str> = path.split('.').map(str::trim).collect();
        for packages in (1..parts.len()).rev() {
            let at = parts.get(..packages)?.join(".");
            if !self.packages.contains(at.as_str()) {
                continue;
            }
            for classes in (packages + 1..=parts.len()).rev() {
                let name = Name::new(at.clone(), parts.get(packages..classes)?.join("."));
                if self.classes.contains(&name) {
                    return Some((name, parts.get(classes).map(|member| (*member).to_owned())));
                }
            }
        }
        None
    }

    fn follow(&mut self, node: Node<'_>) {
        let member = match node.kind() {
            "identifier" | "type_identifier" => {
                let class = self.bound.get(text(node, self.source)).cloned();
                if let Some(class) = class.filter(|_| !is_declaration(node)) {
                    self.see(node, Seen::Named(class));
                }
                return;
            }
            "scoped_type_identifier" | "field_access" | "scoped_identifier" => {
                if let Some((class, _)) = self.class(text(node, self.source))
                    && !within(node, "import_declaration")
                {
                    self.see(node, Seen::Named(class));
                }
                field(node, "field", self.source)
            }
            // A method that is declared may be one that the jar calls.
            "method_invocation" | "method_declaration" => field(node, "name", self.source),
            "method_reference" => children(node).pop().map(|name| text(name, self.source)),
            "element_value_pair" => field(node, "key", self.source),
            "object_creation_expression" | "explicit_constructor_invocation" => Some(CONSTRUCTOR),
            _ => None,
        };
        if let Some(member) = member {
            self.see(node, Seen::Member(member.to_owned()));
        }
    }
}

/// The name of what is declared is not a use, nor is a part of an import.
fn is_declaration(node: Node<'_>) -> bool {
    let named = node.parent().is_some_and(|parent| {
        parent.kind().ends_with("_declaration") && parent.child_by_field_name("name") == Some(node)
    });
    named || within(node, "import_declaration") || within(node, "package_declaration")
}

fn within(node: Node<'_>, kind: &str) -> bool {
    let mut above = node.parent();
    for _ in 0..32 {
        match above {
            Some(parent) if parent.kind() == kind => return true,
            Some(parent) => above = parent.parent(),
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<String> {
        let classes = [("a.b", "C"), ("a.b", "C.Inner"), ("a.b", "D"), ("a.x", "E")]
            .into_iter()
            .map(|(at, name)| Name::new(at, name))
            .collect();
        let uses = index(&[Source { path: "M.java".into(), text: text.into() }], &classes);
        let shown = uses.sites.iter().filter_map(|site| match &site.seen {
            Seen::Named(name) => Some(format!("{} {}", site.spot.line, name.shown())),
            Seen::Member(member) => Some(format!("{} .{member}", site.spot.line)),
            _ => None,
        });
        shown.collect()
    }

    #[test]
    fn classes_and_members_are_seen_where_they_are_used() {
        for (text, expected) in [
            (
                "import a.b.C;\nclass M { C c = new C();\n void m() { c.go(); x.D(); } }",
                vec!["1 a.b.C", "2 a.b.C", "2 .<init>", "3 .m", "3 .go", "3 .D"],
            ),
            ("import a.b.*;\nclass M { D d; C.Inner i; }", vec!["2 a.b.D", "2 a.b.C"]),
            ("import static a.b.C.of;\nclass M { Object o = of(); }", vec!["1 a.b.C", "1 .of", "2 .of"]),
            ("class M { a.x.E e; }", vec!["1 a.x.E"]),
            ("package a.b;\nclass M { C c; }", vec!["2 a.b.C"]),
            (
                "import a.b.C;\n@C(key = 1) class M { Runnable r = C::run; }",
                vec!["1 a.b.C", "2 a.b.C", "2 .key", "2 .run"],
            ),
            ("import a.bb.C;\n// a.b\nclass M { C c; }", vec![]),
            ("import other.C;\nclass M { String s = \"a.b.C\"; void m() { go(); } }", vec![]),
        ] {
            let mut found = seen(text);
            let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{text}");
        }
    }
}
