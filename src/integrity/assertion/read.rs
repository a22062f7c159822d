//! What one assertion demands.

use super::super::strength::{self, Level};
use super::super::syntax::{Id, Tree};
use super::call::of_call;
use super::root::{Link, Root, chain, root_of};
use super::standing::{Standing, standing};
use super::{About, Check};

/// The assertion that begins with a node.
pub(super) fn read(tree: &Tree, id: Id, start: Id) -> Option<Check> {
    let root = root_of(tree, id)?;
    let mut check = match root {
        Root::Chain { subject } => of_chain(tree, id, subject),
        Root::Should(subject) => of_chain(tree, id, Some(subject)),
        Root::Call => of_call(tree, id)?,
        Root::Link => of_link(tree, id),
        Root::Statement => {
            let condition = tree.parts(id).next()?;
            Check { level: strength::of_truth(tree, condition), ..blank(tree, id, "assert", Some(condition)) }
        }
    };
    match standing(tree, id, start) {
        Standing::Dead => check.level = strength::NOTHING,
        Standing::Guarded => check.guarded = true,
        Standing::Handler => check.in_handler = true,
        Standing::Free => {}
    }
    check.name = strength::current_name(&check.name).to_owned();
    check.floating = is_floating(tree, id, &check);
    Some(check)
}

/// Does nobody wait for a promise that would tell?
fn is_floating(tree: &Tree, id: Id, check: &Check) -> bool {
    let (links, top) = chain(tree, id);
    let is_promise = links.iter().any(|link| matches!(link.name, "rejects" | "resolves" | "eventually"))
        || matches!(
            check.name.as_str(),
            "rejects"
                | "doesNotReject"
                | "throwsAsync"
                | "notThrowsAsync"
                | "rejectedWith"
                | "rejected"
                | "fulfilled"
        );
    let parent = tree.parent(top);
    is_promise
        && parent.is_some_and(|parent| {
            tree.kind(parent) == "expression_statement"
                || (tree.kind(parent) == "unary_expression" && tree.text(parent).starts_with("void"))
        })
}

pub(super) fn blank(tree: &Tree, whole: Id, name: &str, subject: Option<Id>) -> Check {
    Check {
        name: name.to_owned(),
        about: About::Value,
        level: strength::NOTHING,
        wildcards: strength::wildcards(tree, whole),
        tolerance: None,
        subject: subject.map(|subject| tree.said(tree.bare(subject))).unwrap_or_default(),
        text: tree.said(whole),
        line: tree.line(whole),
        guarded: false,
        in_handler: false,
        floating: false,
    }
}

/// `expect(x).not.toBe(y)` and its relatives.
fn of_chain(tree: &Tree, root: Id, subject: Option<Id>) -> Check {
    let (links, top) = chain(tree, root);
    let root_name = tree.called(root).unwrap_or("should");
    let mut check = blank(tree, top, root_name, subject);
    if root_name == "verify" || (root_name == "then" && links.iter().any(|link| link.name == "should")) {
        check.level = of_verification(tree, root, &links);
        check.subject = format!("{} {}", check.subject, links.last().map_or("", |link| link.name));
        return check;
    }
    if strength::is_throwing(root_name) {
        check.about = About::Thrown;
        let details: Vec<Id> =
            if root_name == "assertThatThrownBy" { Vec::new() } else { subject.into_iter().collect() };
        check.level = strength::of_thrown(tree, &details);
    }
    if root_name.starts_with("expectType") || root_name == "assertType" {
        check.level = strength::COUNT;
    }
    let is_not = links.iter().any(|link| matches!(link.name, "not" | "never"));
    for link in &links {
        let arguments = link.arguments.as_deref().unwrap_or_default();
        let is_rejection = link.name == "rejects" && link.arguments.is_none();
        if strength::is_filler(link.name) && !(link.name == "rejects" && link.arguments.is_some())
            || is_rejection
        {
            continue;
        }
        let level = of_matcher(tree, &mut check, link.name, arguments, is_not);
        if level >= check.level || check.name == root_name {
            check.name = link.name.to_owned();
        }
        check.level = check.level.max(level);
    }
    if links.iter().any(|link| link.name.starts_with("ignoring")) {
        check.level = check.level.min(strength::PART);
    }
    if let Some(subject) = subject {
        limit_by_subject(tree, &mut check, subject, &links);
    }
    if is_error(&check.subject)
        && matches!(
            check.name.as_str(),
            "toBeNull" | "toBeUndefined" | "toBeFalsy" | "null" | "undefined" | "isNull"
        )
    {
        check.about = About::NoError;
    }
    check
}

pub(super) fn is_error(subject: &str) -> bool {
    matches!(subject, "err" | "error" | "e" | "ex" | "exception")
}

/// What is asserted about a comparison is no more than the comparison.
fn limit_by_subject(tree: &Tree, check: &mut Check, subject: Id, links: &[Link<'_>]) {
    if check.about != About::Value {
        return;
    }
    let bare = tree.bare(subject);
    let expected =
        links.iter().rev().find_map(|link| link.arguments.as_ref().and_then(|list| list.first().copied()));
    let said_same = expected.is_some_and(|expected| tree.said(tree.bare(expected)) == check.subject);
    if tree.is_literal(bare) {
        // Only a literal that is not the expected one says something: that
        // this place is never reached.
        let differs = expected.is_some_and(|expected| tree.is_literal(expected)) && !said_same;
        check.about = if differs { About::Unreached } else { About::Value };
        check.level = if differs { strength::COUNT } else { strength::NOTHING };
        return;
    }
    if said_same {
        check.level = strength::NOTHING;
        return;
    }
    let limit = strength::at_most(tree, bare);
    let is_truthy = matches!(check.name.as_str(), "toBeTruthy" | "ok" | "truthy" | "isTrue" | "true");
    let is_compared = matches!(tree.kind(bare), "binary_expression" | "instanceof_expression");
    let is_boolean = expected.is_some_and(|expected| matches!(tree.text(expected), "true" | "false"));
    if is_compared && (is_truthy || is_boolean) {
        check.level = limit;
    } else if is_truthy && tree.is_call(bare) && limit == strength::PART {
        check.level = strength::PART;
    } else {
        check.level = check.level.min(limit);
    }
}

fn of_matcher(tree: &Tree, check: &mut Check, name: &str, arguments: &[Id], is_not: bool) -> Level {
    if strength::is_throwing(name) {
        check.about = if is_not { About::NotThrown } else { About::Thrown };
        return if is_not { strength::COUNT } else { strength::of_thrown(tree, arguments).max(check.level) };
    }
    if matches!(name, "toMatchInlineSnapshot" | "toThrowErrorMatchingInlineSnapshot") {
        check.about = About::InlineSnapshot;
        check.subject = format!("{} snapshot", check.subject);
        return if arguments.is_empty() { strength::EXISTS } else { strength::EXACT };
    }
    if check.about == About::Thrown && matches!(name, "isInstanceOf" | "isExactlyInstanceOf") {
        return strength::of_thrown(tree, arguments);
    }
    if matches!(name, "doesNotThrowAnyException") {
        check.about = About::NotThrown;
    }
    if matches!(name, "toBeCloseTo" | "closeTo" | "isCloseTo" | "approximately") {
        check.tolerance = Some(tolerance(tree, name, arguments));
    }
    let level = by_arguments(tree, name, arguments);
    if is_not { strength::negated(name, level) } else { level }
}

fn tolerance(tree: &Tree, name: &str, arguments: &[Id]) -> f64 {
    let last = arguments.get(1).copied();
    let number = last.and_then(|last| tree.within(last).find_map(|inner| tree.number(inner)));
    match name {
        // More digits are tighter.
        "toBeCloseTo" => 10f64.powf(-number.unwrap_or(2.0)),
        _ => number.unwrap_or(f64::MAX),
    }
}

/// A matcher's level with what it compares with.
pub(super) fn by_arguments(tree: &Tree, name: &str, arguments: &[Id]) -> Level {
    let level = match name {
        "property" | "toHaveProperty" if arguments.len() > 1 => strength::EXACT,
        "a" | "an" | "instanceOf" => strength::KIND,
        _ => strength::of_name(name, !arguments.is_empty()),
    };
    let Some(first) = arguments.first().map(|first| tree.bare(*first)) else { return level };
    if arguments.iter().any(|argument| strength::is_trivial_pattern(tree, *argument))
        && level <= strength::PART
    {
        return strength::EXISTS.min(level);
    }
    let of_value = match (tree.kind(first), tree.text(first)) {
        ("true" | "false" | "null" | "undefined" | "null_literal", _) | (_, "undefined") => strength::COUNT,
        ("call_expression" | "method_invocation", _) => of_expected_call(tree, first),
        _ => strength::EXACT,
    };
    if arguments.len() == 1 || level < strength::EXACT { level.min(of_value) } else { level }
}

/// `expect.anything()` and the like where a value is expected.
fn of_expected_call(tree: &Tree, call: Id) -> Level {
    if tree.receiver(call).is_none_or(|on| tree.text(on) != "expect") {
        return strength::EXACT;
    }
    match tree.called(call).unwrap_or_default() {
        "anything" => strength::EXISTS,
        "any" => strength::KIND,
        "closeTo" => strength::COUNT,
        _ => strength::PART,
    }
}

fn of_verification(tree: &Tree, root: Id, links: &[Link<'_>]) -> Level {
    let modes = tree.arguments(root).into_iter().skip(1);
    let links = links.iter().filter_map(|link| link.arguments.clone()).flatten();
    let is_loose = modes
        .chain(links)
        .filter_map(|id| tree.called(id))
        .any(|name| matches!(name, "atLeastOnce" | "atLeast" | "atMost" | "atMostOnce"));
    if is_loose { strength::PART } else { strength::EXACT }
}

/// `andExpect(status().isOk())`, `.expect(200)`.
fn of_link(tree: &Tree, id: Id) -> Check {
    let name = tree.called(id).unwrap_or_default().to_owned();
    let arguments = tree.arguments(id);
    let list = tree.field(id, "arguments").unwrap_or(id);
    let mut check = blank(tree, list, &name, None);
    check.level = match arguments.first().map(|first| tree.bare(*first)) {
        None if tree.is_java() => strength::COUNT,
        None => strength::NOTHING,
        Some(first) if strength::is_trivial_pattern(tree, first) => strength::NOTHING,
        Some(first) => match (tree.kind(first), tree.string(first).as_deref()) {
            ("regex", _) => strength::COUNT,
            (_, Some("exist" | "be.ok")) => strength::EXISTS,
            _ => strength::EXACT,
        },
    };
    if name == "should" && arguments.is_empty() {
        check.level = strength::NOTHING;
    }
    check
}
