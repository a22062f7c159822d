//! Exceptions that a handler makes disappear, in tests and in the code.

use std::collections::HashSet;

use super::syntax::{Id, Tree};

/// One handler that lets nobody know.
#[derive(Debug)]
pub(super) struct Swallow {
    pub(super) line: u32,
    /// The whole statement in one spelling: what was there before may stay.
    pub(super) text: String,
    /// The function that it is in.
    pub(super) function: String,
}

/// All of a source.
pub(super) fn find(tree: &Tree) -> Vec<Swallow> {
    tree.all()
        .filter_map(|id| match tree.kind(id) {
            "try_statement" | "try_with_resources_statement" => {
                let handler = handlers(tree, id).find(|handler| is_silent(tree, *handler))?;
                Some((id, handler))
            }
            "call_expression" => silent_callback(tree, id).map(|handler| (id, handler)),
            // What is thrown is lost when the last block returns.
            "finally_clause" => {
                let left = tree.within(id).find(|inner| {
                    tree.kind(*inner) == "return_statement"
                        && tree.above(*inner).find(|up| *up == id || tree.is_function(*up)) == Some(id)
                })?;
                Some((id, left))
            }
            "assignment_expression" => is_good_end(tree, id).then_some((id, id)),
            _ => None,
        })
        .map(|(whole, handler)| Swallow {
            line: tree.line(handler),
            text: tree.said(whole),
            function: function_around(tree, whole),
        })
        .collect()
}

fn function_around(tree: &Tree, id: Id) -> String {
    let mut around = tree.above(id).filter(|up| tree.is_function(*up));
    let named = around.find_map(|function| {
        let own = tree.field(function, "name");
        own.or_else(|| tree.parent(function).and_then(|up| tree.field(up, "name")))
            .map(|name| tree.text(name).to_owned())
    });
    named.unwrap_or_default()
}

/// Does a handler of this `try` let nobody know?
pub(super) fn handler_swallows(tree: &Tree, statement: Id) -> bool {
    handlers(tree, statement).any(|handler| is_silent(tree, handler))
}

fn handlers(tree: &Tree, statement: Id) -> impl Iterator<Item = Id> + '_ {
    tree.children(statement).filter(|child| tree.kind(*child) == "catch_clause")
}

fn is_silent(tree: &Tree, clause: Id) -> bool {
    !is_one_of_several(tree, clause) && is_quiet(tree, clause)
}

/// An exception of its own kind may have an answer where all others are
/// thrown on.
fn is_one_of_several(tree: &Tree, clause: Id) -> bool {
    let Some(statement) = tree.parent(clause) else { return false };
    let kind = tree.within(clause).find(|id| tree.kind(*id) == "catch_type").map_or("", |id| tree.text(id));
    let is_wide = matches!(kind, "Exception" | "Throwable" | "RuntimeException" | "Error" | "AssertionError");
    let answers = tree.within(clause).any(|id| tree.kind(id) == "return_statement");
    let throws = |clause: Id| tree.within(clause).any(|id| tree.kind(id) == "throw_statement");
    tree.is_java()
        && !is_wide
        && answers
        && handlers(tree, statement).any(|other| other != clause && throws(other))
}

fn is_quiet(tree: &Tree, clause: Id) -> bool {
    let parameter = tree
        .field(clause, "parameter")
        .or_else(|| tree.children(clause).find(|child| tree.kind(*child) == "catch_formal_parameter"));
    let name = parameter.map(|parameter| tree.field(parameter, "name").unwrap_or(parameter));
    let name = name.map(|name| tree.text(name)).unwrap_or_default();
    tree.field(clause, "body").is_some_and(|body| says_nothing(tree, body, name))
}

/// `promise.catch(() => {})`, `process.on('unhandledRejection', () => {})`.
fn silent_callback(tree: &Tree, call: Id) -> Option<Id> {
    let name = tree.called(call)?;
    tree.receiver(call)?;
    let arguments = tree.arguments(call);
    let callback = match name {
        "catch" => *arguments.first()?,
        "then" => *arguments.get(1)?,
        "on" | "once" => {
            let event = tree.string(*arguments.first()?)?;
            matches!(event.as_str(), "unhandledRejection" | "uncaughtException")
                .then(|| arguments.get(1).copied())??
        }
        _ => return None,
    };
    if !tree.is_function(callback) {
        let text = tree.text(callback);
        let is_empty = text.ends_with("noop") || text == "Function.prototype" || text.starts_with("console.");
        return is_empty.then_some(callback);
    }
    let body = tree.field(callback, "body")?;
    let parameter = tree.field(callback, "parameter").or_else(|| tree.field(callback, "parameters"));
    let name = parameter.map_or("", |list| tree.text(list)).trim_matches(['(', ')']);
    let name = name.split(':').next().unwrap_or_default().trim();
    says_nothing(tree, body, name).then_some(callback)
}

/// `process.exitCode = 0`.
fn is_good_end(tree: &Tree, id: Id) -> bool {
    let text = |field: &str| tree.field(id, field).map_or("", |side| tree.text(side));
    text("left") == "process.exitCode" && text("right") == "0"
}

/// A handler that does nothing, writes a line, or answers with a constant
/// without a look at what it caught.
fn says_nothing(tree: &Tree, body: Id, caught: &str) -> bool {
    if !matches!(tree.kind(body), "statement_block" | "block") {
        let bare = tree.bare(body);
        return is_constant(tree, bare) || is_log(tree, bare);
    }
    tree.parts(body).all(|statement| match tree.kind(statement) {
        "empty_statement" | "break_statement" | "continue_statement" => true,
        "return_statement" => tree
            .parts(statement)
            .find(|part| tree.kind(*part) != "return")
            .is_none_or(|value| is_constant(tree, tree.bare(value))),
        "expression_statement" => tree.parts(statement).next().is_none_or(|inner| {
            let inner = tree.bare(inner);
            is_log(tree, inner)
                || is_asserted_nothing(tree, inner)
                || is_constant_assignment(tree, inner, caught)
        }),
        _ => false,
    })
}

fn is_constant(tree: &Tree, id: Id) -> bool {
    tree.is_literal(id)
        || tree.text(id) == "undefined"
        || matches!(tree.kind(id), "array" | "object" | "statement_block") && tree.parts(id).next().is_none()
        || matches!(tree.text(id), "Promise.resolve()" | "Optional.empty()" | "List.of()")
}

fn is_constant_assignment(tree: &Tree, id: Id, caught: &str) -> bool {
    tree.kind(id) == "assignment_expression"
        && tree.field(id, "right").is_some_and(|right| is_constant(tree, right) && tree.text(right) != caught)
}

/// `expect(true).toBe(true)` in a handler.
fn is_asserted_nothing(tree: &Tree, id: Id) -> bool {
    let literals: HashSet<&str> = tree
        .within(id)
        .filter(|inner| tree.is_leaf(*inner) && tree.kind(*inner) == "identifier")
        .map(|inner| tree.text(inner))
        .collect();
    tree.is_call(id)
        && !literals.is_empty()
        && literals
            .iter()
            .all(|name| matches!(*name, "expect" | "assert" | "assertTrue" | "Assertions" | "Assert" | "ok"))
        && tree.within(id).any(|inner| tree.kind(inner) == "true")
}

fn is_log(tree: &Tree, id: Id) -> bool {
    if !tree.is_call(id) {
        return false;
    }
    let name = tree.called(id).unwrap_or_default();
    if name == "printStackTrace" {
        return true;
    }
    let on = tree.receiver(id).map_or("", |on| tree.text(on)).to_lowercase();
    let is_logger =
        on == "console" || on.ends_with("log") || on.ends_with("logger") || on.starts_with("system.");
    is_logger
        && matches!(
            name,
            "log"
                | "info"
                | "warn"
                | "error"
                | "debug"
                | "trace"
                | "println"
                | "print"
                | "printf"
                | "warning"
                | "fine"
                | "severe"
                | "dir"
        )
}
