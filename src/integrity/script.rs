//! Tests in JavaScript and TypeScript: Jest, Vitest, Mocha, Jasmine, node's
//! own runner, AVA, tap and their relatives.

use std::collections::{BTreeMap, HashMap};

use super::assertion::{self, Standing};
use super::model::{Found, SEPARATOR, Skip};
use super::syntax::{Id, Tree};

/// How a call declares a test or a suite.
struct Declared {
    is_suite: bool,
    words: Vec<String>,
    /// The table of `.each`.
    table: Option<Id>,
}

/// A suite around the current place.
struct Open {
    range: std::ops::Range<Id>,
    name: String,
    skips: Vec<Skip>,
    only: bool,
    rows: Option<usize>,
}

/// Modifiers that keep a test from counting.
fn is_skip_word(word: &str) -> bool {
    matches!(
        word,
        "skip" | "todo" | "failing" | "fails" | "skipIf" | "runIf" | "fixme" | "fail" | "xfail" | "if"
    )
}

/// Other names of `test`, `it` and `describe`, with what they come from and
/// the modifiers on the way.
type Aliases = HashMap<String, Vec<String>>;

/// A wrapper larger than this is a function of its own.
const ALIAS_NODES: usize = 80;

fn is_root(name: &str) -> bool {
    matches!(
        name,
        "describe"
            | "xdescribe"
            | "fdescribe"
            | "context"
            | "xcontext"
            | "suite"
            | "xsuite"
            | "test"
            | "it"
            | "specify"
            | "fit"
            | "xit"
            | "xtest"
            | "xspecify"
            | "ftest"
    )
}

fn aliases(tree: &Tree) -> Aliases {
    let mut aliases = Aliases::new();
    for id in tree.all() {
        let (name, words) = match tree.kind(id) {
            "variable_declarator" => {
                let (Some(name), Some(value)) = (tree.field(id, "name"), tree.field(id, "value")) else {
                    continue;
                };
                if tree.kind(name) == "object_pattern" {
                    aliases.extend(taken_out(tree, name, value));
                    continue;
                }
                (name, words_within(tree, value))
            }
            "function_declaration" => {
                let (Some(name), Some(body)) = (tree.field(id, "name"), tree.field(id, "body")) else {
                    continue;
                };
                (name, words_within(tree, body))
            }
            "import_specifier" => {
                let (Some(name), Some(alias)) = (tree.field(id, "name"), tree.field(id, "alias")) else {
                    continue;
                };
                (alias, vec![tree.text(name).to_owned()])
            }
            _ => continue,
        };
        if !words.is_empty() {
            aliases.entry(tree.text(name).to_owned()).or_insert(words);
        }
    }
    aliases
}

/// `const { skip: verifies } = it`.
fn taken_out(tree: &Tree, pattern: Id, value: Id) -> Vec<(String, Vec<String>)> {
    let root = words_within(tree, value);
    let pairs = tree.parts(pattern).filter(|part| !root.is_empty() && tree.kind(*part) == "pair_pattern");
    pairs
        .filter_map(|pair| {
            let (key, name) = (tree.field(pair, "key")?, tree.field(pair, "value")?);
            let mut words = root.clone();
            words.extend(Some(tree.text(key)).filter(|key| is_skip_word(key)).map(str::to_owned));
            Some((tree.text(name).to_owned(), words))
        })
        .collect()
}

/// The first word of the runner in a piece of code, with every modifier that
/// hangs on one.
fn words_within(tree: &Tree, value: Id) -> Vec<String> {
    if tree.within(value).len() > ALIAS_NODES {
        return Vec::new();
    }
    let mut words: Vec<String> = Vec::new();
    for id in tree.within(value) {
        let text = tree.text(id);
        match tree.kind(id) {
            "identifier" if words.is_empty() && (is_root(text) || text == "base") => {
                words.push(text.to_owned())
            }
            "property_identifier" if !words.is_empty() && is_skip_word(text) => words.push(text.to_owned()),
            _ => {}
        }
    }
    words
}

/// All tests of a file.
pub(super) fn tests(tree: &Tree) -> Vec<Found> {
    let aliases = aliases(tree);
    // Hooks that skip, by the suite that they hold for.
    let mut hooks: Vec<(std::ops::Range<Id>, Skip)> = Vec::new();
    let mut found = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for id in tree.all().filter(|id| tree.kind(*id) == "call_expression") {
        while open.last().is_some_and(|suite| id >= suite.range.end) {
            open.pop();
        }
        if is_hook(tree, id) {
            let around = open.last().map_or_else(|| tree.within(0), |suite| suite.range.clone());
            let skip = tree.within(id).find_map(|inner| Some((skipping_call(tree, inner)?, inner)));
            hooks.extend(skip.map(|(how, at)| (around, Skip { how, line: tree.line(at) })));
        }
        let Some(declared) = declared(tree, id, &aliases) else { continue };
        let arguments = tree.arguments(id);
        let Some(title) = arguments.first().copied().filter(|first| is_title(tree, *first)) else { continue };
        let body = arguments.iter().rev().copied().find(|argument| tree.is_function(*argument));
        let is_handed =
            || arguments.get(1..).unwrap_or_default().iter().any(|a| tree.kind(*a) == "identifier");
        let is_empty = body.is_none() && !is_handed();
        if is_empty && !declared.words.iter().any(|word| is_skip_word(word)) && arguments.len() > 1 {
            continue;
        }
        let mut skips = skips(tree, id, &declared, &arguments);
        if is_empty && skips.is_empty() && !declared.is_suite {
            skips.push(Skip { how: "a test without a body".to_owned(), line: tree.line(id) });
        }
        let only = declared.words.iter().any(|word| word == "only" || word == "fit" || word == "fdescribe")
            || option(tree, &arguments, "only").is_some_and(|value| tree.text(value) != "false");
        let name = tree.string(title).unwrap_or_else(|| tree.said(title));
        let rows = rows(tree, id, &declared);
        if declared.is_suite {
            open.push(Open { range: tree.within(id), name, skips, only, rows });
            continue;
        }
        let mut path: Vec<&str> = open.iter().map(|suite| suite.name.as_str()).collect();
        path.push(&name);
        let mut all_skips: Vec<Skip> = open.iter().flat_map(|suite| suite.skips.clone()).collect();
        all_skips.extend(skips);
        let around: Option<usize> = open.iter().filter_map(|suite| suite.rows).reduce(usize::saturating_mul);
        found.push(Found {
            name: path.join(SEPARATOR),
            root: tree.field(id, "arguments").unwrap_or(id),
            body: body.map(|function| tree.field(function, "body").unwrap_or(function)),
            line: tree.line(id),
            skips: all_skips,
            only: only || open.iter().any(|suite| suite.only),
            rows: rows.map(|rows| rows.saturating_mul(around.unwrap_or(1))).or(around),
            declared: Vec::new(),
        });
    }
    for test in &mut found {
        let holding = hooks.iter().filter(|(range, _)| range.contains(&test.root));
        test.skips.extend(holding.map(|(_, skip)| skip.clone()));
    }
    found
}

/// `before(function () { … })` and its like.
fn is_hook(tree: &Tree, call: Id) -> bool {
    matches!(tree.called(call), Some("before" | "beforeEach" | "beforeAll" | "setup" | "suiteSetup"))
        && tree.arguments(call).iter().any(|argument| tree.is_function(*argument))
}

fn is_title(tree: &Tree, id: Id) -> bool {
    matches!(
        tree.kind(id),
        "string"
            | "template_string"
            | "identifier"
            | "binary_expression"
            | "member_expression"
            | "call_expression"
    )
}

/// Words by which a callee is no test and no suite.
const NO_TEST: [&str; 17] = [
    "beforeEach",
    "afterEach",
    "beforeAll",
    "afterAll",
    "before",
    "after",
    "use",
    "step",
    "extend",
    "setTimeout",
    "slow",
    "info",
    "mock",
    "plan",
    "expect",
    "assert",
    "configure",
];

/// Does a call declare a test or a suite?
fn declared(tree: &Tree, call: Id, aliases: &Aliases) -> Option<Declared> {
    let (mut words, table) = callee(tree, call)?;
    let mut seen = vec![words.first()?.clone()];
    while let Some(meant) = words.first().and_then(|first| aliases.get(first)) {
        words.splice(0..1, meant.iter().cloned());
        let first = words.first()?;
        if seen.contains(first) {
            break;
        }
        seen.push(first.clone());
    }
    let first = words.first().map(String::as_str)?;
    let second = words.get(1).map(String::as_str);
    if words.iter().any(|word| NO_TEST.contains(&word.as_str())) {
        return None;
    }
    let is_suite = match (first, second) {
        ("describe" | "xdescribe" | "fdescribe" | "context" | "xcontext" | "suite" | "xsuite", _) => true,
        ("test" | "it", Some("describe" | "suite")) => true,
        ("QUnit", Some("module")) => true,
        ("test" | "it" | "specify" | "fit" | "xit" | "xtest" | "xspecify" | "ftest", _) => false,
        ("Deno" | "t" | "tap" | "QUnit" | "bdd", Some("test" | "it" | "todo")) => false,
        _ => return None,
    };
    Some(Declared { is_suite, words, table })
}

/// Takes a callee such as `test.each([…])` or `describe.skip` apart.
fn callee(tree: &Tree, call: Id) -> Option<(Vec<String>, Option<Id>)> {
    let mut words: Vec<String> = Vec::new();
    let mut table = None;
    let mut at = tree.field(call, "function")?;
    while words.len() < 7 {
        match tree.kind(at) {
            "member_expression" => {
                words.push(tree.text(tree.field(at, "property")?).to_owned());
                at = tree.field(at, "object")?;
            }
            "subscript_expression" => {
                words.push(computed(tree, tree.field(at, "index")?));
                at = tree.field(at, "object")?;
            }
            "call_expression" => {
                table = tree.field(at, "arguments");
                at = tree.field(at, "function")?;
            }
            "identifier" => {
                words.push(tree.text(at).to_owned());
                words.reverse();
                return Some((words, table));
            }
            _ => return None,
        }
    }
    None
}

/// The name in `test['skip']`. One that has to be worked out hides something.
fn computed(tree: &Tree, index: Id) -> String {
    tree.string(index).unwrap_or_else(|| "skip".to_owned())
}

fn skips(tree: &Tree, call: Id, declared: &Declared, arguments: &[Id]) -> Vec<Skip> {
    let line = tree.line(call);
    let skip = |how: &str| Skip { how: how.to_owned(), line };
    let mut skips = Vec::new();
    match assertion::standing(tree, call, 0) {
        Standing::Free => {}
        Standing::Dead => skips.push(skip("a place that is never reached")),
        Standing::Guarded | Standing::Handler => skips.push(skip("a condition")),
    }
    for word in &declared.words {
        let is_skip = is_skip_word(word)
            || matches!(word.as_str(), "xit" | "xtest" | "xdescribe" | "xspecify" | "xcontext" | "xsuite");
        skips.extend(is_skip.then(|| skip(word)));
    }
    for key in ["skip", "todo", "fails", "ignore"] {
        let value =
            option(tree, arguments, key).filter(|value| !matches!(tree.text(*value), "false" | "undefined"));
        skips.extend(value.map(|_| skip(key)));
    }
    skips
}

/// The value of an option, such as of `{ skip: true }`.
fn option(tree: &Tree, arguments: &[Id], key: &str) -> Option<Id> {
    arguments
        .iter()
        .map(|argument| tree.resolve(*argument))
        .filter(|argument| tree.kind(*argument) == "object")
        .flat_map(|object| tree.parts(object))
        .find_map(|pair| match tree.kind(pair) {
            "pair" => {
                let name = tree.field(pair, "key")?;
                (tree.string(name).as_deref().unwrap_or(tree.text(name)) == key)
                    .then(|| tree.field(pair, "value"))?
            }
            "shorthand_property_identifier" => (tree.text(pair) == key).then_some(pair),
            _ => None,
        })
}

/// How many rows of data a test runs with: those of `.each`, or of the loop
/// around it.
fn rows(tree: &Tree, call: Id, declared: &Declared) -> Option<usize> {
    if let Some(table) = declared.table {
        if tree.kind(table) == "template_string" {
            return Some(tree.text(table).lines().filter(|line| line.contains("${")).count());
        }
        return tree.parts(table).next().and_then(|data| elements(tree, data));
    }
    let mut around = tree.above(call).take_while(|up| {
        !(tree.kind(*up) == "call_expression" && self::declared(tree, *up, &Aliases::new()).is_some())
    });
    around.find_map(|up| match tree.kind(up) {
        "for_in_statement" => elements(tree, tree.field(up, "right")?),
        "call_expression" if tree.called(up) == Some("forEach") => elements(tree, tree.receiver(up)?),
        _ => None,
    })
}

/// The number of elements of an array, written here or kept under a name.
fn elements(tree: &Tree, id: Id) -> Option<usize> {
    let mut id = tree.bare(id);
    for _ in 0..4 {
        match tree.kind(id) {
            "array" | "object" => return Some(tree.parts(id).count()),
            "identifier" => {
                let value = tree.resolve(id);
                if value == id {
                    return None;
                }
                id = value;
            }
            "call_expression" if tree.receiver(id).is_some_and(|on| tree.text(on) == "Object") => {
                id = tree.bare(*tree.arguments(id).first()?);
            }
            _ => return None,
        }
    }
    None
}

/// `this.skip()`, `t.skip()`, `pending()`, `process.exit(0)`.
pub(super) fn skipping_call(tree: &Tree, call: Id) -> Option<String> {
    let name = tree.called(call)?;
    let on = tree.receiver(call).map_or("", |on| tree.text(on));
    let arguments = tree.arguments(call);
    let declares = arguments.iter().any(|argument| tree.is_function(*argument));
    let is_skip = match (on, name) {
        (
            "this" | "t" | "ctx" | "context" | "test" | "it" | "tt" | "testContext" | "assert",
            "skip" | "todo" | "fixme",
        ) => !declares,
        ("", "pending" | "skip") => true,
        ("process", "exit") => true,
        ("t" | "test" | "it", "fail") if on != "t" => !declares,
        _ => false,
    };
    is_skip.then(|| if on.is_empty() { format!("{name}()") } else { format!("{on}.{name}()") })
}

/// Time limits and retries, by what they hold for.
pub(super) fn patience(tree: &Tree, found: &[Found]) -> BTreeMap<String, (f64, u32)> {
    let mut patience: BTreeMap<String, (f64, u32)> = BTreeMap::new();
    let mut note = |key: String, value: f64, line: u32| {
        let known = patience.entry(key).or_insert((value, line));
        if value > known.0 {
            *known = (value, line);
        }
    };
    for call in tree.all().filter(|id| tree.kind(*id) == "call_expression") {
        let Some(name) = tree.called(call) else { continue };
        let on = tree.receiver(call).map_or("", |on| tree.text(on));
        let arguments = tree.arguments(call);
        let first = arguments.first().and_then(|first| tree.number(*first));
        let is_limit = match name {
            "setTimeout" => matches!(on, "jest" | "vi" | "test" | "jasmine"),
            "timeout" | "retries" | "slow" => matches!(on, "this" | "t") || on.ends_with(')'),
            "retryTimes" => on == "jest",
            _ => false,
        };
        if let Some(value) = first.filter(|_| is_limit) {
            note(name.to_owned(), value, tree.line(call));
        }
    }
    for test in found {
        let arguments: Vec<Id> = tree.parts(test.root).collect();
        let last = arguments.last().and_then(|last| tree.number(*last)).filter(|_| arguments.len() > 2);
        let options = ["timeout", "retry", "retries"]
            .into_iter()
            .filter_map(|key| Some((key, tree.number(option(tree, &arguments, key)?)?)));
        let title = test.name.rsplit(SEPARATOR).next().unwrap_or_default();
        for (key, value) in last.map(|last| ("timeout", last)).into_iter().chain(options) {
            note(format!("{key} of {title}"), value, test.line);
        }
    }
    patience
}
