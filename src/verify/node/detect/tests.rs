use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::manager::{Kind, Manager};
use crate::outcome::Outcome;
use crate::verify::{CheckKind, Declared, Files, Told, plan};

fn files(manifest: &Value, paths: &[&str]) -> Files {
    Files {
        manifest: Some(manifest.to_string().into_bytes()),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        ..Files::default()
    }
}

/// `kind: command` of every check.
fn shown(files: &Files) -> Vec<String> {
    plan(files)
        .map(|plan| {
            plan.checks.iter().map(|check| format!("{}: {}", check.kind.name(), check.shown())).collect()
        })
        .unwrap_or_default()
}

fn names(manifest: &Value, paths: &[&str]) -> Vec<String> {
    shown(&files(manifest, paths))
}

#[test]
fn checks_are_found_by_the_scripts() {
    let manifest =
        json!({ "scripts": { "test": "jest", "lint": "eslint .", "build": "tsc", "type-check": "tsc" } });
    assert_eq!(
        names(&manifest, &[]),
        ["build: npm run build", "typecheck: npm run type-check", "lint: npm run lint", "test: npm run test"]
    );
}

#[test]
fn usual_names_are_known_and_the_most_usual_wins() {
    for (script, expected) in [
        ("compile", "build: npm run compile"),
        ("typecheck", "typecheck: npm run typecheck"),
        ("tsc", "typecheck: npm run tsc"),
        ("check-types", "typecheck: npm run check-types"),
        ("types", "typecheck: npm run types"),
        ("test:unit", "test: npm run test:unit"),
        ("test:ci", "test: npm run test:ci"),
    ] {
        assert_eq!(names(&json!({ "scripts": { script: "x" } }), &[]), [expected]);
    }
    let both = json!({ "scripts": { "test:ci": "x", "test:unit": "x", "test": "x", "prebuild": "x" } });
    assert_eq!(names(&both, &[]), ["test: npm run test"]);
}

#[test]
fn typescript_is_checked_even_without_a_script() {
    let manifest = json!({ "devDependencies": { "typescript": "5" } });
    assert_eq!(names(&manifest, &["tsconfig.json"]), ["typecheck: npx --no-install tsc --noEmit -p ."]);
    assert!(names(&manifest, &[]).is_empty());
}

#[test]
fn a_script_that_does_nothing_is_no_check() {
    for body in [
        "echo \"Error: no test specified\" && exit 1",
        "exit 0",
        "true",
        ":",
        "",
        "echo \"no tests yet\"",
        "echo later && exit 0",
        "echo one; exit 0",
    ] {
        assert!(names(&json!({ "scripts": { "test": body } }), &[]).is_empty(), "{body}");
        // The next name is taken then.
        let other = json!({ "scripts": { "test": body, "test:unit": "mocha" } });
        assert_eq!(names(&other, &[]), ["test: npm run test:unit"], "{body}");
    }
    for body in ["exit 1", "echo x && node t.js", "echo x | node t.js", "echo $(node t.js)"] {
        assert_eq!(names(&json!({ "scripts": { "test": body } }), &[]).len(), 1, "{body}");
    }
}

#[test]
fn the_configuration_of_a_lint_alone_is_not_run() {
    let manifest = json!({ "scripts": { "test": "x" }, "devDependencies": { "eslint": "9" } });
    assert_eq!(names(&manifest, &["eslint.config.js", "biome.json"]), ["test: npm run test"]);
}

fn workspaces(root: &Value, members: &[(&str, Value)]) -> Files {
    Files {
        members: members
            .iter()
            .map(|(dir, manifest)| ((*dir).to_owned(), manifest.to_string().into_bytes()))
            .collect(),
        ..files(root, &["packages/a/tsconfig.json"])
    }
}

#[test]
fn workspaces_are_checked_when_the_root_tests_nothing() {
    let a = json!({ "name": "a", "scripts": { "test": "jest", "build": "tsc" }, "dependencies": { "b": "*" },
        "devDependencies": { "typescript": "5" } });
    let b = json!({ "name": "b", "scripts": { "test": "exit 0", "build": "tsc" } });
    let members =
        [("packages/a", a), ("packages/b", b), ("examples/c", json!({ "scripts": { "test": "x" } }))];
    let root = json!({ "workspaces": ["./packages/*"], "scripts": { "lint": "eslint ." } });
    let expected = [
        "build: (cd packages/b && npm run build) && (cd packages/a && npm run build)",
        "typecheck: (cd packages/a && npx --no-install tsc --noEmit -p .)",
        "lint: npm run lint",
        "test: (cd packages/a && npm run test)",
    ];
    assert_eq!(shown(&workspaces(&root, &members)), expected);
    let testing = json!({ "workspaces": ["packages/*"], "scripts": { "test": "jest" } });
    assert_eq!(shown(&workspaces(&testing, &members)), ["test: npm run test"]);
    let without = json!({ "workspaces": { "packages": ["packages/*", "!packages/a"] } });
    assert_eq!(shown(&workspaces(&without, &members)), ["build: (cd packages/b && npm run build)"]);

    let mut pnpm = workspaces(&json!({}), &members);
    pnpm.workspace = Some(b"packages:\n  - 'examples/**'\n".to_vec());
    pnpm.manager = Manager { kind: Kind::Pnpm, version: Some("9".into()), lockfile: "pnpm-lock.yaml".into() };
    assert_eq!(shown(&pnpm), ["test: (cd examples/c && pnpm run test)"]);
}

#[test]
fn what_the_repository_declares_wins() {
    let manifest = json!({ "scripts": { "test": "jest", "lint": "eslint ." } });
    let mut all = files(&manifest, &[]);
    let commands = |lines: &[&str]| {
        Told::Commands(lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect())
    };
    all.declared = Declared {
        checks: BTreeMap::from([
            (CheckKind::Lint, Told::Off),
            (CheckKind::Test, commands(&["npm run one", "mocha two"])),
            (CheckKind::Build, commands(&["make"])),
        ]),
        timeouts: BTreeMap::from([(CheckKind::Test, Duration::from_mins(20))]),
    };
    assert_eq!(shown(&all), ["build: make", "test: npm run one && mocha two"]);
    let checks = plan(&all).unwrap().checks;
    assert_eq!(checks.last().unwrap().timeout, Duration::from_mins(20));
    assert!(checks.last().unwrap().steps.last().unwrap().teller.is_some());
    all.declared.checks = CheckKind::ALL.into_iter().map(|kind| (kind, Told::Off)).collect();
    assert_eq!(plan(&all).unwrap_err().outcome(), Outcome::NothingToVerify);
}
