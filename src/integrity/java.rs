//! Tests in Java: JUnit 3 to 5 and TestNG.

use std::collections::BTreeMap;

use super::assertion::{About, Check};
use super::model::{Found, SEPARATOR, Skip};
use super::strength;
use super::syntax::{Id, Tree};

/// The annotations of a declaration.
pub(super) fn annotations(tree: &Tree, declaration: Id) -> impl Iterator<Item = Id> + '_ {
    tree.children(declaration)
        .filter(|child| tree.kind(*child) == "modifiers")
        .flat_map(|modifiers| tree.children(modifiers))
        .filter(|child| matches!(tree.kind(*child), "annotation" | "marker_annotation"))
}

/// An annotation's name without its package.
pub(super) fn annotation_name(tree: &Tree, annotation: Id) -> &str {
    let name = tree.field(annotation, "name").map_or("", |name| tree.text(name));
    name.rsplit('.').next().unwrap_or(name)
}

pub(super) fn is_test_annotation(tree: &Tree, annotation: Id) -> bool {
    is_test_name(tree, annotation) && !is_foreign(tree, annotation)
}

/// An annotation of the same name that no runner knows.
fn is_foreign(tree: &Tree, annotation: Id) -> bool {
    let name = annotation_name(tree, annotation);
    let written = tree.field(annotation, "name").map_or("", |name| tree.text(name));
    let imported =
        tree.children(0).filter(|child| tree.kind(*child) == "import_declaration").find_map(|import| {
            let path = tree
                .parts(import)
                .find(|part| tree.kind(*part) == "scoped_identifier")
                .map(|path| tree.text(path))?;
            (path.rsplit('.').next() == Some(name)).then_some(path)
        });
    let path = if written.contains('.') { Some(written) } else { imported };
    path.is_some_and(|path| {
        ![
            "org.junit",
            "junit",
            "org.testng",
            "net.jqwik",
            "com.tngtech",
            "io.quarkus",
            "com.pholser",
            "kotlin.test",
            "org.assertj",
        ]
        .iter()
        .any(|known| path.starts_with(known))
    })
}

fn is_test_name(tree: &Tree, annotation: Id) -> bool {
    matches!(
        annotation_name(tree, annotation),
        "Test"
            | "ParameterizedTest"
            | "RepeatedTest"
            | "TestFactory"
            | "TestTemplate"
            | "Property"
            | "Theory"
            | "ArchTest"
            | "Example"
    )
}

/// The value of an annotation's element.
fn element(tree: &Tree, annotation: Id, key: &str) -> Option<Id> {
    let list = tree.field(annotation, "arguments")?;
    tree.parts(list).find_map(|part| match tree.kind(part) {
        "element_value_pair" => {
            let name = tree.field(part, "key")?;
            (tree.text(name) == key).then(|| tree.field(part, "value"))?
        }
        _ => (key == "value").then_some(part),
    })
}

fn has_modifier(tree: &Tree, declaration: Id, modifier: &str) -> bool {
    tree.children(declaration)
        .filter(|child| tree.kind(*child) == "modifiers")
        .flat_map(|modifiers| tree.children(modifiers))
        .any(|child| tree.text(child) == modifier)
}

/// All tests of a file.
pub(super) fn tests(tree: &Tree) -> Vec<Found> {
    tree.all()
        .filter(|id| tree.kind(*id) == "method_declaration")
        .filter(|method| is_test(tree, *method))
        .map(|method| found(tree, method))
        .collect()
}

fn is_test(tree: &Tree, method: Id) -> bool {
    if annotations(tree, method).any(|annotation| is_test_annotation(tree, annotation)) {
        return true;
    }
    let Some(class) = classes(tree, method).next() else { return false };
    let name = tree.field(method, "name").map_or("", |name| tree.text(name));
    let is_public = has_modifier(tree, method, "public");
    let extends_case =
        tree.field(class, "superclass").is_some_and(|parent| tree.text(parent).ends_with("TestCase"));
    let all_of_class = annotations(tree, class).any(|annotation| annotation_name(tree, annotation) == "Test");
    let is_hook = annotations(tree, method).any(|annotation| {
        ["Before", "After", "DataProvider", "Factory"]
            .iter()
            .any(|hook| annotation_name(tree, annotation).starts_with(hook))
    });
    (extends_case && is_public && name.starts_with("test")) || (all_of_class && is_public && !is_hook)
}

fn classes(tree: &Tree, id: Id) -> impl Iterator<Item = Id> + '_ {
    tree.above(id).filter(|up| {
        matches!(
            tree.kind(*up),
            "class_declaration" | "interface_declaration" | "record_declaration" | "enum_declaration"
        )
    })
}

fn found(tree: &Tree, method: Id) -> Found {
    let mut path: Vec<&str> = classes(tree, method)
        .map(|class| tree.field(class, "name").map_or("", |name| tree.text(name)))
        .collect();
    path.reverse();
    let name = tree.field(method, "name").map_or("", |name| tree.text(name));
    path.push(name);
    let mut skips: Vec<Skip> = annotations(tree, method).filter_map(|a| skip_of(tree, a)).collect();
    let all: Vec<Id> = classes(tree, method).collect();
    for (index, class) in all.iter().enumerate() {
        skips.extend(annotations(tree, *class).filter_map(|a| skip_of(tree, a)));
        skips.extend(unfound(tree, *class, index + 1 < all.len()));
    }
    if has_modifier(tree, method, "private")
        || (has_modifier(tree, method, "static") && !is_factory(tree, method))
    {
        skips
            .push(Skip { how: "a method that the runner does not call".to_owned(), line: tree.line(method) });
    }
    Found {
        name: path.join(SEPARATOR),
        root: method,
        body: tree.field(method, "body"),
        line: tree.field(method, "name").map_or(1, |name| tree.line(name)),
        skips,
        only: false,
        rows: rows(tree, method),
        declared: annotations(tree, method).filter_map(|a| expected(tree, a)).collect(),
    }
}

fn is_factory(tree: &Tree, method: Id) -> bool {
    annotations(tree, method)
        .any(|annotation| matches!(annotation_name(tree, annotation), "TestFactory" | "ArchTest"))
}

/// A class in which no runner looks for tests.
fn unfound(tree: &Tree, class: Id, is_inner: bool) -> Option<Skip> {
    let is_named = |name: &str| annotations(tree, class).any(|a| annotation_name(tree, a) == name);
    let how = if has_modifier(tree, class, "abstract") {
        "an abstract class"
    } else if is_inner && !is_named("Nested") && !has_modifier(tree, class, "static") {
        "an inner class without @Nested"
    } else {
        return None;
    };
    Some(Skip { how: how.to_owned(), line: tree.line(class) })
}

fn skip_of(tree: &Tree, annotation: Id) -> Option<Skip> {
    let name = annotation_name(tree, annotation);
    let is_switched_off =
        name == "Test" && element(tree, annotation, "enabled").is_some_and(|v| tree.text(v) != "true");
    let is_skip = name.starts_with("Disabled")
        || name.starts_with("Enabled")
        || name.starts_with("Ignore")
        || matches!(name, "PendingFeature" | "NotExecuted" | "IfProfileValue")
        || is_switched_off;
    is_skip.then(|| Skip { how: format!("@{name}"), line: tree.line(annotation) })
}

/// `@Test(expected = X.class)`.
fn expected(tree: &Tree, annotation: Id) -> Option<Check> {
    if annotation_name(tree, annotation) != "Test" {
        return None;
    }
    let thrown =
        element(tree, annotation, "expected").or_else(|| element(tree, annotation, "expectedExceptions"))?;
    if tree.text(thrown).ends_with("None.class") {
        return None;
    }
    Some(Check {
        name: "expected".to_owned(),
        about: About::Thrown,
        level: strength::of_thrown(tree, &[thrown]),
        wildcards: 0,
        tolerance: None,
        subject: String::new(),
        text: tree.said(annotation),
        line: tree.line(annotation),
        guarded: false,
        in_handler: false,
        floating: false,
    })
}

fn rows(tree: &Tree, method: Id) -> Option<usize> {
    let mut rows = None;
    for annotation in annotations(tree, method) {
        let count = match annotation_name(tree, annotation) {
            "ValueSource" => {
                tree.within(annotation).find(|id| tree.kind(*id) == "element_value_array_initializer")
            }
            "CsvSource" => {
                tree.within(annotation).find(|id| tree.kind(*id) == "element_value_array_initializer")
            }
            "RepeatedTest" => {
                let number =
                    element(tree, annotation, "value").and_then(|value| tree.text(value).parse().ok());
                rows = number.or(rows);
                continue;
            }
            "MethodSource" => {
                let own = tree.field(method, "name").map_or("", |name| tree.text(name)).to_owned();
                let named =
                    element(tree, annotation, "value").and_then(|value| tree.string(value)).unwrap_or(own);
                rows = provided(tree, &named).or(rows);
                continue;
            }
            "Test" => {
                let named = element(tree, annotation, "dataProvider").and_then(|value| tree.string(value));
                rows = named.and_then(|named| provided(tree, &named)).or(rows);
                continue;
            }
            _ => continue,
        };
        rows = count.map(|array| tree.parts(array).count()).or(rows);
    }
    rows
}

/// How many rows a method gives that a test takes its data from.
fn provided(tree: &Tree, name: &str) -> Option<usize> {
    let is_meant = |method: Id| {
        let own = tree.field(method, "name").is_some_and(|own| tree.text(own) == name);
        let given = annotations(tree, method).any(|annotation| {
            element(tree, annotation, "name").and_then(|value| tree.string(value)).as_deref() == Some(name)
        });
        own || given
    };
    let method = tree.all().find(|id| tree.kind(*id) == "method_declaration" && is_meant(*id))?;
    let body = tree.field(method, "body")?;
    tree.within(body).find_map(|id| match tree.kind(id) {
        "method_invocation" => match tree.called(id) {
            Some("of" | "asList" | "stream") => Some(tree.arguments(id).len()),
            Some("empty" | "emptyList") => Some(0),
            _ => None,
        },
        "array_creation_expression" => {
            Some(tree.field(id, "value").map_or(0, |value| tree.parts(value).count()))
        }
        "array_initializer" => Some(tree.parts(id).count()),
        _ => None,
    })
}

/// `assumeTrue(…)` and the like.
pub(super) fn skipping_call(tree: &Tree, call: Id) -> Option<String> {
    let name = tree.called(call)?;
    let on = tree.receiver(call).map_or("", |on| tree.text(on));
    let is_assumption = name.starts_with("assum") && (on.is_empty() || on.contains("Assum"));
    let is_exit = (on, name) == ("System", "exit") || (on, name) == ("Assumptions", "abort");
    (is_assumption || is_exit).then(|| format!("{name}()"))
}

/// Time limits and repetitions.
pub(super) fn patience(tree: &Tree, found: &[Found]) -> BTreeMap<String, (f64, u32)> {
    let mut patience = BTreeMap::new();
    for test in found {
        let title = test.name.rsplit(SEPARATOR).next().unwrap_or_default();
        for annotation in annotations(tree, test.root) {
            let name = annotation_name(tree, annotation);
            let key = match name {
                "Test" => "timeout",
                "Timeout" | "RetryingTest" | "RepeatedIfExceptionsTest" => "value",
                _ => continue,
            };
            let value = element(tree, annotation, key).or_else(|| element(tree, annotation, "timeOut"));
            // Without such a mark there is no limit: only what was there can
            // be raised, but a retry is looser than none.
            let unit = element(tree, annotation, "unit").map_or("", |unit| tree.text(unit));
            let factor = match unit.rsplit('.').next().unwrap_or_default() {
                "MINUTES" => 60_000.0,
                "HOURS" => 3_600_000.0,
                "DAYS" => 86_400_000.0,
                "MILLISECONDS" => 1.0,
                "MICROSECONDS" => 0.001,
                "NANOSECONDS" => 0.000_001,
                _ if name == "Timeout" => 1_000.0,
                _ => 1.0,
            };
            if let Some(again) = element(tree, annotation, "retryAnalyzer") {
                patience.insert(format!("retries of {title}"), (1.0, tree.line(again)));
            }
            if let Some(number) = value.and_then(|value| tree.number(value)).map(|number| number * factor) {
                let prefix = if name.starts_with("Re") { "retries" } else { "limit" };
                patience.insert(format!("{prefix} of {title}"), (number, tree.line(annotation)));
            }
        }
    }
    patience
}
