//! Names that a package without types no longer defines.
//!
//! What its functions return cannot be told without running it. But a name
//! that the repository uses, that the old version's scripts give to a
//! property or a function and the new version's give to nothing, has most
//! likely gone.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::Node;

use crate::briefing::api::{Change, Name, What};
use crate::briefing::archive::Files;
use crate::briefing::syntax::{Patience, field, is_script, literal, parse, text, walk};

/// Bytes of scripts that are looked at.
const READ: usize = 8 << 20;
/// Bytes of one script.
const FILE: usize = 1 << 20;

/// Of these words, the ones that only the old version defines.
pub(in crate::briefing) fn find(old: &Files, new: &Files, words: &BTreeSet<&str>) -> Vec<Change> {
    let (Some(before), Some(after)) = (defined(old, words), defined(new, words)) else { return Vec::new() };
    before
        .into_iter()
        .filter(|(word, _)| !after.contains_key(word))
        .map(|(word, path)| Change {
            name: Name::new("", word),
            member: None,
            what: What::Removed { was: format!("defined in its {path}; no file of the new version does") },
        })
        .collect()
}

/// Each word with the first file that defines it; `None` when there is too
/// much to look at.
fn defined(files: &Files, words: &BTreeSet<&str>) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut read = 0;
    let patience = Patience::new();
    for (path, bytes) in files.kept() {
        let minified = path.contains(".min.") || path.starts_with("test/") || path.contains("/test/");
        let Ok(script) = std::str::from_utf8(bytes) else { continue };
        if minified || !is_script(path) || !words.iter().any(|word| script.contains(word)) {
            continue;
        }
        read += script.len();
        if script.len() > FILE || read > READ || patience.is_over() {
            return None;
        }
        let tree = parse(path, script)?;
        walk(tree.root_node(), |node| {
            let name = definition(node, script).filter(|name| words.contains(name));
            if let Some(name) = name
                && !found.contains_key(name)
            {
                found.insert(name.to_owned(), path.to_owned());
            }
        });
    }
    Some(found)
}

/// The name that a node gives to something.
fn definition<'t>(node: Node<'_>, source: &'t str) -> Option<&'t str> {
    match node.kind() {
        "assignment_expression" => {
            let left = node.child_by_field_name("left").filter(|left| left.kind() == "member_expression")?;
            field(left, "property", source)
        }
        "pair" => {
            let key = node.child_by_field_name("key")?;
            Some(literal(key, source).unwrap_or_else(|| text(key, source)))
        }
        "method_definition"
        | "method_signature"
        | "property_signature"
        | "function_signature"
        | "function_declaration"
        | "class_declaration"
        | "interface_declaration"
        | "variable_declarator" => field(node, "name", source),
        "field_definition" => field(node, "property", source),
        "shorthand_property_identifier" => Some(text(node, source)),
        // Names that are handed to a function which defines them.
        "string" => literal(node, source),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_only_the_old_version_defines_has_vanished() {
        let words = BTreeSet::from(["del", "use", "get", "all", "none"]);
        let old = Files::of(&[
            ("lib/app.js", "app.del = f; app.use = f; module.exports = { get: f };"),
            ("lib/b.js", "class A { all() {} }"),
        ]);
        let new = Files::of(&[("x.js", "// del\nthing.use = 1; a.get; const o = { all };")]);
        let found: Vec<String> = find(&old, &new, &words).iter().map(Change::shown).collect();
        assert_eq!(found, ["del", "get"]);
        assert!(find(&old, &old, &words).is_empty());
    }
}
