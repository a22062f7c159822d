//! Syntax trees of JavaScript, TypeScript and Java.
//!
//! A file with errors in it still has a tree; a file that is too large has
//! none, and whoever asked says so.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{Language, Node, ParseOptions, Parser, Tree};

/// Bytes of a file that is parsed.
const CAP: usize = 4 << 20;
/// Code can be made so that it takes long to parse.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nodes that one walk visits.
const NODES: usize = 4_000_000;

/// A limit for many files together: each of them may be made to take long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience(Instant);

impl Patience {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    pub(super) fn is_over(self) -> bool {
        self.0.elapsed() > PATIENCE * 4
    }
}

/// The tree of a file by its path's ending.
pub(super) fn parse(path: &str, text: &str) -> Option<Tree> {
    if text.len() > CAP {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&language(path)?).ok()?;
    let started = Instant::now();
    let mut in_time = |_: &tree_sitter::ParseState| match started.elapsed() < PATIENCE {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    };
    let options = ParseOptions::new().progress_callback(&mut in_time);
    let bytes = text.as_bytes();
    parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
}

fn language(path: &str) -> Option<Language> {
    let end = path.rsplit('.').next()?;
    Some(match end {
        "js" | "jsx" | "mjs" | "cjs" => tree_sitter_javascript::LANGUAGE.into(),
        "ts" | "mts" | "cts" => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
        "tsx" => tree_sitter_typescript::LANGUAGE_TSX.into(),
        "java" => tree_sitter_java::LANGUAGE.into(),
        _ => return None,
    })
}

/// JavaScript or TypeScript?
pub(super) fn is_script(path: &str) -> bool {
    language(path).is_some() && !path.ends_with(".java")
}

/// The node's text.
pub(super) fn text<'t>(node: Node<'_>, source: &'t str) -> &'t str {
    source.get(node.byte_range()).unwrap_or_default()
}

/// A named child's text.
pub(super) fn field<'t>(node: Node<'_>, name: &str, source: &'t str) -> Option<&'t str> {
    node.child_by_field_name(name).map(|child| text(child, source))
}

/// The content of a string literal.
pub(super) fn literal<'t>(node: Node<'_>, source: &'t str) -> Option<&'t str> {
    if !matches!(node.kind(), "string" | "string_literal" | "template_string") {
        return None;
    }
    let text = text(node, source);
    let inner = text.get(1..text.len().checked_sub(1)?)?;
    (!inner.contains("${")).then_some(inner)
}

/// Line of a node's beginning, from 1.
pub(super) fn line(node: Node<'_>) -> usize {
    node.start_position().row + 1
}

/// The children with names.
pub(super) fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

/// The first child of one of these kinds.
pub(super) fn child_of<'t>(node: Node<'t>, kinds: &[&str]) -> Option<Node<'t>> {
    children(node).into_iter().find(|child| kinds.contains(&child.kind()))
}

/// Every named node below, from the top down and in order, without recursion:
/// code of strangers can be nested as deep as they like. False when it took
/// too long to visit them all.
pub(super) fn walk<'t>(root: Node<'t>, mut visit: impl FnMut(Node<'t>)) -> bool {
    let mut cursor = root.walk();
    let started = Instant::now();
    for count in 0..NODES {
        if count % 256 == 0 && started.elapsed() > PATIENCE {
            return false;
        }
        if cursor.node().is_named() {
            visit(cursor.node());
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return true;
            }
        }
    }
    false
}

/// On one line, without comments, and not longer than a person reads.
pub(super) fn signature(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    let lines = plain.lines().filter(|line| !line.trim_start().starts_with("//"));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ").trim_end_matches([';', '{', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_one_line_without_comments() {
        assert_eq!(
            signature("function a(\n  /** x; */ b: string, // no\n  // all of it\n  c = 1\n) {"),
            "function a( b: string, // no c = 1 )"
        );
    }

    #[test]
    fn a_deep_tree_is_walked_without_recursion() {
        let text = format!("x = {}1{};", "[".repeat(20_000), "]".repeat(20_000));
        let tree = parse("a.js", &text).unwrap();
        let mut nodes = 0;
        assert!(walk(tree.root_node(), |_| nodes += 1) && nodes > 20_000);
    }

    #[test]
    fn a_file_of_another_kind_has_no_tree() {
        assert!(parse("a.py", "x").is_none());
        assert!(parse("a.js", &" ".repeat(CAP + 1)).is_none());
        assert_eq!(literal(parse("a.js", "'x'").unwrap().root_node(), "'x'"), None);
    }
}
