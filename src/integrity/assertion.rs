//! The assertions of a piece of code, each with what it demands.

mod call;
mod origin;
mod read;
mod root;
mod standing;

use std::collections::{HashMap, HashSet};

use super::strength::{self, Level};
use super::syntax::{Id, Tree};
pub(super) use origin::{has_library, strangers};
use read::read;
use root::root_of;
pub(super) use standing::{Standing, constant, standing};

/// How deep calls of a file's own functions are followed.
const DEPTH_CAP: usize = 3;
/// Assertions of one test above this are not looked at one by one.
const CHECKS_CAP: usize = 3_000;

/// What an assertion is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Value,
    /// An exception is thrown.
    Thrown,
    /// No exception is thrown, which a plain call shows as well.
    NotThrown,
    /// A callback was not told of an error, which a promise shows as well.
    NoError,
    /// This place is never reached.
    Unreached,
    /// How many assertions there are to be.
    Plan,
    /// A snapshot written into the code.
    InlineSnapshot,
}

/// One assertion.
#[derive(Debug, Clone)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) about: About,
    pub(super) level: Level,
    pub(super) wildcards: usize,
    /// Larger is looser.
    pub(super) tolerance: Option<f64>,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) line: u32,
    /// Only under a condition.
    pub(super) guarded: bool,
    /// In a handler of an exception.
    pub(super) in_handler: bool,
    /// Nobody waits for what it finds.
    pub(super) floating: bool,
}

/// What a file defines for its assertions.
#[derive(Debug, Default)]
pub(super) struct Helpers {
    /// The functions that have a name and assertions in them.
    pub(super) functions: HashMap<String, Id>,
    /// Names that hold an exception.
    caught: HashSet<String>,
}

/// Names of a file's own functions whose bodies hold assertions, directly or
/// by calling another one.
pub(super) fn helpers(tree: &Tree) -> Helpers {
    let mut named: HashMap<String, Id> = HashMap::new();
    for id in tree.all().filter(|id| tree.is_function(*id)) {
        if let Some(name) = function_name(tree, id) {
            named.entry(name).or_insert(id);
        }
    }
    let mut holding: HashMap<String, Id> = HashMap::new();
    for _ in 0..DEPTH_CAP {
        let found: Vec<(String, Id)> = named
            .iter()
            .filter(|(name, _)| !holding.contains_key(*name))
            .filter(|(_, id)| {
                tree.within(**id).any(|inner| {
                    is_check(tree, inner)
                        || (tree.is_call(inner) && called_helper(tree, inner, &holding).is_some())
                })
            })
            .map(|(name, id)| (name.clone(), *id))
            .collect();
        holding.extend(found);
    }
    Helpers { functions: holding, caught: caught(tree) }
}

/// Names that are set in a handler, or to what an assertion has caught.
fn caught(tree: &Tree) -> HashSet<String> {
    let mut names = HashSet::new();
    for id in tree.all() {
        match tree.kind(id) {
            "catch_clause" => {
                let set = tree.within(id).filter(|inner| tree.kind(*inner) == "assignment_expression");
                names.extend(
                    set.filter_map(|inner| tree.field(inner, "left")).map(|left| tree.text(left).to_owned()),
                );
                let parameter = tree.field(id, "parameter");
                names.extend(parameter.map(|parameter| tree.text(parameter).to_owned()));
            }
            "variable_declarator" => {
                let value = tree.field(id, "value").map(|value| tree.bare(value));
                let is_caught = value.is_some_and(|value| {
                    let handler = tree.called(value) == Some("catch") && tree.receiver(value).is_some();
                    handler || tree.called(value).is_some_and(strength::is_throwing)
                });
                names.extend(
                    tree.field(id, "name").filter(|_| is_caught).map(|name| tree.text(name).to_owned()),
                );
            }
            _ => {}
        }
    }
    names
}

/// The name by which a function can be called in its file.
fn function_name(tree: &Tree, id: Id) -> Option<String> {
    let own = tree.field(id, "name").map(|name| tree.text(name).to_owned());
    let parent = tree.parent(id)?;
    // What an object brings along is called by whom it is handed to.
    if tree.kind(id) == "method_definition" && tree.kind(parent) == "object" {
        return None;
    }
    let given = match tree.kind(parent) {
        "variable_declarator" => tree.field(parent, "name"),
        "assignment_expression" => tree.field(parent, "left"),
        _ => None,
    };
    let is_test = || tree.is_java() && is_annotated_test(tree, id);
    given.map(|name| tree.text(name).to_owned()).or(own).filter(|name| name != "constructor" && !is_test())
}

fn is_annotated_test(tree: &Tree, method: Id) -> bool {
    super::java::annotations(tree, method).any(|annotation| super::java::is_test_annotation(tree, annotation))
}

fn called_helper<'a>(tree: &Tree, call: Id, helpers: &'a HashMap<String, Id>) -> Option<(&'a String, Id)> {
    let is_own = tree.receiver(call).is_none_or(|on| tree.text(on) == "this");
    let name = tree.called(call).filter(|_| is_own)?;
    helpers.get_key_value(name).map(|(name, id)| (name, *id))
}

/// All assertions at and below a node, those of called helpers included.
pub(super) fn collect(tree: &Tree, root: Id, helpers: &Helpers) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut todo: Vec<(Id, usize, String)> = vec![(root, 0, String::new())];
    while let Some((start, depth, prefix)) = todo.pop() {
        let (mut at, end) = (start, tree.beyond(start));
        while at < end && checks.len() < CHECKS_CAP {
            if at != start && is_named_helper(tree, at, helpers) {
                at = tree.beyond(at);
                continue;
            }
            if let Some(mut check) = read(tree, at, start) {
                check.text = format!("{prefix}{}", check.text);
                if is_of_exception(&check, helpers) {
                    check.about = About::Thrown;
                }
                checks.push(check);
            }
            if depth < DEPTH_CAP
                && let Some((helper, said)) = reached_helper(tree, at, helpers)
                && helper != start
            {
                let guarded = standing(tree, at, start);
                if guarded != Standing::Dead {
                    todo.push((helper, depth + 1, format!("{prefix}{said} > ")));
                }
            }
            at += 1;
        }
    }
    checks
}

/// Is it about a caught exception, or its message?
fn is_of_exception(check: &Check, helpers: &Helpers) -> bool {
    let first = check.subject.split(' ').next().unwrap_or_default();
    check.about == About::Value
        && (helpers.caught.contains(first)
            || [". message", "getMessage ( )", "getCause ( )"].iter().any(|end| check.subject.ends_with(end)))
}

fn is_named_helper(tree: &Tree, id: Id, helpers: &Helpers) -> bool {
    tree.is_function(id)
        && function_name(tree, id).is_some_and(|name| helpers.functions.get(&name) == Some(&id))
}

/// A call of a helper, or its name handed on.
fn reached_helper(tree: &Tree, id: Id, helpers: &Helpers) -> Option<(Id, String)> {
    if tree.is_call(id) {
        return called_helper(tree, id, &helpers.functions).map(|(_, helper)| (helper, tree.said(id)));
    }
    let parent = tree.parent(id)?;
    let is_handed_on =
        matches!(tree.kind(parent), "arguments" | "argument_list") && tree.kind(id) == "identifier";
    let helper = helpers.functions.get(tree.text(id)).filter(|_| is_handed_on)?;
    Some((*helper, tree.text(id).to_owned()))
}

/// Is there an assertion that begins with this node?
pub(super) fn is_check(tree: &Tree, id: Id) -> bool {
    root_of(tree, id).is_some()
}
