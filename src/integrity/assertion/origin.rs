//! Where a file takes its assertions from: a library, or something that only
//! has the name.

use std::collections::BTreeMap;

use super::super::syntax::{Id, Tree};
use super::is_check;

/// Names of assertions that a file takes from somewhere else than a library.
pub(in crate::integrity) fn strangers(tree: &Tree) -> BTreeMap<String, Option<String>> {
    let mut names = BTreeMap::new();
    let is_ours = |name: &str| {
        matches!(name, "expect" | "assert" | "should") || (tree.is_java() && name.starts_with("assert"))
    };
    for id in tree.all() {
        match tree.kind(id) {
            "variable_declarator" => {
                let name = tree.field(id, "name").map_or("", |name| tree.text(name));
                let value = tree.field(id, "value").map(|value| tree.bare(value));
                let is_made = value.is_some_and(|value| {
                    tree.is_function(value) || matches!(tree.kind(value), "new_expression" | "object")
                });
                let module = value.and_then(|value| own_module(tree, value));
                if is_ours(name) && (is_made || module.is_some()) {
                    names.insert(name.to_owned(), module);
                }
            }
            "import_statement"
                if tree.field(id, "source").is_some_and(|source| is_relative(tree, source)) =>
            {
                let leaves = tree.within(id).filter(|leaf| tree.kind(*leaf) == "identifier");
                let module = tree.field(id, "source").and_then(|source| tree.string(source));
                let ours = leaves.map(|leaf| tree.text(leaf)).filter(|name| is_ours(name));
                names.extend(ours.map(|name| (name.to_owned(), module.clone())));
            }
            "function_declaration" | "method_declaration" => {
                let name = tree.field(id, "name").map_or("", |name| tree.text(name));
                let holds = tree.within(id).skip(1).any(|inner| is_check(tree, inner));
                let is_library = matches!(
                    name,
                    "assertEquals"
                        | "assertTrue"
                        | "assertThat"
                        | "assertThrows"
                        | "assertFalse"
                        | "assertNotNull"
                );
                let is_taken = if tree.is_java() { is_library } else { is_ours(name) };
                names.extend((is_taken && !holds).then(|| (name.to_owned(), None)));
            }
            _ => {}
        }
    }
    names
}

fn is_relative(tree: &Tree, source: Id) -> bool {
    tree.string(source).is_some_and(|source| source.starts_with('.'))
}

fn own_module(tree: &Tree, value: Id) -> Option<String> {
    let required = tree.within(value).find(|inner| tree.called(*inner) == Some("require"))?;
    tree.arguments(required)
        .first()
        .copied()
        .filter(|first| is_relative(tree, *first))
        .and_then(|first| tree.string(first))
}

/// Does a file take something from a library of assertions?
pub(in crate::integrity) fn has_library(tree: &Tree) -> bool {
    tree.all().filter(|id| matches!(tree.kind(*id), "string" | "scoped_identifier")).any(|id| {
        let name = tree.string(id).unwrap_or_else(|| tree.text(id).to_owned());
        let name = name.trim_start_matches("node:");
        [
            "assert",
            "chai",
            "expect",
            "@jest/",
            "vitest",
            "@playwright/",
            "should",
            "uvu",
            "ava",
            "tap",
            "org.junit",
            "org.assertj",
            "bun:test",
            "@testing-library/",
        ]
        .iter()
        .any(|library| name.starts_with(library))
    })
}
