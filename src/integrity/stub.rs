//! Code replaced by a stand-in: modules mocked away, functions that answer
//! with a constant, code that asks whether it is being tested.

use std::collections::{BTreeSet, HashMap};

use super::syntax::{Id, Tree};

/// Something that stands in for real code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stub {
    /// What is replaced.
    pub(super) what: String,
    pub(super) line: u32,
}

/// What a test file replaces, and what it makes itself.
#[derive(Debug, Default)]
pub(super) struct Stubs {
    /// Whole modules or classes.
    pub(super) whole: Vec<Stub>,
    /// Single functions of what is imported.
    pub(super) parts: Vec<Stub>,
    /// Classes of which real objects are made.
    pub(super) made: BTreeSet<String>,
}

/// Everything that a test file replaces.
pub(super) fn in_test(tree: &Tree) -> Stubs {
    let mut stubs = Stubs::default();
    let imported = if tree.is_java() { BTreeSet::new() } else { imported(tree) };
    for id in tree.all() {
        match tree.kind(id) {
            "call_expression" => script_call(tree, id, &imported, &mut stubs),
            "assignment_expression" => stubs.parts.extend(assigned(tree, id, &imported)),
            "method_invocation" => stubs.whole.extend(java_call(tree, id)),
            "field_declaration" | "formal_parameter" => stubs.whole.extend(java_field(tree, id)),
            "object_creation_expression" => {
                let class = tree.field(id, "type").map_or("", |class| tree.text(class));
                stubs.made.insert(class.split('<').next().unwrap_or(class).to_owned());
            }
            _ => {}
        }
    }
    stubs
}

/// The names that hold what a file imports.
fn imported(tree: &Tree) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for id in tree.all() {
        let list = match tree.kind(id) {
            "import_clause" => Some(id),
            "variable_declarator" => {
                let value = tree.field(id, "value").map(|value| tree.bare(value));
                let is_require = value.is_some_and(|value| {
                    tree.within(value)
                        .take(4)
                        .any(|inner| matches!(tree.called(inner), Some("require" | "import")))
                });
                tree.field(id, "name").filter(|_| is_require)
            }
            _ => None,
        };
        let leaves = list.map(|list| tree.within(list)).into_iter().flatten().filter(|leaf| {
            matches!(tree.kind(*leaf), "identifier" | "shorthand_property_identifier_pattern")
        });
        names.extend(leaves.map(|leaf| tree.text(leaf).to_owned()));
    }
    names
}

fn script_call(tree: &Tree, call: Id, imported: &BTreeSet<String>, stubs: &mut Stubs) {
    let Some(name) = tree.called(call) else { return };
    let on = tree.receiver(call).map_or("", |on| tree.text(on));
    let arguments = tree.arguments(call);
    let Some(first) = arguments.first().copied() else { return };
    let line = tree.line(call);
    let is_module = matches!(
        (on, name),
        ("jest" | "vi" | "vitest", "mock" | "doMock" | "setMock" | "unstable_mockModule")
            | ("mock" | "t.mock" | "td", "module" | "replace" | "replaceEsm")
            | ("", "proxyquire" | "rewiremock" | "mockRequire")
            | ("proxyquire", "load")
    );
    if is_module {
        let what = tree.string(first).unwrap_or_else(|| tree.said(first));
        stubs.whole.push(Stub { what, line });
        return;
    }
    let is_part = match (on, name) {
        ("jest" | "vi", "spyOn") | ("mock" | "t.mock", "method") => is_replaced(tree, call),
        ("sinon" | "sandbox", "stub" | "replace") => true,
        ("Object", "defineProperty" | "assign") => true,
        _ => false,
    };
    let root = tree.text(first).split(['.', '(']).next().unwrap_or_default();
    let is_global = matches!(
        root,
        "console"
            | "process"
            | "Date"
            | "Math"
            | "window"
            | "document"
            | "global"
            | "globalThis"
            | "performance"
            | "navigator"
            | "localStorage"
            | "sessionStorage"
            | "Storage"
            | "crypto"
    );
    let is_meant = if on == "Object" { imported.contains(root) } else { !is_global };
    if is_part && is_meant {
        let what = arguments.get(1).map_or("", |second| tree.text(*second));
        stubs.parts.push(Stub { what: format!("{} {what}", tree.text(first)), line });
    }
}

/// Does a spy answer itself, rather than only look on?
fn is_replaced(tree: &Tree, spy: Id) -> bool {
    let chained =
        tree.above(spy).take_while(|up| matches!(tree.kind(*up), "member_expression" | "call_expression"));
    let is_given = tree.arguments(spy).len() > 2;
    is_given
        || chained.filter_map(|up| tree.called(up)).any(|name| {
            name.starts_with("mock")
                && !matches!(name, "mockClear" | "mockReset" | "mockName" | "mockRestore")
        })
}

/// `render.toHtml = () => '…'`.
fn assigned(tree: &Tree, id: Id, imported: &BTreeSet<String>) -> Option<Stub> {
    let left = tree.field(id, "left").filter(|left| tree.kind(*left) == "member_expression")?;
    let right = tree.bare(tree.field(id, "right")?);
    let root = tree.text(left).split(['.', '[', '(']).next().unwrap_or_default();
    let is_stand_in = tree.is_function(right)
        || tree.text(right).starts_with("jest.fn")
        || tree.text(right).starts_with("vi.fn")
        || tree.text(right).starts_with("sinon.");
    (imported.contains(root) && is_stand_in)
        .then(|| Stub { what: tree.text(left).to_owned(), line: tree.line(id) })
}

fn class_of(text: &str) -> String {
    let text = text.trim_end_matches(".class");
    let text = text.split('<').next().unwrap_or(text);
    text.rsplit('.').next().unwrap_or(text).to_owned()
}

/// `mock(X.class)`, `mockStatic(X.class)`.
fn java_call(tree: &Tree, call: Id) -> Option<Stub> {
    let name = tree.called(call)?;
    let line = tree.line(call);
    if name == "lenient" || tree.text(call).ends_with("Strictness.LENIENT)") {
        return Some(Stub { what: "lenient".to_owned(), line });
    }
    if !matches!(name, "mock" | "mockStatic" | "mockConstruction" | "createMock" | "createNiceMock" | "spy") {
        return None;
    }
    let first = tree.arguments(call).first().copied()?;
    match tree.kind(first) {
        "class_literal" => Some(Stub { what: class_of(tree.text(first)), line }),
        "object_creation_expression" => {
            let class = tree.field(first, "type").map_or("", |class| tree.text(class));
            Some(Stub { what: class_of(class), line })
        }
        _ => None,
    }
}

/// `@Mock X x`.
fn java_field(tree: &Tree, id: Id) -> Option<Stub> {
    let is_mock = super::java::annotations(tree, id).any(|annotation| {
        matches!(
            super::java::annotation_name(tree, annotation),
            "Mock" | "MockBean" | "MockitoBean" | "Mocked"
        )
    });
    let class = tree.field(id, "type").filter(|_| is_mock)?;
    Some(Stub { what: class_of(tree.text(class)), line: tree.line(id) })
}

/// What the head replaces in addition.
pub(super) fn added(before: &Stubs, after: &Stubs, under_test: &str) -> Vec<Stub> {
    let mut added = more(&before.whole, &after.whole);
    let fewer = before.whole.len() >= after.whole.len();
    added.retain(|stub| {
        !fewer || before.made.contains(&stub.what) || stub.what == under_test || stub.what.starts_with('.')
    });
    added.extend(
        more(&before.parts, &after.parts)
            .into_iter()
            .take(after.parts.len().saturating_sub(before.parts.len())),
    );
    added
}

fn more(before: &[Stub], after: &[Stub]) -> Vec<Stub> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    for stub in before {
        *known.entry(&stub.what).or_default() += 1;
    }
    after.iter().filter(|stub| !known.contains_key(stub.what.as_str())).cloned().collect()
}

/// What stands for a function's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// It answers always the same, or does nothing.
    Constant,
    Working,
}

/// Functions that worked and now answer with a constant, and questions
/// whether the code is being tested.
pub(super) fn in_code(before: &Tree, after: &Tree) -> Vec<Stub> {
    let then = bodies(before);
    let mut stubs: Vec<Stub> = bodies(after)
        .into_iter()
        .filter(|(name, (body, _))| {
            *body == Body::Constant && then.get(name).is_some_and(|(then, _)| *then == Body::Working)
        })
        .map(|(name, (_, line))| Stub { what: format!("{name} answers with a constant"), line })
        .collect();
    let asked = asks_for_tests(after);
    let known = asks_for_tests(before).len();
    stubs.extend(
        asked
            .into_iter()
            .skip(known)
            .map(|line| Stub { what: "code that asks whether it is tested".to_owned(), line }),
    );
    let special = special_answers(before);
    let mut more = special_answers(after);
    more.retain(|stub| !special.iter().any(|known| known.what == stub.what));
    stubs.extend(more);
    stubs.sort_by_key(|stub| stub.line);
    stubs
}

fn bodies(tree: &Tree) -> HashMap<String, (Body, u32)> {
    let mut bodies = HashMap::new();
    for id in tree.all().filter(|id| tree.is_function(*id)) {
        let Some(name) = name(tree, id) else { continue };
        let Some(body) = tree.field(id, "body") else { continue };
        let kind = if is_constant_body(tree, body) { Body::Constant } else { Body::Working };
        bodies.entry(name).or_insert((kind, tree.line(id)));
    }
    bodies
}

fn name(tree: &Tree, id: Id) -> Option<String> {
    if let Some(name) = tree.field(id, "name") {
        return Some(tree.text(name).to_owned());
    }
    let parent = tree.parent(id)?;
    let given = match tree.kind(parent) {
        "variable_declarator" => tree.field(parent, "name"),
        "assignment_expression" => tree.field(parent, "left"),
        "pair" => tree.field(parent, "key"),
        _ => None,
    };
    given.map(|given| tree.text(given).rsplit('.').next().unwrap_or_default().to_owned())
}

/// No name is read and nothing is called.
fn is_constant_body(tree: &Tree, body: Id) -> bool {
    tree.within(body).all(|id| {
        !matches!(
            tree.kind(id),
            "identifier"
                | "call_expression"
                | "method_invocation"
                | "new_expression"
                | "object_creation_expression"
                | "this"
                | "throw_statement"
                | "member_expression"
                | "shorthand_property_identifier"
                | "super"
        ) || tree.text(id) == "undefined"
    })
}

/// `if (name === 'vat') return 42;`
fn special_answers(tree: &Tree) -> Vec<Stub> {
    let given = |id: Id| {
        tree.string(id)
            .map_or_else(|| tree.is_literal(id) && !is_plain(tree.text(id)), |text| !text.is_empty())
    };
    tree.all()
        .filter(|id| tree.kind(*id) == "if_statement")
        .filter(|id| {
            let condition = tree.field(*id, "condition").map(|condition| tree.bare(condition));
            let Some(condition) = condition else { return false };
            let compared: Vec<Id> = match tree.kind(condition) {
                "binary_expression"
                    if matches!(
                        tree.field(condition, "operator").map(|o| tree.text(o)),
                        Some("===" | "==")
                    ) =>
                {
                    [tree.field(condition, "left"), tree.field(condition, "right")]
                        .into_iter()
                        .flatten()
                        .collect()
                }
                "method_invocation" if tree.called(condition) == Some("equals") => {
                    tree.arguments(condition).into_iter().chain(tree.receiver(condition)).collect()
                }
                _ => return false,
            };
            let answer = tree.field(*id, "consequence").and_then(|then| {
                let inner = tree.parts(then).find(|part| tree.kind(*part) == "return_statement");
                inner.or_else(|| (tree.kind(then) == "return_statement").then_some(then))
            });
            let value =
                answer.and_then(|answer| tree.parts(answer).find(|part| tree.kind(*part) != "return"));
            compared.iter().any(|side| given(*side) && !is_typeof_word(tree, *side))
                && value.is_some_and(given)
        })
        .map(|id| Stub {
            what: format!("one input has an answer of its own: {}", tree.said(id)),
            line: tree.line(id),
        })
        .collect()
}

/// Values that are no answers: what a function gives for nothing.
fn is_plain(text: &str) -> bool {
    matches!(text, "0" | "1" | "-1" | "true" | "false" | "null" | "undefined")
}

fn is_typeof_word(tree: &Tree, id: Id) -> bool {
    matches!(
        tree.string(id).as_deref(),
        Some("string" | "number" | "object" | "function" | "boolean" | "undefined" | "bigint" | "symbol")
    )
}

fn asks_for_tests(tree: &Tree) -> Vec<u32> {
    tree.all()
        .filter(|id| match tree.kind(*id) {
            "member_expression" => {
                matches!(
                    tree.text(*id),
                    "process.env.JEST_WORKER_ID" | "process.env.VITEST" | "import.meta.vitest"
                )
            }
            "binary_expression" => {
                let text = tree.said(*id);
                text.len() < 80 && text.contains("NODE_ENV") && text.contains("\"test\"")
            }
            _ => false,
        })
        .map(|id| tree.line(id))
        .collect()
}
