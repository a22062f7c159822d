use serde_json::json;

use super::super::tests::{Asking, Registry, bump, deps, pins, planned, repository, said, secure, written};
use crate::change::Step;
use crate::manager::{Kind, Manager};
use crate::outcome::Outcome;

/// `app > p > x`, with what `p` asks for.
fn below_parent(declared: &str, range: &str) -> crate::bump::edit::Texts {
    repository(
        &json!({ "name": "app", "private": true, "dependencies": { "p": declared } }),
        &[("p", "1.0.0", deps(json!({ "x": range }))), ("x", "1.0.0", json!({}))],
    )
}

fn x() -> Registry {
    Registry::default().plain("x", &["1.0.0", "1.1.0", "1.2.0", "1.3.0-rc.1", "1.3.0", "2.0.0", "2.1.0"])
}

const FIXED: [&str; 1] = ["< 1.2.0"];

#[test]
fn a_range_in_place_that_allows_a_fix_changes_the_lockfile_only() {
    let files = below_parent("^1.0.0", "^1.0.0");
    let plan = planned(&secure("x", &FIXED), &files, &x()).unwrap();
    assert_eq!((said(&plan), plan.resolved.step), (vec!["x 1.0.0 1.2.0".to_owned()], Step::InRangeRefresh));
    assert!(plan.manifests.is_empty());
    assert_eq!(pins(&plan), ["x 1.2.0 for 1.0.0"], "the lowest, not the newest");
    let direct = repository(&json!({ "dependencies": { "x": "^1.0.0" } }), &[("x", "1.0.0", json!({}))]);
    let plan = planned(&secure("x", &FIXED), &direct, &x()).unwrap();
    assert_eq!(plan.resolved.step, Step::InRangeRefresh);
    assert!(plan.manifests.is_empty());
    assert_eq!(pins(&plan), ["x 1.2.0"]);
}

#[test]
fn a_declared_range_that_allows_none_is_raised() {
    for (vulnerable, range, to) in [(&["< 1.2.0"][..], "1.0.0", "1.2.0"), (&["< 2.0.0"], "~1.0.0", "~2.0.0")]
    {
        let files = repository(&json!({ "dependencies": { "x": range } }), &[("x", "1.0.0", json!({}))]);
        let plan = planned(&secure("x", vulnerable), &files, &x()).unwrap();
        assert_eq!(plan.resolved.step, Step::Direct);
        assert_eq!(written(&plan, "package.json", "/dependencies/x"), to);
    }
}

#[test]
fn the_lowest_parent_of_the_same_major_is_taken() {
    let registry = x().with(
        "p",
        &[
            ("0.9.0", deps(json!({ "x": "^1.2.0" }))),
            ("1.0.0", deps(json!({ "x": "~1.0.0" }))),
            ("1.1.0", deps(json!({ "x": "~1.1.0" }))),
            ("1.2.0", deps(json!({ "x": "~1.2.0" }))),
            ("1.3.0", deps(json!({ "x": "^1.3.0" }))),
            ("2.0.0", json!({})),
        ],
    );
    let plan = planned(&secure("x", &FIXED), &below_parent("^1.0.0", "~1.0.0"), &registry).unwrap();
    assert_eq!(
        (said(&plan), plan.resolved.step),
        (vec!["x 1.0.0 1.2.0".into(), "p 1.0.0 1.2.0".into()], Step::AncestorBump)
    );
    assert!(plan.manifests.is_empty());
    assert_eq!(pins(&plan), ["p 1.2.0", "x 1.2.0 for 1.0.0"]);
    let plan = planned(&secure("x", &FIXED), &below_parent("1.0.0", "~1.0.0"), &registry).unwrap();
    assert_eq!(written(&plan, "package.json", "/dependencies/p"), "1.2.0");
}

#[test]
fn a_major_of_the_declared_parent_comes_before_an_override() {
    let registry = x().with(
        "p",
        &[
            ("1.0.0", deps(json!({ "x": "~1.0.0" }))),
            ("1.1.0", deps(json!({ "x": "~1.1.0" }))),
            ("3.0.0", deps(json!({ "x": "^1.2.0" }))),
        ],
    );
    let plan = planned(&secure("x", &FIXED), &below_parent("^1.0.0", "~1.0.0"), &registry).unwrap();
    assert_eq!(
        (said(&plan), plan.resolved.step),
        (vec!["x 1.0.0 1.2.0".into(), "p 1.0.0 3.0.0".into()], Step::AncestorMajor)
    );
    assert_eq!(written(&plan, "package.json", "/dependencies/p"), "^3.0.0");
}

#[test]
fn a_parent_that_no_longer_needs_it_is_a_fix_too() {
    let registry = x().with("p", &[("1.0.0", deps(json!({ "x": "~1.0.0" }))), ("1.1.0", json!({}))]);
    let plan = planned(&secure("x", &FIXED), &below_parent("^1.0.0", "~1.0.0"), &registry).unwrap();
    assert_eq!(said(&plan), ["p 1.0.0 1.1.0"]);
    assert!(
        plan.resolved.reasons.iter().any(|reason| reason.contains("does without")),
        "{:?}",
        plan.resolved.reasons
    );
}

/// `app > g > p > x`: nothing moves without the grandparent.
#[test]
fn a_fix_across_two_versions_moves_both_ancestors() {
    let files = repository(
        &json!({ "dependencies": { "g": "^1.0.0" } }),
        &[
            ("g", "1.0.0", deps(json!({ "p": "1.0.0" }))),
            ("p", "1.0.0", deps(json!({ "x": "1.0.0" }))),
            ("x", "1.0.0", json!({})),
        ],
    );
    let registry = x()
        .with("p", &[("1.0.0", deps(json!({ "x": "1.0.0" }))), ("1.0.1", deps(json!({ "x": "1.2.0" })))])
        .with("g", &[("1.0.0", deps(json!({ "p": "1.0.0" }))), ("1.0.5", deps(json!({ "p": "1.0.1" })))]);
    let plan = planned(&secure("x", &FIXED), &files, &registry).unwrap();
    assert_eq!(said(&plan), ["x 1.0.0 1.2.0", "g 1.0.0 1.0.5", "p 1.0.0 1.0.1"]);
    assert_eq!(pins(&plan), ["g 1.0.5", "p 1.0.1 for 1.0.0", "x 1.2.0 for 1.0.0"]);
}

#[test]
fn an_override_holds_below_one_parent_only_and_never_lowers_it() {
    let registry = x().with("p", &[("0.5.0", json!({})), ("1.0.0", deps(json!({ "x": "~1.0.0" })))]);
    let files = below_parent("^1.0.0", "~1.0.0");
    let plan = planned(&secure("x", &FIXED), &files, &registry).unwrap();
    assert_eq!((said(&plan), plan.resolved.step), (vec!["x 1.0.0 1.2.0".to_owned()], Step::Override));
    assert_eq!(written(&plan, "package.json", "/overrides/p/x"), "^1.2.0");
    assert_eq!(pins(&plan), ["x 1.2.0 for 1.0.0 under p"]);
    let warned =
        |plan: &super::super::Plan| plan.resolved.reasons.iter().any(|r| r.contains("published library"));
    assert!(!warned(&plan));
    let mut published = files.clone();
    let text = published["package.json"].replace("\"private\": true", "\"version\": \"1.0.0\"");
    published.insert("package.json".into(), text);
    assert!(warned(&planned(&secure("x", &FIXED), &published, &registry).unwrap()));
}

#[test]
fn where_no_override_is_possible_the_parent_is_named() {
    let registry = x().with("p", &[("1.0.0", deps(json!({ "x": "~1.0.0" })))]);
    let old =
        Manager { kind: Kind::Npm, version: Some("6.14.18".into()), lockfile: "package-lock.json".into() };
    let bundled = repository(
        &json!({ "dependencies": { "p": "^1.0.0" } }),
        &[("p", "1.0.0", deps(json!({ "x": "~1.0.0" }))), ("x", "1.0.0", json!({ "inBundle": true }))],
    );
    let files = below_parent("^1.0.0", "~1.0.0");
    for (asking, files) in [
        (Asking { manager: old, ..secure("x", &FIXED) }, &files),
        (secure("x", &FIXED), &bundled),
        (bump("x@1.2.0"), &files),
    ] {
        let failure = planned(&asking, files, &registry).unwrap_err();
        assert_eq!(failure.outcome(), Outcome::BlockedByParent);
        let words = "held back by p 1.0.0 (latest), which needs x ~1.0.0";
        assert!(failure.public().contains(words), "{}", failure.public());
    }
}

#[test]
fn every_copy_is_lifted_in_its_own_line() {
    let files = repository(
        &json!({ "dependencies": { "p": "^1.0.0", "q": "^1.0.0", "x": "^3.0.0" } }),
        &[
            ("p", "1.0.0", deps(json!({ "x": "^2.0.0" }))),
            ("q", "1.0.0", deps(json!({ "x": "^1.0.0" }))),
            ("p/node_modules/x", "2.5.0", json!({})),
            ("q/node_modules/x", "1.0.0", json!({})),
            ("x", "3.0.0", json!({})),
        ],
    );
    let registry =
        Registry::default().plain("x", &["1.0.0", "1.0.1", "2.5.0", "2.5.9", "3.0.0", "3.1.2", "3.2.0"]);
    let asking = secure("x", &[">= 2.0.0, < 2.5.9", ">= 3.0.0, < 3.1.2"]);
    let plan = planned(&asking, &files, &registry).unwrap();
    assert_eq!(said(&plan), ["x 2.5.0 2.5.9", "x 3.0.0 3.1.2"]);
    assert_eq!(pins(&plan), ["x 2.5.9 for 2.5.0", "x 3.1.2"]);
}

#[test]
fn one_copy_with_two_askers_is_split_when_they_allow_different_fixes() {
    let files = repository(
        &json!({ "dependencies": { "p": "^1.0.0", "q": "^1.0.0" } }),
        &[
            ("p", "1.0.0", deps(json!({ "x": "1.0.0 || 1.2.0" }))),
            ("q", "1.0.0", deps(json!({ "x": "1.0.0 || 1.3.0" }))),
            ("x", "1.0.0", json!({})),
        ],
    );
    let plan = planned(&secure("x", &FIXED), &files, &x()).unwrap();
    assert_eq!(pins(&plan), ["x 1.2.0 for 1.0.0 under p", "x 1.3.0 for 1.0.0 under q"]);
    assert_eq!(said(&plan), ["x 1.0.0 1.2.0", "x 1.0.0 1.3.0"]);
}

#[test]
fn an_override_in_place_is_raised_where_it_stands() {
    let files = repository(
        &json!({ "dependencies": { "p": "^1.0.0" }, "overrides": { "x": "1.0.0" } }),
        &[("p", "1.0.0", deps(json!({ "x": "^1.0.0" }))), ("x", "1.0.0", json!({}))],
    );
    let plan = planned(&secure("x", &FIXED), &files, &x()).unwrap();
    assert_eq!(plan.resolved.step, Step::Override);
    assert_eq!(written(&plan, "package.json", "/overrides/x"), "1.2.0");
}

#[test]
fn what_cannot_be_fixed_or_needs_no_fix_says_so() {
    let files = below_parent("^1.0.0", "^1.0.0");
    for (vulnerable, outcome, words) in [
        (&[">= 0"][..], Outcome::NoSafeVersion, "no fixed version was published"),
        (&["< 1.0.0"], Outcome::AlreadyCurrent, "every installed one is outside"),
        (&["banana"], Outcome::InternalError, "banana"),
    ] {
        let failure = planned(&secure("x", vulnerable), &files, &x()).unwrap_err();
        assert_eq!(failure.outcome(), outcome);
        assert!(failure.public().contains(words), "{}", failure.public());
    }
    let newer = Registry::default()
        .with("x", &[("1.0.0", json!({})), ("1.2.0", json!({ "engines": { "node": ">=99" } }))]);
    let failure = planned(&secure("x", &FIXED), &files, &newer).unwrap_err();
    assert_eq!(failure.outcome(), Outcome::DeclinedPolicy);
    assert!(failure.public().contains("1.2.0 needs Node >=99"), "{}", failure.public());
}

#[test]
fn a_transitive_copy_of_a_workspace_is_lifted_by_the_workspace_that_declares_its_parent() {
    let mut files = repository(
        &json!({ "name": "root", "workspaces": ["w"] }),
        &[("p", "1.0.0", deps(json!({ "x": "1.0.0" }))), ("x", "1.0.0", json!({}))],
    );
    files.insert("w/package.json".into(), r#"{"name":"w","dependencies":{"p":"1.0.0"}}"#.into());
    let registry =
        x().with("p", &[("1.0.0", deps(json!({ "x": "1.0.0" }))), ("1.0.1", deps(json!({ "x": "1.2.0" })))]);
    let plan = planned(&secure("x", &FIXED), &files, &registry).unwrap();
    assert_eq!(written(&plan, "w/package.json", "/dependencies/p"), "1.0.1");
    assert_eq!(plan.manifests.len(), 1);
}

/// As express and body-parser do with qs: both pin it, and one pins the
/// other.
#[test]
fn a_parent_that_moved_for_one_copy_is_asked_again_for_the_next() {
    let files = repository(
        &json!({ "dependencies": { "e": "1.0.0" } }),
        &[
            ("b", "1.0.0", deps(json!({ "x": "1.0.0" }))),
            ("e", "1.0.0", deps(json!({ "b": "1.0.0", "x": "1.0.0" }))),
            ("x", "1.0.0", json!({})),
        ],
    );
    let e = |b: &str, x: &str| deps(json!({ "b": b, "x": x }));
    let registry = x()
        .with(
            "b",
            &[
                ("1.0.0", deps(json!({ "x": "1.0.0" }))),
                ("1.1.0", deps(json!({ "x": "1.2.0" }))),
                ("1.2.0", deps(json!({ "x": "1.3.0" }))),
            ],
        )
        .with(
            "e",
            &[("1.0.0", e("1.0.0", "1.0.0")), ("1.1.0", e("1.1.0", "1.2.0")), ("1.2.0", e("1.2.0", "1.3.0"))],
        );
    let plan = planned(&secure("x", &FIXED), &files, &registry).unwrap();
    assert_eq!(said(&plan), ["x 1.0.0 1.2.0", "e 1.0.0 1.1.0", "b 1.0.0 1.1.0"]);
    assert_eq!(pins(&plan), ["b 1.1.0 for 1.0.0", "e 1.1.0", "x 1.2.0 for 1.0.0"]);
    // Here the second copy needs one more step, and takes the first along.
    let registry = registry.with(
        "e",
        &[("1.0.0", e("1.0.0", "1.0.0")), ("1.1.0", e("1.1.0", "1.0.0")), ("1.2.0", e("1.2.0", "1.3.0"))],
    );
    let plan = planned(&secure("x", &FIXED), &files, &registry).unwrap();
    assert_eq!(said(&plan), ["x 1.0.0 1.2.0", "x 1.0.0 1.3.0", "e 1.0.0 1.2.0", "b 1.0.0 1.2.0"]);
    assert_eq!(pins(&plan)[..2], ["b 1.2.0 for 1.0.0".to_owned(), "e 1.2.0".to_owned()]);
}
