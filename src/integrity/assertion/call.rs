//! Assertions that are one call: `assert.equal(x, y)`, `assertEquals(y, x)`,
//! `assertThat(x, is(y))`.

use super::super::strength::{self, Level};
use super::super::syntax::{Id, Tree};
use super::read::{blank, by_arguments, is_error};
use super::{About, Check};

/// `assert.equal(x, y)`, `assertEquals(y, x)`, `assertThat(x, is(y))`.
pub(super) fn of_call(tree: &Tree, id: Id) -> Option<Check> {
    let name = tree.called(id)?.to_owned();
    let arguments = tree.arguments(id);
    let subject =
        if tree.is_java() { java_subject(tree, &name, &arguments) } else { arguments.first().copied() };
    let mut check = blank(tree, id, &name, subject);
    if tree.strict && !tree.is_java() {
        check.name = strict_name(&name).to_owned();
        check.text.push_str(" strict");
    }
    match name.as_str() {
        "pass" | "comment" => {}
        "ifError" | "error" if subject.is_some_and(|subject| is_error(tree.text(subject))) => {
            check.about = About::NoError;
            check.level = strength::COUNT;
        }
        "assertAll" | "assertSoftly" => {
            check.level = strength::COUNT;
            check.subject = "soft assertions".to_owned();
        }
        "fail" | "unreachable" => {
            check.about = About::Unreached;
            check.level = strength::COUNT;
        }
        "assertions" | "hasAssertions" | "plan" => {
            check.about = About::Plan;
            check.level = strength::COUNT;
            // Fewer planned assertions are looser.
            check.tolerance = arguments.first().and_then(|first| tree.number(*first)).map(|number| -number);
            check.subject = String::new();
        }
        "assertTrue" | "isTrue" | "true" | "assertFalse" | "isFalse" | "false" => {
            of_boolean(tree, &mut check, subject)
        }
        "assert" | "ok" | "truthy" | "isOk" => of_truthy(tree, &mut check, subject),
        "assertThat" => check.level = of_hamcrest(tree, arguments.last().copied()?),
        "expect" | "expectMessage" | "expectCause" => {
            check.about = About::Thrown;
            check.level = strength::of_thrown(tree, &arguments);
        }
        _ if strength::is_throwing(&name) => {
            check.about = About::Thrown;
            let details: Vec<Id> = arguments.iter().copied().filter(|id| !tree.is_function(*id)).collect();
            check.level = strength::of_thrown(tree, details.get(..details.len().min(1)).unwrap_or_default());
        }
        "doesNotThrow" | "notThrows" | "assertDoesNotThrow" | "doesNotReject" => {
            check.about = About::NotThrown;
            check.level = strength::COUNT;
        }
        _ => of_equality(tree, &mut check, &name, &arguments),
    }
    Some(check)
}

/// What node's strict `assert` does under the names of the loose one.
fn strict_name(name: &str) -> &str {
    match name {
        "equal" => "strictEqual",
        "deepEqual" => "deepStrictEqual",
        "notEqual" => "notStrictEqual",
        "notDeepEqual" => "notDeepStrictEqual",
        _ => name,
    }
}

fn java_subject(tree: &Tree, name: &str, arguments: &[Id]) -> Option<Id> {
    let is_text = |id: Id| tree.string(id).is_some();
    match name {
        "assertTrue" | "assertFalse" | "assertNull" | "assertNotNull" => {
            arguments.iter().copied().find(|argument| arguments.len() == 1 || !is_text(*argument))
        }
        "assertThat" => arguments.iter().rev().nth(1).copied(),
        _ if arguments.len() >= 3
            && arguments.first().is_some_and(|first| is_text(*first))
            && !arguments.get(2).is_some_and(|third| is_text(*third)) =>
        {
            arguments.get(2).copied()
        }
        _ => arguments.get(1).copied().or_else(|| arguments.first().copied()),
    }
}

fn of_boolean(tree: &Tree, check: &mut Check, subject: Option<Id>) {
    let Some(subject) = subject.map(|subject| tree.bare(subject)) else { return };
    let wanted = matches!(check.name.as_str(), "assertTrue" | "isTrue" | "true");
    match (tree.kind(subject), wanted) {
        ("true", true) | ("false", false) => {}
        ("true" | "false", _) => {
            check.about = About::Unreached;
            check.level = strength::COUNT;
        }
        _ if wanted => check.level = strength::of_truth(tree, subject),
        _ => check.level = strength::of_truth(tree, subject).clamp(strength::EXISTS, strength::COUNT),
    }
}

fn of_truthy(tree: &Tree, check: &mut Check, subject: Option<Id>) {
    let Some(subject) = subject.map(|subject| tree.bare(subject)) else { return };
    let level = strength::of_truth(tree, subject);
    check.level = match tree.kind(subject) {
        "false" => {
            check.about = About::Unreached;
            strength::COUNT
        }
        "binary_expression" => level,
        "call_expression" if matches!(level, strength::PART | strength::EXACT) => level,
        _ => level.min(strength::KIND),
    };
}

/// `assertThat(x, allOf(a, b))`: as much as its strictest part demands.
fn of_hamcrest(tree: &Tree, matcher: Id) -> Level {
    let matcher = tree.bare(matcher);
    let calls: Vec<(Id, &str)> = tree
        .within(matcher)
        .filter(|id| tree.is_call(*id))
        .filter_map(|id| tree.called(id).map(|name| (id, name)))
        .collect();
    let is_not = calls.iter().take(2).any(|(_, name)| *name == "not");
    let is_empty = calls.iter().any(|(_, name)| name.starts_with("empty"));
    let known = calls.iter().filter(|(_, name)| !matches!(*name, "is" | "allOf" | "both" | "and" | "not"));
    let strict = |name: &str| match name {
        "equalTo" | "hasToString" | "contains" | "containsInAnyOrder" | "arrayContaining" => strength::EXACT,
        "anyOf" | "either" | "hasItem" | "hasItems" | "everyItem" => strength::PART,
        _ => strength::of_name(name, true),
    };
    let first = known.clone().next().map(|(_, name)| strict(name));
    let level = match calls.first() {
        Some((_, "allOf" | "both")) => known.map(|(_, name)| strict(name)).max().unwrap_or(strength::PART),
        Some((_, "is")) => {
            let of_inner = tree.arguments(matcher).first().map(|inner| tree.kind(tree.bare(*inner)));
            if of_inner == Some("method_invocation") {
                first.unwrap_or(strength::EXACT)
            } else {
                strength::EXACT
            }
        }
        Some(_) => first.unwrap_or(strength::COUNT),
        None => strength::COUNT,
    };
    match is_not {
        true if is_empty => level.min(strength::PART),
        true if level == strength::EXACT => strength::KIND,
        true => level.min(strength::EXISTS),
        false => level,
    }
}

fn of_equality(tree: &Tree, check: &mut Check, name: &str, arguments: &[Id]) {
    let values: Vec<Id> = arguments.iter().map(|argument| tree.bare(*argument)).collect();
    let position = values.iter().position(|value| tree.said(*value) == check.subject).unwrap_or(0);
    let expected = if tree.is_java() { position.checked_sub(1) } else { Some(1) };
    let expected = expected.and_then(|index| values.get(index)).copied();
    check.level = match expected {
        Some(expected) => by_arguments(tree, name, &[expected]),
        None => strength::of_name(name, values.len() > 1),
    };
    let subject = values.get(position).copied();
    let same = |one: usize, other: usize| match (values.get(one), values.get(other)) {
        (Some(one), Some(other)) => tree.said(*one) == tree.said(*other),
        _ => false,
    };
    if same(0, 1)
        || expected.is_some_and(|expected| tree.said(expected) == check.subject)
        || subject.is_some_and(|subject| tree.is_literal(subject))
            && expected.is_none_or(|expected| tree.is_literal(expected))
    {
        check.level = strength::NOTHING;
        return;
    }
    let third = values.get(2).and_then(|third| tree.number(*third));
    if let Some(third) = third.filter(|_| tree.is_java() || name == "closeTo") {
        check.tolerance = Some(third);
        check.level = check.level.min(strength::COUNT);
    }
    if let Some(subject) = subject {
        check.level = check.level.min(strength::at_most(tree, subject));
    }
}
