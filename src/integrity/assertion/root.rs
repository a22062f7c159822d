//! Where an assertion begins, and how far it goes.

use super::super::syntax::{Id, Tree};

/// The beginning of an assertion.
pub(super) enum Root {
    /// `expect(x)`, `assertThat(x)`, `verify(x)`: the chain says what.
    Chain { subject: Option<Id> },
    /// `assert.equal(x, y)`, `assertEquals(y, x)`.
    Call,
    /// `request.get(url).expect(200)`, `mvc.perform(get).andExpect(ok())`.
    Link,
    /// `x.should.equal(y)`.
    Should(Id),
    /// A statement of Java.
    Statement,
}

pub(super) fn root_of(tree: &Tree, id: Id) -> Option<Root> {
    match tree.kind(id) {
        "call_expression" | "method_invocation" => {}
        "member_expression" => {
            let property = tree.field(id, "property")?;
            let object = tree.field(id, "object")?;
            return (tree.text(property) == "should").then_some(Root::Should(object));
        }
        "assert_statement" => return Some(Root::Statement),
        _ => return None,
    }
    let name = tree.called(id)?;
    let on = tree.receiver(id);
    let on_text = on.map_or("", |on| tree.text(on));
    if tree.is_java() { java_root(tree, id, name, on) } else { script_root(tree, id, name, on_text) }
}

fn java_root(tree: &Tree, id: Id, name: &str, on: Option<Id>) -> Option<Root> {
    let subject = tree.arguments(id).first().copied();
    let is_chained = on.is_some_and(|on| tree.kind(on) == "method_invocation");
    match name {
        "assertThat" if tree.arguments(id).len() > 1 => Some(Root::Call),
        "that" if is_chained && tree.text(on?).starts_with("assert") => Some(Root::Chain { subject }),
        "then" | "verify" | "inOrder" if is_chained || tree.arguments(id).is_empty() => None,
        "then" => Some(Root::Chain { subject }),
        "verify" => Some(Root::Chain { subject }),
        "andExpect" | "andExpectAll" | "expectNext" | "expectNextCount" | "verifyComplete"
        | "expectError" | "verifyError" | "expectErrorMessage" | "expectStatus" | "expectBody"
        | "expectHeader" | "expectComplete" => Some(Root::Link),
        "expect" | "expectMessage" | "expectCause" if on.is_some() => Some(Root::Call),
        "fail" | "assertSoftly" => Some(Root::Call),
        "assertAll" if tree.arguments(id).is_empty() => Some(Root::Call),
        "assertAll" | "assertWithMessage" | "assertTimeout" | "assertTimeoutPreemptively" | "assertAbout" => {
            None
        }
        _ if is_chained && name.starts_with("assert") => None,
        _ if name.starts_with("assertThat") || name == "thenThrownBy" => Some(Root::Chain { subject }),
        _ if name.starts_with("assert")
            || name.starts_with("verifyNo")
            || name == "verifyZeroInteractions" =>
        {
            Some(Root::Call)
        }
        _ => None,
    }
}

fn script_root(tree: &Tree, id: Id, name: &str, on: &str) -> Option<Root> {
    let subject = tree.arguments(id).first().copied();
    let is_assert_object = matches!(
        on,
        "assert"
            | "t"
            | "tt"
            | "chai.assert"
            | "t.assert"
            | "assert.strict"
            | "sinon.assert"
            | "console.assert"
            | "expect"
    );
    match (on, name) {
        ("" | "chai", "expect" | "expectTypeOf" | "assertType" | "expectType") => {
            Some(Root::Chain { subject })
        }
        ("expect", "soft" | "poll") => Some(Root::Chain { subject }),
        ("expect", "assertions" | "hasAssertions" | "fail" | "unreachable") => Some(Root::Call),
        ("expect", _) => None,
        (
            "",
            "assert" | "ok" | "fail" | "deepStrictEqual" | "strictEqual" | "deepEqual" | "equal" | "throws"
            | "rejects" | "notEqual" | "notStrictEqual" | "doesNotThrow",
        ) => Some(Root::Call),
        (
            "t" | "tt" | "t.test",
            "test" | "skip" | "todo" | "end" | "teardown" | "context" | "log" | "timeout" | "comment"
            | "diagnostic" | "beforeEach" | "afterEach" | "before" | "after" | "mock" | "timeoutAfter"
            | "only",
        ) => None,
        _ if is_assert_object => Some(Root::Call),
        ("", _) => None,
        (_, "expect" | "should") => Some(Root::Link),
        _ => None,
    }
}

/// One word of a chain with what it is given.
pub(super) struct Link<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: Option<Vec<Id>>,
}

/// From the beginning of a chain to its end.
pub(super) fn chain<'a>(tree: &'a Tree, root: Id) -> (Vec<Link<'a>>, Id) {
    let mut links: Vec<Link<'a>> = Vec::new();
    let mut at = root;
    for parent in tree.above(root) {
        match tree.kind(parent) {
            "member_expression" if tree.is_field(at, "object") => {
                let name = tree.field(parent, "property").map_or("", |property| tree.text(property));
                links.push(Link { name, arguments: None });
            }
            "call_expression" if tree.is_field(at, "function") => {
                if let Some(last) = links.last_mut() {
                    last.arguments = Some(tree.arguments(parent));
                }
            }
            "method_invocation" if tree.is_field(at, "object") => {
                let name = tree.field(parent, "name").map_or("", |name| tree.text(name));
                links.push(Link { name, arguments: Some(tree.arguments(parent)) });
            }
            "non_null_expression" => {}
            _ => break,
        }
        at = parent;
    }
    (links, at)
}
