//! Marks that silence a checker: in comments, in annotations, in types.

use super::syntax::{Id, Tree, is_comment};

/// One mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// What kind of mark, such as `@ts-ignore`.
    pub(super) kind: &'static str,
    /// What it silences; empty for everything.
    pub(super) what: Vec<String>,
    pub(super) line: u32,
}

/// Words at the beginning of a comment's directive. The longer come first.
const DIRECTIVES: [&str; 24] = [
    "eslint-disable-next-line",
    "eslint-disable-line",
    "eslint-disable",
    "oxlint-disable-next-line",
    "oxlint-disable",
    "tslint:disable-next-line",
    "tslint:disable",
    "@ts-ignore",
    "@ts-expect-error",
    "@ts-nocheck",
    "biome-ignore-all",
    "biome-ignore",
    "deno-lint-ignore",
    "istanbul ignore",
    "c8 ignore",
    "v8 ignore",
    "node:coverage ignore",
    "node:coverage disable",
    "NOSONAR",
    "NOPMD",
    "CHECKSTYLE:OFF",
    "CHECKSTYLE.OFF",
    "spotless:off",
    "noinspection",
];
const ANNOTATIONS: [&str; 6] = [
    "SuppressWarnings",
    "SuppressFBWarnings",
    "SuppressForbidden",
    "SuppressPMD",
    "Generated",
    "SuppressLint",
];

/// All marks of a source.
pub(super) fn find(tree: &Tree) -> Vec<Mark> {
    tree.all()
        .filter_map(|id| match tree.kind(id) {
            kind if is_comment(kind) => of_comment(tree.text(id), tree.line(id)),
            "annotation" | "marker_annotation" => of_annotation(tree, id),
            "predefined_type" => of_type(tree, id),
            "as_expression" => of_cast(tree, id),
            "ambient_declaration" => of_shim(tree, id),
            _ => None,
        })
        .collect()
}

/// The mark in a comment, if there is one.
pub(super) fn of_comment(comment: &str, line: u32) -> Option<Mark> {
    let (kind, rest) = DIRECTIVES.iter().find_map(|kind| Some((*kind, comment.split_once(kind)?)))?;
    let (before, after) = rest;
    // The word is a directive only where a tool reads it as one.
    let is_first = !before.chars().any(char::is_alphanumeric);
    if !is_first && !matches!(kind, "NOSONAR" | "NOPMD") {
        return None;
    }
    let said = after.split(" -- ").next().unwrap_or(after).trim_end_matches("*/");
    let names = said.split([',', ' ', '\n', '\t']).map(str::trim).filter(|word| !word.is_empty());
    let what = if kind.contains("lint") { names.map(str::to_owned).collect() } else { Vec::new() };
    Some(Mark { kind, what, line })
}

fn of_annotation(tree: &Tree, id: Id) -> Option<Mark> {
    let name = super::java::annotation_name(tree, id);
    let kind = ANNOTATIONS.iter().find(|known| **known == name)?;
    let strings = tree.within(id).filter_map(|inner| tree.string(inner));
    Some(Mark { kind, what: strings.collect(), line: tree.line(id) })
}

/// `any` where a type stands.
fn of_type(tree: &Tree, id: Id) -> Option<Mark> {
    (tree.text(id) == "any").then(|| Mark { kind: "any", what: Vec::new(), line: tree.line(id) })
}

/// `declare module 'x';`: everything of it is of any type.
fn of_shim(tree: &Tree, id: Id) -> Option<Mark> {
    let module = tree.parts(id).find(|part| tree.kind(*part) == "module")?;
    let name = tree.string(tree.field(module, "name")?)?;
    tree.field(module, "body").is_none().then(|| Mark {
        kind: "declare module",
        what: vec![name],
        line: tree.line(id),
    })
}

/// `x as unknown as T`, `x as never`.
fn of_cast(tree: &Tree, id: Id) -> Option<Mark> {
    let last = tree.parts(id).last()?;
    let is_never = tree.text(last) == "never";
    let inner = tree.bare_of_brackets(tree.parts(id).next()?);
    let is_double = tree.kind(inner) == "as_expression"
        && tree.parts(inner).last().is_some_and(|inner| matches!(tree.text(inner), "unknown" | "never"));
    (is_never || is_double).then(|| Mark { kind: "as unknown as", what: Vec::new(), line: tree.line(id) })
}

/// The marks of the head that the base does not excuse.
pub(super) fn added(before: &[Mark], after: &[Mark]) -> Vec<Mark> {
    let mut left: Vec<&Mark> = before.iter().collect();
    let mut rest: Vec<&Mark> = Vec::new();
    for mark in after {
        match left.iter().position(|known| known.kind == mark.kind && known.what == mark.what) {
            Some(index) => drop(left.swap_remove(index)),
            None => rest.push(mark),
        }
    }
    // A mark may take another's place when it silences no more: a rule has a
    // new name, or `@ts-ignore` became `@ts-expect-error`.
    rest.retain(|mark| {
        let excuse = left.iter().position(|known| {
            let is_kind = known.kind == mark.kind
                || (known.kind, mark.kind) == ("@ts-ignore", "@ts-expect-error")
                || (known.kind.ends_with(" ignore") && mark.kind.ends_with(" ignore"))
                || (known.kind, mark.kind) == ("as unknown as", "any")
                || (known.kind, mark.kind) == ("any", "as unknown as");
            let is_all = |mark: &Mark| mark.what.is_empty() || mark.what.iter().any(|what| what == "all");
            is_kind && (is_all(known) || (!is_all(mark) && mark.what.len() <= known.what.len()))
        });
        if let Some(index) = excuse {
            left.swap_remove(index);
        }
        excuse.is_none()
    });
    rest.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_where_a_tool_reads_it() {
        let kind = |comment: &str| of_comment(comment, 1).map(|mark| (mark.kind, mark.what.join(" ")));
        assert_eq!(
            kind("// eslint-disable-next-line no-x, y/z -- why"),
            Some(("eslint-disable-next-line", "no-x y/z".into()))
        );
        assert_eq!(kind("/* eslint-disable */"), Some(("eslint-disable", String::new())));
        assert_eq!(kind("// we do not need @ts-ignore here"), None);
    }

    #[test]
    fn a_mark_may_be_renamed_but_not_widened() {
        let mark = |comment: &str| of_comment(comment, 1).unwrap();
        let one = [mark("// eslint-disable-line a/old")];
        assert!(added(&one, &[mark("// eslint-disable-line a/new")]).is_empty());
        assert_eq!(added(&one, &[mark("// eslint-disable-line")]).len(), 1);
        assert_eq!(added(&one, &[mark("// eslint-disable-line a, b")]).len(), 1);
        assert!(added(&[mark("// @ts-ignore")], &[mark("// @ts-expect-error")]).is_empty());
        assert_eq!(added(&[], &[mark("// @ts-expect-error")]).len(), 1);
    }
}
