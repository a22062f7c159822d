//! How much an assertion demands.
//!
//! Six steps, the same for all libraries, so that a test may move from one to
//! another. What no table knows counts by whether it is given something to
//! compare with.

mod names;

use super::syntax::{Id, Tree};

/// The steps. A replacement may not stand lower than what it replaces.
pub(super) type Level = u8;
/// True whatever the code does.
pub(super) const NOTHING: Level = 0;
/// There is something.
pub(super) const EXISTS: Level = 1;
/// It is of some kind.
pub(super) const KIND: Level = 2;
/// It has some part, or lies in a range.
pub(super) const PART: Level = 3;
/// A yes or no, a number of things, a kind of exception.
pub(super) const COUNT: Level = 4;
/// It is exactly this.
pub(super) const EXACT: Level = 5;

/// Does a word of a chain demand nothing?
pub(super) fn is_filler(name: &str) -> bool {
    names::FILLERS.contains(&name)
}

/// Names of one matcher from several releases, as one.
pub(super) fn current_name(name: &str) -> &str {
    match name {
        "toBeCalled" => "toHaveBeenCalled",
        "toBeCalledWith" => "toHaveBeenCalledWith",
        "toBeCalledTimes" => "toHaveBeenCalledTimes",
        "lastCalledWith" => "toHaveBeenLastCalledWith",
        "nthCalledWith" => "toHaveBeenNthCalledWith",
        "toThrowError" => "toThrow",
        "toReturn" => "toHaveReturned",
        "toReturnWith" => "toHaveReturnedWith",
        _ => name,
    }
}

/// By the name alone.
pub(super) fn of_name(name: &str, has_arguments: bool) -> Level {
    match name {
        _ if names::EXACT.contains(&name) => EXACT,
        _ if names::COUNT.contains(&name) => COUNT,
        _ if names::PART.contains(&name) => PART,
        _ if names::KIND.contains(&name) => KIND,
        _ if names::EXISTENCE.contains(&name) => EXISTS,
        _ if has_arguments => EXACT,
        _ => PART,
    }
}

/// What remains of a matcher behind `not`.
pub(super) fn negated(name: &str, level: Level) -> Level {
    match name {
        "toBeNull" | "toBeUndefined" | "null" | "undefined" | "empty" | "toBeNaN" => EXISTS,
        "toBeDefined" | "exist" | "throw" | "throws" | "toThrow" | "toThrowError" | "toHaveBeenCalled"
        | "called" | "toBeCalled" | "ok" | "toBeInTheDocument" => COUNT,
        _ if names::EXACT.contains(&name) => KIND,
        _ => level.min(PART),
    }
}

/// Does this name ask for an exception?
pub(super) fn is_throwing(name: &str) -> bool {
    matches!(
        name,
        "toThrow"
            | "toThrowError"
            | "throw"
            | "throws"
            | "Throw"
            | "rejects"
            | "throwsAsync"
            | "assertThrows"
            | "assertThrowsExactly"
            | "isThrownBy"
            | "rejectedWith"
            | "rejected"
            | "expectThrows"
            | "assertThatThrownBy"
            | "thenThrownBy"
            | "catchThrowable"
            | "catchThrowableOfType"
            | "catchException"
            | "expectMessage"
            | "expectCause"
            | "expectError"
            | "verifyError"
    ) || name.starts_with("assertThatExceptionOfType")
        || (name.starts_with("assertThat") && name.ends_with("Exception"))
}

/// What an assertion of an exception says about it.
pub(super) fn of_thrown(tree: &Tree, details: &[Id]) -> Level {
    let each = details.iter().map(|detail| {
        let detail = tree.bare(*detail);
        if is_trivial_pattern(tree, detail) {
            return KIND;
        }
        if tree.is_literal(detail) || matches!(tree.kind(detail), "object" | "template_string") {
            return EXACT;
        }
        let text = tree.text(detail).trim_end_matches(".class");
        match text.rsplit('.').next().unwrap_or(text) {
            "Exception" | "Throwable" | "RuntimeException" | "Error" => PART,
            _ if tree.is_function(detail) => COUNT,
            _ => COUNT,
        }
    });
    each.max().unwrap_or(KIND)
}

/// Does a pattern or a string match everything?
pub(super) fn is_trivial_pattern(tree: &Tree, id: Id) -> bool {
    let text = tree.text(id);
    let pattern = match tree.kind(id) {
        "regex" => text.trim_start_matches('/').rsplit_once('/').map_or(text, |(pattern, _)| pattern),
        "new_expression" | "object_creation_expression" | "call_expression" if text.contains("RegExp") => {
            text.trim_end_matches(')').rsplit('(').next().unwrap_or(text).trim_matches(['"', '\'', '`', '/'])
        }
        _ => return tree.string(id).is_some_and(|text| matches!(text.as_str(), "" | ".*" | ".+")),
    };
    let bare: String = pattern.chars().filter(|c| !"^$()?:+*|".contains(*c)).collect();
    matches!(
        bare.as_str(),
        "" | "." | "[\\s\\S]" | "[\\S\\s]" | "[\\w\\W]" | "[\\d\\D]" | "[^]" | "\\S" | "\\s" | "\\w"
    )
}

/// What a yes or no says that is only asserted to be true.
pub(super) fn of_truth(tree: &Tree, id: Id) -> Level {
    let id = tree.bare(id);
    let sides = || -> (Option<Id>, Option<Id>) { (tree.field(id, "left"), tree.field(id, "right")) };
    match tree.kind(id) {
        "true" | "number" | "string" | "object" | "array" | "false" | "string_literal" => NOTHING,
        kind if tree.is_function(id) || kind.ends_with("_integer_literal") => NOTHING,
        "binary_expression" => {
            let (Some(left), Some(right)) = sides() else { return COUNT };
            of_comparison(tree, tree.field(id, "operator").map_or("", |o| tree.text(o)), left, right)
        }
        "instanceof_expression" => KIND,
        "unary_expression" => {
            let inner = tree.field(id, "argument").or_else(|| tree.field(id, "operand"));
            match inner.map(|inner| tree.kind(tree.bare(inner))) {
                Some("unary_expression") => KIND,
                Some("false") => NOTHING,
                _ => COUNT,
            }
        }
        "call_expression" | "method_invocation" => match tree.called(id).unwrap_or_default() {
            "equals" | "isEqual" | "deepEqual" | "is" | "isDeepStrictEqual" | "deepEquals" => EXACT,
            "contains" | "includes" | "startsWith" | "endsWith" | "matches" | "test" | "has" | "some"
            | "every" | "isPresent" | "containsKey" | "hasOwnProperty" | "hasOwn" | "match" | "anyMatch" => {
                PART
            }
            "Boolean" | "isInteger" | "isArray" | "isBuffer" | "isInstance" | "isFinite" => KIND,
            "nonNull" => EXISTS,
            _ => COUNT,
        },
        _ => COUNT,
    }
}

fn of_comparison(tree: &Tree, operator: &str, left: Id, right: Id) -> Level {
    let said = |id: Id| tree.said(id);
    let is_none = |id: Id| matches!(tree.text(id), "null" | "undefined");
    match operator {
        "===" | "==" => {
            if said(left) == said(right) {
                NOTHING
            } else if is_none(left) || is_none(right) {
                COUNT
            } else if is_typeof(tree, left) || is_typeof(tree, right) {
                KIND
            } else {
                EXACT
            }
        }
        "!==" | "!=" if is_none(left) || is_none(right) => EXISTS,
        "!==" | "!=" | "instanceof" => KIND,
        "<" | ">" | "<=" | ">=" | "in" => PART,
        "||" | "??" => {
            if matches!(tree.text(right), "true" | "1") || matches!(tree.text(left), "true" | "1") {
                NOTHING
            } else {
                KIND
            }
        }
        _ => COUNT,
    }
}

pub(super) fn is_typeof(tree: &Tree, id: Id) -> bool {
    tree.kind(id) == "unary_expression" && tree.text(id).starts_with("typeof")
}

/// What is asserted about a thing that says little itself.
pub(super) fn at_most(tree: &Tree, subject: Id) -> Level {
    let subject = tree.bare(subject);
    match tree.kind(subject) {
        "binary_expression" | "instanceof_expression" => of_truth(tree, subject),
        "unary_expression" if is_typeof(tree, subject) => KIND,
        "unary_expression" => of_truth(tree, subject).max(KIND),
        "call_expression" | "method_invocation" => match of_truth(tree, subject) {
            PART => PART,
            KIND => KIND,
            EXISTS => EXISTS,
            _ if matches!(tree.called(subject), Some("size" | "count" | "length" | "getClass")) => COUNT,
            _ => EXACT,
        },
        "member_expression" | "field_access" => {
            let end = tree.text(subject).rsplit('.').next().unwrap_or_default();
            if matches!(end, "length" | "size" | "callCount") { COUNT } else { EXACT }
        }
        _ => EXACT,
    }
}

/// How many of a call's arguments may be anything.
pub(super) fn wildcards(tree: &Tree, id: Id) -> usize {
    tree.within(id)
        .filter(|inner| tree.is_call(*inner))
        .filter(|call| {
            let name = tree.called(*call).unwrap_or_default();
            let on = tree.receiver(*call).map_or("", |on| tree.text(on));
            match on {
                "expect" => {
                    matches!(
                        name,
                        "any"
                            | "anything"
                            | "objectContaining"
                            | "arrayContaining"
                            | "stringContaining"
                            | "stringMatching"
                            | "closeTo"
                    )
                }
                "sinon.match" => true,
                "sinon" => name == "match",
                "" | "Mockito" | "ArgumentMatchers" | "Matchers" => {
                    tree.is_java()
                        && (name.starts_with("any") || matches!(name, "isA" | "notNull" | "isNotNull"))
                }
                _ => false,
            }
        })
        .count()
}
