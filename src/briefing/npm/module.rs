//! What one file exports: declarations of TypeScript, ES modules, and the
//! usual ways to write and to generate CommonJS.
//!
//! Nothing is run. A file that computes its exports is marked as opaque.

mod commonjs;
mod declared;

use std::collections::BTreeMap;

use tree_sitter::Node;

use super::manifest::is_typed;
use crate::briefing::api::Item;
use crate::briefing::syntax::{child_of, children, field, literal, parse, text};

/// The module itself, as CommonJS and `export =` have it.
pub(super) const WHOLE: &str = "export =";
pub(super) const DEFAULT: &str = "default";
/// Declarations within declarations.
const DEPTH: usize = 16;

/// One file.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Top-level declarations by name; `ns.name` inside of namespaces.
    pub(super) locals: BTreeMap<String, Item>,
    /// Local name → (source, name there); `*` is all of it.
    pub(super) imports: BTreeMap<String, (String, String)>,
    pub(super) exports: Vec<Export>,
    /// Not all of its exports can be told.
    pub(super) opaque: bool,
    /// What it does not export is not offered.
    closed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Export {
    /// Something declared or imported here.
    Local { name: String, local: String },
    /// Something that has no name here.
    Item { name: String, item: Item },
    /// `export { imported as name } from 'source'`.
    From { name: String, imported: String, source: String },
    /// `export * from 'source'`, or under a name.
    All { source: String, name: Option<String> },
    /// `module.exports = require('source')`.
    Same { source: String },
}

impl Module {
    pub(super) fn read(path: &str, source: &str) -> Self {
        let mut module = Self::default();
        let Some(tree) = parse(path, source) else { return Self { opaque: true, ..Self::default() } };
        let mut reader = Reader { source, typed: is_typed(path), depth: 0, module: &mut module };
        for statement in children(tree.root_node()) {
            reader.statement(statement, "");
        }
        if !reader.typed {
            commonjs::read(tree.root_node(), source, &mut module);
        }
        // A script of declarations without any export offers all of them.
        if is_typed(path) && module.exports.is_empty() && !module.closed {
            let names: Vec<String> =
                module.locals.keys().filter(|name| !name.contains('.')).cloned().collect();
            let all = names.into_iter().map(|name| Export::Local { name: name.clone(), local: name });
            module.exports = all.collect();
        }
        module
    }
}

struct Reader<'a> {
    source: &'a str,
    /// Types are there to be compared.
    typed: bool,
    /// How deep declarations are within declarations.
    depth: usize,
    module: &'a mut Module,
}

impl Reader<'_> {
    /// `prefix` is `ns.` inside of a namespace.
    fn statement(&mut self, node: Node<'_>, prefix: &str) {
        match node.kind() {
            "export_statement" if prefix.is_empty() => self.export(node),
            // Inside of a namespace everything declared is part of it.
            "export_statement" => {
                if let Some(declaration) = node.child_by_field_name("declaration") {
                    self.declare(declaration, prefix);
                }
            }
            "import_statement" => self.import(node),
            _ => {
                self.declare(node, prefix);
            }
        }
    }

    /// Keeps a declaration, and returns the names that it declares.
    fn declare(&mut self, node: Node<'_>, prefix: &str) -> Vec<String> {
        // What is deeper than this is of no use to anyone.
        if self.depth > DEPTH {
            self.module.opaque = true;
            return Vec::new();
        }
        self.depth += 1;
        let names = self.declared(node, prefix);
        self.depth -= 1;
        names
    }

    fn declared(&mut self, node: Node<'_>, prefix: &str) -> Vec<String> {
        match node.kind() {
            "ambient_declaration" | "expression_statement" => {
                children(node).into_iter().flat_map(|child| self.declare(child, prefix)).collect()
            }
            "internal_module" | "module" => self.namespace(node, prefix),
            _ => declared::items(node, self.source, self.typed)
                .into_iter()
                .map(|(name, item)| {
                    self.module.locals.entry(format!("{prefix}{name}")).or_default().merge(item);
                    name
                })
                .collect(),
        }
    }

    fn namespace(&mut self, node: Node<'_>, prefix: &str) -> Vec<String> {
        let Some(name) = node.child_by_field_name("name") else { return Vec::new() };
        let body = node.child_by_field_name("body");
        // `declare module 'x'` is a module of its own, mostly this one.
        let (inner, named) = match literal(name, self.source) {
            Some(_) => (String::new(), None),
            None => {
                let name = text(name, self.source).to_owned();
                (format!("{prefix}{name}."), Some(name))
            }
        };
        for statement in body.map(children).unwrap_or_default() {
            self.statement(statement, &inner);
        }
        if let Some(name) = &named {
            let local = self.module.locals.entry(format!("{prefix}{name}")).or_default();
            if local.signatures.is_empty() {
                local.merge(Item::untyped(&format!("namespace {name}")));
            }
        }
        named.into_iter().collect()
    }

    fn export(&mut self, node: Node<'_>) {
        let from = node.child_by_field_name("source").and_then(|source| literal(source, self.source));
        let tokens: Vec<&str> =
            (0..node.child_count()).filter_map(|at| node.child(at)).map(|child| child.kind()).collect();
        let has = |token: &str| tokens.contains(&token);
        if let Some(clause) = child_of(node, &["export_clause"]) {
            return self.export_clause(clause, from);
        }
        if let (Some(source), true) = (from, has("*") || child_of(node, &["namespace_export"]).is_some()) {
            let name = child_of(node, &["namespace_export"]).and_then(|export| children(export).pop());
            let name = name.map(|name| text(name, self.source).to_owned());
            self.module.exports.push(Export::All { source: source.to_owned(), name });
        } else if let Some(declaration) = node.child_by_field_name("declaration") {
            let names = self.declare(declaration, "");
            let default = has("default");
            for local in names {
                let name = if default { DEFAULT.to_owned() } else { local.clone() };
                self.module.exports.push(Export::Local { name, local });
            }
            if default && children(declaration).is_empty() {
                self.export_value(DEFAULT, declaration);
            }
        } else if let Some(value) = node.child_by_field_name("value") {
            self.export_value(DEFAULT, value);
        } else if has("=")
            && let Some(value) = children(node).pop()
        {
            self.export_value(WHOLE, value);
        }
    }

    fn export_clause(&mut self, clause: Node<'_>, from: Option<&str>) {
        for specifier in children(clause) {
            let Some(local) = field(specifier, "name", self.source) else { continue };
            let name = field(specifier, "alias", self.source).unwrap_or(local).trim_matches(['"', '\'']);
            let (name, local) = (name.to_owned(), local.trim_matches(['"', '\'']).to_owned());
            self.module.exports.push(match from {
                Some(source) => Export::From { name, imported: local, source: source.to_owned() },
                None => Export::Local { name, local },
            });
        }
        // `export {}`: a module that offers nothing more.
        self.module.closed |= from.is_none();
    }

    fn export_value(&mut self, name: &str, value: Node<'_>) {
        let name = name.to_owned();
        self.module.exports.push(match value.kind() {
            "identifier" | "nested_identifier" | "member_expression" => {
                Export::Local { name, local: text(value, self.source).to_owned() }
            }
            _ => Export::Item { name, item: declared::value(value, self.source, self.typed) },
        });
    }

    fn import(&mut self, node: Node<'_>) {
        if let Some(clause) = child_of(node, &["import_require_clause"]) {
            let source = clause.child_by_field_name("source").and_then(|s| literal(s, self.source));
            if let (Some(source), Some(local)) = (source, children(clause).first()) {
                self.bind(text(*local, self.source), source, "*");
            }
            return;
        }
        let source = node.child_by_field_name("source").and_then(|source| literal(source, self.source));
        let (Some(source), Some(clause)) = (source, child_of(node, &["import_clause"])) else { return };
        for part in children(clause) {
            match part.kind() {
                "identifier" => self.bind(text(part, self.source), source, DEFAULT),
                "namespace_import" => {
                    if let Some(local) = children(part).pop() {
                        self.bind(text(local, self.source), source, "*");
                    }
                }
                _ => {
                    for specifier in children(part) {
                        let Some(name) = field(specifier, "name", self.source) else { continue };
                        let local = field(specifier, "alias", self.source).unwrap_or(name);
                        self.bind(local, source, name);
                    }
                }
            }
        }
    }

    fn bind(&mut self, local: &str, source: &str, imported: &str) {
        self.module.imports.insert(local.to_owned(), (source.to_owned(), imported.to_owned()));
    }
}
