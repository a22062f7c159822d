//! How a place in a test is reached: always, sometimes, never.

use super::super::swallow;
use super::super::syntax::{Id, Tree};
use super::is_check;

/// How a place is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::integrity) enum Standing {
    Free,
    Guarded,
    Handler,
    /// Never, or what happens there is swallowed.
    Dead,
}

/// How a place below `start` is reached.
pub(in crate::integrity) fn standing(tree: &Tree, id: Id, start: Id) -> Standing {
    let mut standing = Standing::Free;
    let mut at = id;
    for parent in tree.above(id) {
        match tree.kind(parent) {
            "if_statement" if !tree.is_field(at, "condition") => match branch(tree, parent, at) {
                Standing::Dead => return Standing::Dead,
                found => standing = if found == Standing::Free { standing } else { found },
            },
            "binary_expression" if tree.is_field(at, "right") => {
                let operator = tree.field(parent, "operator").map_or("", |operator| tree.text(operator));
                let left = tree.field(parent, "left").and_then(|left| constant(tree, left));
                match (operator, left) {
                    ("&&", Some(false)) | ("||", Some(true)) => return Standing::Dead,
                    ("&&" | "||" | "??", _) => standing = Standing::Guarded,
                    _ => {}
                }
            }
            "while_statement"
                if tree.field(parent, "condition").is_some_and(|c| tree.text(c) == "(false)") =>
            {
                return Standing::Dead;
            }
            "catch_clause" => standing = Standing::Handler,
            "try_statement" | "try_with_resources_statement"
                if tree.is_field(at, "body") && swallow::handler_swallows(tree, parent) =>
            {
                return Standing::Dead;
            }
            "expression_statement" if tree.is_function(tree.bare(at)) => return Standing::Dead,
            "arguments" | "argument_list" if tree.is_function(at) && is_never_run(tree, parent, at) => {
                return Standing::Dead;
            }
            "for_in_statement" | "enhanced_for_statement" if tree.is_field(at, "body") => {
                let list = tree.field(parent, "right").or_else(|| tree.field(parent, "value"));
                if list.is_some_and(|list| is_empty_list(tree, list)) {
                    return Standing::Dead;
                }
            }
            "statement_block" | "block" if follows_exit(tree, parent, at) => return Standing::Dead,
            _ => {}
        }
        if parent == start {
            break;
        }
        at = parent;
    }
    standing
}

fn is_empty_list(tree: &Tree, list: Id) -> bool {
    let list = tree.bare(list);
    (tree.kind(list) == "array" && tree.parts(list).next().is_none())
        || matches!(tree.text(list), "List.of()" | "Collections.emptyList()")
}

/// A function that is handed to something that calls it too late or never.
fn is_never_run(tree: &Tree, list: Id, function: Id) -> bool {
    let Some(call) = tree.parent(list) else { return false };
    let name = tree.called(call).unwrap_or_default();
    if tree.is_java() {
        return matches!(name, "of" | "asList");
    }
    if matches!(name, "forEach" | "map") && tree.receiver(call).is_some_and(|on| is_empty_list(tree, on)) {
        return true;
    }
    let is_later = matches!(
        name,
        "setTimeout"
            | "setInterval"
            | "setImmediate"
            | "nextTick"
            | "queueMicrotask"
            | "requestAnimationFrame"
            | "on"
            | "once"
            | "addListener"
            | "addEventListener"
            | "requestIdleCallback"
    );
    // Who ends the test from there waits for it.
    let tells = |id: Id| {
        matches!(
            tree.called(id),
            Some("done" | "resolve" | "reject" | "end" | "finish" | "cb" | "callback" | "next")
        ) || (tree.kind(id) == "identifier" && matches!(tree.text(id), "done" | "resolve"))
    };
    is_later && !tree.within(function).any(tells)
}

/// Behind a `return` or `throw` of the same block.
fn follows_exit(tree: &Tree, block: Id, id: Id) -> bool {
    tree.parts(block).take_while(|part| *part < id).any(|part| {
        matches!(tree.kind(part), "return_statement" | "throw_statement") || is_always_left(tree, part)
    })
}

/// `if (true) return;`
fn is_always_left(tree: &Tree, id: Id) -> bool {
    tree.kind(id) == "if_statement"
        && tree.field(id, "condition").is_some_and(|condition| constant(tree, condition) == Some(true))
        && tree
            .field(id, "consequence")
            .is_some_and(|then| tree.within(then).any(|inner| tree.kind(inner) == "return_statement"))
}

fn branch(tree: &Tree, statement: Id, side: Id) -> Standing {
    let Some(condition) = tree.field(statement, "condition") else { return Standing::Free };
    let is_then = tree.is_field(side, "consequence");
    match constant(tree, condition) {
        Some(holds) if holds != is_then => return Standing::Dead,
        Some(_) => return Standing::Free,
        None => {}
    }
    let other = tree.field(statement, if is_then { "alternative" } else { "consequence" });
    let fails =
        |branch: Id| tree.within(branch).any(|id| is_check(tree, id) || tree.kind(id) == "throw_statement");
    if other.is_some_and(fails) { Standing::Free } else { Standing::Guarded }
}

/// A condition that is the same always.
pub(in crate::integrity) fn constant(tree: &Tree, condition: Id) -> Option<bool> {
    match tree.text(tree.bare(condition)) {
        "true" | "1" | "!false" | "!0" => Some(true),
        "false" | "0" | "!true" | "!1" | "null" | "undefined" => Some(false),
        _ => None,
    }
}
