use serde_json::{Value, json};

use super::super::tests::{Registry, bump, planned, repository, said, written};

fn at(repository: &str) -> Value {
    json!({ "repository": { "url": repository } })
}

#[test]
fn the_types_follow_the_major_of_their_package() {
    let files = repository(
        &json!({ "dependencies": { "x": "^1.0.0" }, "devDependencies": { "@types/x": "^1.0.0", "@types/y": "1" } }),
        &[("x", "1.0.0", json!({})), ("@types/x", "1.0.4", json!({})), ("@types/y", "1.0.0", json!({}))],
    );
    let registry = Registry::default()
        .plain("x", &["1.0.0", "2.1.0"])
        .plain("@types/x", &["1.0.4", "2.0.0", "2.0.7", "2.1.3", "2.2.0", "3.0.0"]);
    let plan = planned(&bump("x"), &files, &registry).unwrap();
    assert_eq!(said(&plan), ["x 1.0.0 2.1.0", "@types/x 1.0.4 2.1.3"]);
    assert_eq!(written(&plan, "package.json", "/devDependencies/@types~1x"), "^2.1.3");
}

#[test]
fn equal_versions_of_one_repository_move_together_and_strangers_stay() {
    let files = repository(
        &json!({ "dependencies": { "core": "1.0.0", "plugin": "~1.0.0", "other": "1.0.0", "@s/late": "^1.0.0" } }),
        &["core", "plugin", "other", "@s/late"].map(|name| (name, "1.0.0", json!({}))),
    );
    let (home, away) = (at("git+https://host/o/r.git"), at("https://host/o/away"));
    let both = |versions: [&'static str; 2], value: &Value| versions.map(|version| (version, value.clone()));
    let registry = Registry::default()
        .with("core", &both(["1.0.0", "2.0.0"], &home))
        .with("plugin", &both(["1.0.0", "2.0.0"], &at("https://host/O/r")))
        .with("other", &both(["1.0.0", "2.0.0"], &away))
        .with("@s/late", &both(["1.0.0", "1.9.0"], &home));
    let plan = planned(&bump("core"), &files, &registry).unwrap();
    assert_eq!(said(&plan), ["core 1.0.0 2.0.0", "plugin 1.0.0 2.0.0"]);
    assert_eq!(plan.resolved.others[0].why, "the same release train");
    assert_eq!(written(&plan, "package.json", "/dependencies/plugin"), "~2.0.0");
}

#[test]
fn a_scope_follows_across_a_major_under_versions_of_its_own() {
    let files = repository(
        &json!({ "devDependencies": { "@b/core": "^7.1.0", "@b/env": "^7.0.0" } }),
        &[("@b/core", "7.1.0", json!({})), ("@b/env", "7.0.2", json!({}))],
    );
    let home = at("https://host/b/b");
    let versions = |all: &[&'static str]| all.iter().map(|v| (*v, home.clone())).collect::<Vec<_>>();
    let registry = Registry::default()
        .with("@b/core", &versions(&["7.1.0", "7.2.0", "8.0.1"]))
        .with("@b/env", &versions(&["7.0.2", "7.3.0", "8.0.0"]));
    let plan = planned(&bump("@b/core"), &files, &registry).unwrap();
    assert_eq!(said(&plan), ["@b/core 7.1.0 8.0.1", "@b/env 7.0.2 8.0.0"]);
    let plan = planned(&bump("@b/core@7.2.0"), &files, &registry).unwrap();
    assert_eq!(said(&plan), ["@b/core 7.1.0 7.2.0"]);
}
