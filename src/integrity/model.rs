//! A test file as the gate sees it: its tests, each with what would stop it
//! from running and what it asserts.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::assertion::{self, Check, Helpers};
use super::syntax::{Id, Tree, is_comment};
use super::{java, script};

/// Words of one body that are compared.
const WORDS_CAP: usize = 600;

/// One reason why a test does not run, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Skip {
    pub(super) how: String,
    pub(super) line: u32,
}

/// One test.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// With the names of the suites around it.
    pub(super) name: String,
    pub(super) line: u32,
    pub(super) skips: Vec<Skip>,
    /// All others are silenced.
    pub(super) only: bool,
    /// How many rows of data it runs with.
    pub(super) rows: Option<usize>,
    pub(super) checks: Vec<Check>,
    /// The body in one spelling.
    pub(super) body: u64,
    /// How often it waits for a promise.
    pub(super) awaits: usize,
    /// The words of the body with their number.
    pub(super) words: HashMap<u64, usize>,
}

impl Case {
    /// The test's own name.
    pub(super) fn title(&self) -> &str {
        self.name.rsplit(SEPARATOR).next().unwrap_or(&self.name)
    }

    pub(super) fn is_skipped(&self) -> bool {
        !self.skips.is_empty()
    }
}

/// Between the names of suites and tests.
pub(super) const SEPARATOR: &str = " › ";

/// One test file.
#[derive(Debug, Clone, Default)]
pub(super) struct Suite {
    pub(super) cases: Vec<Case>,
    /// Assertions in hooks and at the top.
    pub(super) outside: Vec<Check>,
    /// Time limits and numbers of repetitions: the larger, the looser.
    pub(super) patience: BTreeMap<String, (f64, u32)>,
}

/// Where a test lies and how it is called, found by the language's reader.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    /// What is searched for assertions.
    pub(super) root: Id,
    /// What is the test's own code: the function, the method's body.
    pub(super) body: Option<Id>,
    pub(super) line: u32,
    pub(super) skips: Vec<Skip>,
    pub(super) only: bool,
    pub(super) rows: Option<usize>,
    /// Assertions that are not in the body.
    pub(super) declared: Vec<Check>,
}

/// Reads a test file.
pub(super) fn read(tree: &Tree) -> Suite {
    let helpers = assertion::helpers(tree);
    let found = if tree.is_java() { java::tests(tree) } else { script::tests(tree) };
    let mut suite = Suite { outside: outside(tree, &found, &helpers), ..Suite::default() };
    suite.patience =
        if tree.is_java() { java::patience(tree, &found) } else { script::patience(tree, &found) };
    suite.cases = found.into_iter().map(|found| case(tree, found, &helpers)).collect();
    suite
}

fn case(tree: &Tree, found: Found, helpers: &Helpers) -> Case {
    let mut checks = found.declared;
    checks.extend(assertion::collect(tree, found.root, helpers));
    let mut skips = found.skips;
    skips.extend(left_early(tree, found.root, found.body));
    let waits = |id: &Id| tree.kind(*id) == "await" || matches!(tree.called(*id), Some("then"));
    let awaits = tree.within(found.root).filter(waits).count();
    let words = words(tree, found.body.unwrap_or(found.root));
    Case {
        name: found.name,
        line: found.line,
        skips,
        only: found.only,
        rows: found.rows,
        checks,
        awaits,
        body: hash(&tree.said(found.body.unwrap_or(found.root))),
        words,
    }
}

/// Everything by which a test ends before its assertions.
fn left_early(tree: &Tree, root: Id, body: Option<Id>) -> Vec<Skip> {
    let mut skips = Vec::new();
    let skip = |how: String, id: Id| Skip { how, line: tree.line(id) };
    for id in tree.within(root) {
        match tree.kind(id) {
            "call_expression" | "method_invocation" => {
                let how = if tree.is_java() {
                    java::skipping_call(tree, id)
                } else {
                    script::skipping_call(tree, id)
                };
                skips.extend(how.map(|how| skip(how, id)));
            }
            "return_statement" if is_bare_return(tree, id) && is_own(tree, id, body) => {
                let has_more = body.is_some_and(|body| {
                    (id..tree.beyond(body)).any(|later| assertion::is_check(tree, later))
                });
                skips.extend(has_more.then(|| skip("an early return".to_owned(), id)));
            }
            "if_statement" => {
                let never = tree
                    .field(id, "condition")
                    .is_some_and(|condition| assertion::constant(tree, condition) == Some(false));
                skips.extend(never.then(|| skip("a condition that never holds".to_owned(), id)));
            }
            "object_creation_expression"
                if tree.parent(id).is_some_and(|up| tree.kind(up) == "throw_statement") =>
            {
                let thrown = tree.field(id, "type").map_or("", |name| tree.text(name));
                let is_abort = ["SkipException", "TestAbortedException", "AssumptionViolatedException"]
                    .iter()
                    .any(|name| thrown.ends_with(name));
                skips.extend(is_abort.then(|| skip(thrown.to_owned(), id)));
            }
            _ => {}
        }
    }
    skips
}

fn is_bare_return(tree: &Tree, id: Id) -> bool {
    match tree.parts(id).find(|part| tree.kind(*part) != "return") {
        None => true,
        Some(value) => {
            tree.is_literal(value)
                || tree.text(value) == "undefined"
                || tree.text(value).starts_with("void ")
                || tree.text(value) == "Promise.resolve()"
                || matches!(tree.called(value), Some("done"))
        }
    }
}

/// In the test's own function, not in one that it hands on.
fn is_own(tree: &Tree, id: Id, body: Option<Id>) -> bool {
    tree.above(id)
        .find(|up| tree.is_function(*up) || Some(*up) == body)
        .is_some_and(|up| Some(up) == body || body.is_some_and(|body| tree.parent(body) == Some(up)))
}

fn outside(tree: &Tree, found: &[Found], helpers: &Helpers) -> Vec<Check> {
    let inside: HashMap<Id, Id> = found.iter().map(|found| (found.root, tree.beyond(found.root))).collect();
    let named: HashMap<Id, Id> = helpers.functions.values().map(|id| (*id, tree.beyond(*id))).collect();
    let mut checks = Vec::new();
    let mut at = 0;
    while at < tree.beyond(0) {
        if let Some(beyond) = inside.get(&at).or_else(|| named.get(&at)) {
            at = *beyond;
            continue;
        }
        if assertion::is_check(tree, at) {
            checks.extend(assertion::collect(tree, at, &Helpers::default()).into_iter().take(1));
        }
        at += 1;
    }
    checks
}

/// Does a file hold tests of types?
pub(super) fn asserts_types(tree: &Tree) -> bool {
    tree.all().any(|id| {
        matches!(
            tree.called(id),
            Some("expectTypeOf" | "expectType" | "assertType" | "expectAssignable" | "expectError")
        )
    })
}

pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn words(tree: &Tree, id: Id) -> HashMap<u64, usize> {
    let mut words = HashMap::new();
    let leaves = tree.within(id).filter(|id| tree.is_leaf(*id) && !is_comment(tree.kind(*id)));
    let telling = leaves.filter(|id| tree.text(*id).chars().any(char::is_alphanumeric));
    for leaf in telling.take(WORDS_CAP) {
        *words.entry(hash(tree.text(leaf))).or_default() += 1;
    }
    words
}

/// How much two bodies have in common, from 0 to 1.
pub(super) fn likeness(one: &HashMap<u64, usize>, other: &HashMap<u64, usize>) -> f64 {
    let shared: usize =
        one.iter().map(|(word, count)| other.get(word).copied().unwrap_or(0).min(*count)).sum();
    let all = one.values().sum::<usize>() + other.values().sum::<usize>();
    if all == 0 { 0.0 } else { 2.0 * as_f64(shared) / as_f64(all) }
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
