//! JavaScript and TypeScript: imports, `require()`, and what becomes of them.
//!
//! A name is followed through its file by its text, without scopes: one use
//! too many is shown rather than one too few.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::Node;

use super::{Seen, Sites, Spot, Uses, is_seen};
use crate::briefing::Source;
use crate::briefing::api::Name;
use crate::briefing::npm::DEFAULT;
use crate::briefing::syntax::{
    Patience, child_of, children, field, is_script, line, literal, parse, text, walk,
};

/// Calls whose first argument is loaded, or stands for what is loaded.
const LOADERS: [&str; 14] = [
    "require",
    "import",
    "require.resolve",
    "jest.mock",
    "jest.unmock",
    "jest.doMock",
    "jest.requireActual",
    "jest.requireMock",
    "jest.unstable_mockModule",
    "vi.mock",
    "vi.doMock",
    "vi.importActual",
    "mock.module",
    "createRequire(import.meta.url)",
];

/// Brackets around an expression that are looked through.
const WRAPPED: usize = 16;

/// Uses of the package in all scripts.
pub(in crate::briefing) fn index(sources: &[Source], package: &str) -> Uses {
    let package = imported_as(package);
    let mut uses = Uses::default();
    let patience = Patience::new();
    for source in sources {
        if !is_script(&source.path) || !source.text.contains(&package) {
            continue;
        }
        let parsed = if patience.is_over() { None } else { parse(&source.path, &source.text) };
        let Some(tree) = parsed else {
            uses.unread.push(source.path.clone());
            continue;
        };
        let mut file = File {
            source: &source.text,
            package: &package,
            bound: BTreeMap::new(),
            understood: BTreeSet::new(),
            sites: Sites::new(&source.path, &source.text),
            named: Vec::new(),
        };
        let root = tree.root_node();
        let mut whole = walk(root, |node| file.load(node));
        if is_seen(&file.sites.sites) {
            whole &= walk(root, |node| file.follow(node));
        }
        whole &= walk(root, |node| file.named(node));
        if !whole {
            uses.unread.push(source.path.clone());
        }
        uses.sites.extend(file.sites.sites);
        uses.named.extend(file.named);
    }
    uses
}

/// `@types/x` is imported as `x`.
pub(in crate::briefing) fn imported_as(package: &str) -> String {
    match package.strip_prefix("@types/") {
        Some(name) => match name.split_once("__") {
            Some((scope, name)) => format!("@{scope}/{name}"),
            None => name.to_owned(),
        },
        None => package.to_owned(),
    }
}

struct File<'a> {
    source: &'a str,
    package: &'a str,
    /// Local names: subpath, and the name there; `*` is the module itself.
    bound: BTreeMap<String, Name>,
    /// Where string literals begin that were understood.
    understood: BTreeSet<usize>,
    sites: Sites<'a>,
    named: Vec<Spot>,
}

impl File<'_> {
    /// The subpath that a literal names, empty for the package itself.
    fn subpath(&self, node: Node<'_>) -> Option<String> {
        let rest = literal(node, self.source)?.strip_prefix(self.package)?;
        match rest.strip_prefix('/') {
            Some(sub) if !sub.is_empty() => Some(format!("./{sub}")),
            Some(_) => Some(String::new()),
            None => rest.is_empty().then(String::new),
        }
    }

    fn see(&mut self, node: Node<'_>, seen: Seen) {
        self.sites.see(line(node), seen);
    }

    fn bind(&mut self, local: &str, at: &str, name: &str) {
        self.bound.insert(local.to_owned(), Name::new(at, name));
    }

    fn load(&mut self, node: Node<'_>) {
        match node.kind() {
            "import_statement" => self.import(node),
            "export_statement" => self.re_export(node),
            "call_expression" => self.call(node),
            "import_require_clause" => {
                let source = node.child_by_field_name("source");
                let Some((at, source)) = source.and_then(|s| Some((self.subpath(s)?, s))) else { return };
                self.understood.insert(source.start_byte());
                self.see(node, Seen::Loaded { at: at.clone(), requires: true });
                if let Some(local) = children(node).first() {
                    self.bind(text(*local, self.source), &at, "*");
                }
            }
            _ => {}
        }
    }

    fn import(&mut self, node: Node<'_>) {
        let Some(source) = node.child_by_field_name("source") else { return };
        let Some(at) = self.subpath(source) else { return };
        self.understood.insert(source.start_byte());
        self.see(node, Seen::Loaded { at: at.clone(), requires: false });
        for part in child_of(node, &["import_clause"]).map(children).unwrap_or_default() {
            match part.kind() {
                "identifier" => self.bind(text(part, self.source), &at, DEFAULT),
                "namespace_import" => {
                    if let Some(local) = children(part).pop() {
                        self.bind(text(local, self.source), &at, "*");
                    }
                }
                _ => {
                    for specifier in children(part) {
                        let Some(name) = field(specifier, "name", self.source) else { continue };
                        let local = field(specifier, "alias", self.source).unwrap_or(name);
                        self.see(specifier, Seen::Named(Name::new(at.clone(), name)));
                        self.bind(local, &at, name);
                    }
                }
            }
        }
    }

    fn re_export(&mut self, node: Node<'_>) {
        let Some(source) = node.child_by_field_name("source") else { return };
        let Some(at) = self.subpath(source) else { return };
        self.understood.insert(source.start_byte());
        self.see(node, Seen::Loaded { at: at.clone(), requires: false });
        match child_of(node, &["export_clause"]) {
            Some(clause) => {
                for specifier in children(clause) {
                    if let Some(name) = field(specifier, "name", self.source) {
                        self.see(specifier, Seen::Named(Name::new(at.clone(), name)));
                    }
                }
            }
            None => self.see(node, Seen::HandedOn { at }),
        }
    }

    fn call(&mut self, node: Node<'_>) {
        let Some(function) = field(node, "function", self.source) else { return };
        let function = function.split('<').next().unwrap_or(function);
        if !LOADERS.contains(&function) {
            return;
        }
        let first = node.child_by_field_name("arguments").and_then(|all| children(all).into_iter().next());
        let Some((at, literal)) = first.and_then(|first| Some((self.subpath(first)?, first))) else { return };
        self.understood.insert(literal.start_byte());
        let requires = function.starts_with("require") || function.starts_with("jest");
        self.see(node, Seen::Loaded { at: at.clone(), requires });
        if matches!(function, "require" | "import" | "jest.requireActual" | "vi.importActual") {
            self.becomes(node, &at);
        }
    }

    /// What becomes of an expression that is the module itself.
    fn becomes(&mut self, node: Node<'_>, at: &str) {
        let mut node = node;
        let transparent =
            ["await_expression", "parenthesized_expression", "as_expression", "non_null_expression"];
        for _ in 0..WRAPPED {
            match node.parent().filter(|parent| transparent.contains(&parent.kind())) {
                Some(parent) => node = parent,
                None => break,
            }
        }
        let Some(parent) = node.parent() else { return };
        let is_field = |name: &str| parent.child_by_field_name(name) == Some(node);
        match parent.kind() {
            "variable_declarator" if is_field("value") => {
                if let Some(pattern) = parent.child_by_field_name("name") {
                    self.pattern(pattern, at);
                }
            }
            "assignment_expression" if is_field("right") => match parent.child_by_field_name("left") {
                Some(left) if matches!(left.kind(), "identifier" | "object_pattern") => {
                    self.pattern(left, at);
                }
                _ => self.see(node, Seen::HandedOn { at: at.to_owned() }),
            },
            "member_expression" if is_field("object") => self.property(parent, at),
            "nested_identifier" | "nested_type_identifier" => self.property(parent, at),
            "call_expression" if is_field("function") => self.see(node, Seen::Called { at: at.to_owned() }),
            "new_expression" if is_field("constructor") => self.see(node, Seen::Called { at: at.to_owned() }),
            // Loaded for what it does, or the local name's own declaration.
            "expression_statement" | "import_clause" | "namespace_import" | "import_require_clause" => {}
            _ => self.see(node, Seen::HandedOn { at: at.to_owned() }),
        }
    }

    /// `module.name`; a name of its own may be given to it.
    fn property(&mut self, node: Node<'_>, at: &str) {
        let name = ["property", "name"].into_iter().find_map(|key| field(node, key, self.source));
        let Some(name) = name else { return };
        if name == "then" {
            return self.see(node, Seen::HandedOn { at: at.to_owned() });
        }
        self.see(node, Seen::Named(Name::new(at, name)));
        if let Some(parent) = node.parent().filter(|parent| parent.kind() == "variable_declarator")
            && let Some(local) =
                parent.child_by_field_name("name").filter(|local| local.kind() == "identifier")
        {
            self.bind(text(local, self.source), at, name);
        }
    }

    /// The names on the left of `= require('x')`.
    fn pattern(&mut self, pattern: Node<'_>, at: &str) {
        if pattern.kind() == "identifier" {
            return self.bind(text(pattern, self.source), at, "*");
        }
        for part in children(pattern) {
            let key = match part.kind() {
                "pair_pattern" => field(part, "key", self.source),
                "object_assignment_pattern" => field(part, "left", self.source),
                "shorthand_property_identifier_pattern" => Some(text(part, self.source)),
                // The rest of the module is handed on.
                _ => None,
            };
            let Some(key) = key else {
                self.see(part, Seen::HandedOn { at: at.to_owned() });
                continue;
            };
            self.see(part, Seen::Named(Name::new(at, key)));
            let local = field(part, "value", self.source).unwrap_or(key);
            self.bind(local, at, key);
        }
    }

    /// Uses of the local names, and names of properties.
    fn follow(&mut self, node: Node<'_>) {
        match node.kind() {
            "identifier" | "type_identifier" | "shorthand_property_identifier" | "jsx_identifier" => {
                let Some(name) = self.bound.get(text(node, self.source)).cloned() else { return };
                if is_declaration(node) {
                    return;
                }
                match name.name.as_str() {
                    "*" => self.becomes(node, &name.at),
                    DEFAULT => {
                        self.see(node, Seen::Named(name.clone()));
                        if let Some(parent) = node.parent()
                            && matches!(parent.kind(), "call_expression" | "new_expression")
                            && children(parent).first() == Some(&node)
                        {
                            self.see(node, Seen::Called { at: name.at });
                        }
                    }
                    _ => self.see(node, Seen::Named(name)),
                }
            }
            "property_identifier" | "shorthand_property_identifier_pattern" => {
                self.see(node, Seen::Member(text(node, self.source).to_owned()));
            }
            _ => {}
        }
    }

    /// A literal that names the package and was not understood.
    fn named(&mut self, node: Node<'_>) {
        if node.kind() == "string"
            && !self.understood.contains(&node.start_byte())
            && self.subpath(node).is_some()
        {
            self.named.push(self.sites.spot(line(node)));
        }
    }
}

/// Where a local name is given, it is not used.
fn is_declaration(node: Node<'_>) -> bool {
    let Some(parent) = node.parent() else { return false };
    match parent.kind() {
        "import_specifier" | "import_clause" | "namespace_import" | "import_require_clause" => true,
        "variable_declarator" | "function_declaration" | "class_declaration" => {
            parent.child_by_field_name("name") == Some(node)
        }
        "pair_pattern" => parent.child_by_field_name("value") == Some(node),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(path: &str, text: &str) -> Vec<String> {
        let sources = [Source { path: path.into(), text: text.into() }];
        let uses = index(&sources, "pkg");
        let sites = uses.sites.iter().filter_map(|site| {
            let line = site.spot.line;
            Some(match &site.seen {
                Seen::Loaded { at, requires } => {
                    format!("{line} {} {at}", if *requires { "require" } else { "import" })
                }
                Seen::Named(name) => format!("{line} {}", name.shown()),
                Seen::Called { at } => format!("{line} called {at}"),
                Seen::HandedOn { at } => format!("{line} handed on {at}"),
                Seen::Member(_) => return None,
            })
        });
        let named = uses.named.iter().map(|spot| format!("{} named", spot.line));
        sites.chain(named).map(|line| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn every_way_to_load_and_to_use_is_seen() {
        for (text, expected) in [
            (
                "const p = require('pkg');\np.a();\nnew p.B();\np(1);\nf(p);",
                vec!["1 require", "2 a", "3 B", "4 called", "5 handed on"],
            ),
            (
                "const { a, b: c, ...rest } = require('pkg/sub');\nc();",
                vec!["1 require ./sub", "1 ./sub: a", "1 ./sub: b", "1 handed on ./sub", "2 ./sub: b"],
            ),
            (
                "import p, { a as c } from 'pkg';\nc();\np.x();\nnew p();",
                vec!["1 import", "1 a", "2 a", "3 default", "4 default", "4 called"],
            ),
            ("import * as p from 'pkg';\nlet x: p.T;\np.a;", vec!["1 import", "2 T", "3 a"]),
            ("import type { T } from 'pkg';\nlet x: T;", vec!["1 import", "1 T", "2 T"]),
            ("import p = require('pkg');\np.a();", vec!["1 require", "2 a"]),
            ("import 'pkg';", vec!["1 import"]),
            (
                "export { a as b } from 'pkg';\nexport * from 'pkg/x';",
                vec!["1 import", "1 a", "2 import ./x", "2 handed on ./x"],
            ),
            ("const { a } = await import('pkg');\na();", vec!["1 import", "1 a", "2 a"]),
            ("import('pkg').then((p) => p.a());", vec!["1 import", "1 handed on"]),
            (
                "require('pkg')(1);\nrequire('pkg').a();\nconst b = require('pkg').b;\nb();",
                vec!["1 require", "1 called", "2 require", "2 a", "3 require", "3 b", "4 b"],
            ),
            ("jest.mock('pkg');\nvi.mock('pkg');", vec!["1 require", "2 import"]),
            ("module.exports = { plugins: ['pkg'], other: 'pkgs' };", vec!["1 named"]),
            ("// pkg\nconst s = 'see pkg';\nrequire('pkg-other'); require('./pkg');", vec![]),
        ] {
            assert_eq!(seen("a.ts", text), expected, "{text}");
        }
        assert_eq!(seen("a.jsx", "import { B } from 'pkg';\nx = <B c={1} />;"), ["1 import", "1 B", "2 B"]);
        assert_eq!(seen("a.py", "import 'pkg'"), Vec::<String>::new());
    }

    #[test]
    fn types_of_a_package_are_used_where_the_package_is() {
        assert_eq!(imported_as("@types/node"), "node");
        assert_eq!(imported_as("@types/a__b"), "@a/b");
        assert_eq!(imported_as("@a/b"), "@a/b");
    }
}
