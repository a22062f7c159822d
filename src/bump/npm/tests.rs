//! A registry in memory, small repositories, and what is planned for them.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio_util::bytes::Bytes;

use super::*;
use crate::advisory::Severity;
use crate::change::{Ecosystem, Step};
use crate::manager::Kind;

/// Listings by name.
#[derive(Default)]
pub(super) struct Registry(BTreeMap<String, Value>);

impl Packages for Registry {
    fn address(&self, _ecosystem: Ecosystem) -> Option<String> {
        None
    }

    fn fetch<'a>(
        &'a self,
        document: &'a Document,
        _fixing: bool,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Failure>> {
        let Document::NpmListing { name, times } = document else { panic!("only listings") };
        let mut listing = self.0.get(name).cloned();
        if !times {
            // The short form names no repository.
            for version in
                listing.iter_mut().flat_map(|l| l["versions"].as_object_mut().unwrap().values_mut())
            {
                version.as_object_mut().unwrap().remove("repository");
            }
        }
        Box::pin(async move { Ok(listing.map(|listing| Bytes::from(listing.to_string()))) })
    }
}

impl Registry {
    /// Adds versions, the last of them the latest. Each is a version and the
    /// rest of its manifest.
    pub(super) fn with(mut self, name: &str, versions: &[(&str, Value)]) -> Self {
        let latest = versions.last().unwrap().0;
        let versions: serde_json::Map<String, Value> =
            versions.iter().map(|(version, rest)| ((*version).to_owned(), rest.clone())).collect();
        self.0.insert(name.into(), json!({ "dist-tags": { "latest": latest }, "versions": versions }));
        self
    }

    /// The same without anything said about the versions.
    pub(super) fn plain(self, name: &str, versions: &[&str]) -> Self {
        let versions: Vec<(&str, Value)> = versions.iter().map(|version| (*version, json!({}))).collect();
        self.with(name, &versions)
    }
}

/// `dependencies` of a release.
pub(super) fn deps(dependencies: Value) -> Value {
    json!({ "dependencies": dependencies })
}

/// A repository: its root manifest, and what npm installed by place.
pub(super) fn repository(manifest: &Value, installed: &[(&str, &str, Value)]) -> Texts {
    let mut packages = serde_json::Map::new();
    packages.insert(String::new(), manifest.clone());
    for (place, version, rest) in installed {
        let mut entry = rest.clone();
        entry["version"] = json!(version);
        packages.insert(format!("node_modules/{place}"), entry);
    }
    let lockfile = json!({ "lockfileVersion": 3, "packages": packages });
    Texts::from([
        ("package.json".into(), serde_json::to_string_pretty(manifest).unwrap()),
        ("package-lock.json".into(), lockfile.to_string()),
    ])
}

pub(super) fn advisory(package: &str, vulnerable: &[&str]) -> Advisory {
    Advisory {
        alert: None,
        ghsa: String::new(),
        ecosystem: Ecosystem::Npm,
        package: package.into(),
        manifest: String::new(),
        scope: None,
        severity: Severity::High,
        summary: String::new(),
        vulnerable: vulnerable.iter().map(|range| (*range).to_owned()).collect(),
        patched: vec![],
    }
}

/// A question without its files.
pub(super) struct Asking {
    pub(super) bumps: Vec<Bump>,
    pub(super) advisories: Vec<Advisory>,
    pub(super) manager: Manager,
    pub(super) runtime: Runtime,
}

pub(super) fn bump(wanted: &str) -> Asking {
    let bumps = wanted.split(' ').map(|one| {
        let (package, version) = match one.rsplit_once('@') {
            Some((package, version)) if !package.is_empty() => (package, Some(version.to_owned())),
            _ => (one, None),
        };
        Bump { package: package.into(), version }
    });
    Asking {
        bumps: bumps.collect(),
        advisories: vec![],
        manager: Manager { kind: Kind::Npm, version: None, lockfile: "package-lock.json".into() },
        runtime: Runtime::Node { major: 20, engines: None },
    }
}

pub(super) fn secure(package: &str, vulnerable: &[&str]) -> Asking {
    Asking { advisories: vec![advisory(package, vulnerable)], ..bump(package) }
}

pub(super) fn planned(asking: &Asking, files: &Texts, registry: &Registry) -> Result<Plan, Failure> {
    around(asking, files, registry, &[])
}

pub(super) fn around(
    asking: &Asking,
    files: &Texts,
    registry: &Registry,
    conflicts: &[Conflict],
) -> Result<Plan, Failure> {
    let Asking { bumps, advisories, manager, runtime } = asking;
    let question = Question { files, manager, bumps, advisories, runtime };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(plan_around(&question, registry, conflicts))
}

/// `package from to`, and everything that moves along.
pub(super) fn said(plan: &Plan) -> Vec<String> {
    let Resolved { package, from, to, others, .. } = &plan.resolved;
    let others = others.iter().map(|other| format!("{} {} {}", other.package, other.from, other.to));
    [format!("{package} {from} {to}")].into_iter().chain(others).collect()
}

pub(super) fn pins(plan: &Plan) -> Vec<String> {
    let pin = |pin: &Pin| {
        let replaces = pin.replaces.as_deref().map_or(String::new(), |old| format!(" for {old}"));
        let under = pin.under.as_deref().map_or(String::new(), |under| format!(" under {under}"));
        format!("{} {}{replaces}{under}", pin.package, pin.version)
    };
    let mut pins: Vec<String> = plan.pins.iter().map(pin).collect();
    pins.sort();
    pins
}

/// One value of a manifest that the plan changes.
pub(super) fn written(plan: &Plan, path: &str, pointer: &str) -> String {
    let manifest: Value = serde_json::from_str(&plan.manifests[path]).unwrap();
    manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[test]
fn a_declared_package_goes_to_the_newest_and_keeps_its_style() {
    let manifest =
        json!({ "name": "app", "dependencies": { "a": "~1.0.0" }, "devDependencies": { "b": "1" } });
    let files = repository(&manifest, &[("a", "1.0.3", json!({})), ("b", "1.0.0", json!({}))]);
    let registry = Registry::default().plain("a", &["1.0.3", "2.0.0", "3.0.0-rc.1", "2.1.0"]);
    let plan = planned(&bump("a"), &files, &registry).unwrap();
    assert_eq!(said(&plan), ["a 1.0.3 2.1.0"]);
    assert_eq!(plan.resolved.step, Step::Direct);
    assert_eq!(written(&plan, "package.json", "/dependencies/a"), "~2.1.0");
    assert_eq!(pins(&plan), ["a 2.1.0"]);
    assert!(!plan.resolved.reasons.is_empty());
    assert!(!plan.manifests.contains_key("package-lock.json"));
}

#[test]
fn several_packages_are_one_plan_and_what_is_current_holds_nobody_up() {
    let manifest = json!({ "dependencies": { "a": "^1.0.0", "b": "^1.0.0", "c": "^1.0.0" } });
    let installed = ["a", "b", "c"].map(|name| (name, "1.0.0", json!({})));
    let files = repository(&manifest, &installed);
    let registry = Registry::default()
        .plain("a", &["1.0.0"])
        .plain("b", &["1.0.0", "2.0.0"])
        .plain("c", &["1.0.0", "1.5.0"]);
    let plan = planned(&bump("a b c@1.5.0"), &files, &registry).unwrap();
    assert_eq!(said(&plan), ["b 1.0.0 2.0.0", "c 1.0.0 1.5.0"]);
    assert_eq!(plan.resolved.others[0].why, "asked for too");
    assert_eq!(planned(&bump("a"), &files, &registry).unwrap_err().outcome(), Outcome::AlreadyCurrent);
}

#[test]
fn every_workspace_that_declares_it_is_raised() {
    let manifest = json!({ "name": "root", "workspaces": ["p/*"] });
    let mut files = repository(&manifest, &[("a", "1.0.0", json!({}))]);
    files.insert("p/x/package.json".into(), r#"{ "name": "x", "dependencies": { "a": "^1.0.0" } }"#.into());
    files.insert("p/y/package.json".into(), r#"{ "name": "y", "devDependencies": { "a": "1.0.0" } }"#.into());
    let registry = Registry::default().plain("a", &["1.0.0", "2.0.0"]);
    let plan = planned(&bump("a"), &files, &registry).unwrap();
    assert_eq!(written(&plan, "p/x/package.json", "/dependencies/a"), "^2.0.0");
    assert_eq!(written(&plan, "p/y/package.json", "/devDependencies/a"), "2.0.0");
    assert_eq!(plan.manifests.len(), 2);
}

#[test]
fn what_is_not_there_or_not_from_the_registry_is_declined_with_the_reason() {
    let manifest =
        json!({ "name": "root", "dependencies": { "g": "owner/g", "f": "file:../f", "w": "workspace:*" } });
    let mut files =
        repository(&manifest, &[("g", "1.0.0", json!({ "resolved": "git+ssh://git@host/g.git#1" }))]);
    files.insert("p/own/package.json".into(), r#"{ "name": "own" }"#.into());
    for (package, words) in [
        ("g", "it is not from the registry (owner/g)"),
        ("f", "it is not from the registry (file:../f)"),
        ("w", "it is not from the registry (workspace:*)"),
        ("own", "it is a package of this repository"),
        ("nowhere", "none of the 2 package.json here, and package-lock.json does not install it"),
    ] {
        for asking in [bump(package), secure(package, &["< 9"])] {
            let failure = planned(&asking, &files, &Registry::default()).unwrap_err();
            assert_eq!(failure.outcome(), Outcome::DeclinedPolicy, "{package}");
            assert!(failure.public().contains(words), "{package}: {}", failure.public());
        }
    }
}

#[test]
fn a_package_that_the_registry_does_not_know_and_a_broken_lockfile_have_their_outcomes() {
    let files = repository(&json!({ "dependencies": { "a": "^1.0.0" } }), &[("a", "1.0.0", json!({}))]);
    let outcome = |files: &Texts| planned(&bump("a"), files, &Registry::default()).unwrap_err().outcome();
    assert_eq!(outcome(&files), Outcome::NoSafeVersion);
    let with = |path: &str, text: &str| {
        let mut files = files.clone();
        files.insert(path.into(), text.into());
        files
    };
    for (path, text) in [("package-lock.json", "{"), ("package.json", "{"), ("package-lock.json", "{}")] {
        assert_eq!(outcome(&with(path, text)), Outcome::EditFailed, "{path} {text}");
    }
}

#[test]
fn a_transitive_package_goes_as_far_as_its_dependents_allow() {
    let files = repository(
        &json!({ "dependencies": { "p": "^1.0.0" } }),
        &[("p", "1.0.0", deps(json!({ "x": "^1.0.0" }))), ("x", "1.0.0", json!({}))],
    );
    let registry = Registry::default()
        .plain("x", &["1.0.0", "1.5.0", "2.0.0"])
        .with("p", &[("1.0.0", deps(json!({ "x": "^1.0.0" }))), ("1.1.0", deps(json!({ "x": "^2.0.0" })))]);
    let plan = planned(&bump("x"), &files, &registry).unwrap();
    assert_eq!((said(&plan), plan.resolved.step), (vec!["x 1.0.0 1.5.0".to_owned()], Step::InRangeRefresh));
    let plan = planned(&bump("x@2.0.0"), &files, &registry).unwrap();
    assert_eq!(said(&plan), ["x 1.0.0 2.0.0", "p 1.0.0 1.1.0"]);
    assert_eq!(plan.resolved.step, Step::AncestorBump);
}

#[test]
fn the_workspaces_move_together_and_nothing_else_of_the_tree_does() {
    let manifest = json!({ "name": "root", "workspaces": ["p/*"], "dependencies": { "a": "^1.0.0" } });
    let mut files = repository(&manifest, &[("a", "1.0.0", json!({}))]);
    let mut lockfile: Value = serde_json::from_str(&files["package-lock.json"]).unwrap();
    lockfile["packages"]["p/x"] = json!({ "dependencies": { "a": "^1.0.0" } });
    files.insert("package-lock.json".into(), lockfile.to_string());
    for dir in ["p/x", "examples/x", "web"] {
        files.insert(
            format!("{dir}/package.json"),
            r#"{ "name": "x", "dependencies": { "a": "^1.0.0" } }"#.into(),
        );
    }
    files.insert("test/fixtures/broken/package.json".into(), "{ nope".into());
    let paths = files.keys().cloned().collect();
    let project = crate::bump::survey::Project { ecosystem: Ecosystem::Npm, root: String::new() };
    let repository = crate::bump::Repository { project, files, paths };
    let Asking { bumps, runtime, .. } = bump("a");
    let registry = Registry::default().plain("a", &["1.0.0", "2.0.0"]);
    let on = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ask = crate::bump::Ask::bump(bumps);
    let plan = on.block_on(crate::bump::plan(&repository, &ask, &runtime, &registry)).unwrap();
    let crate::bump::Plan::Npm(plan) = plan else { panic!("it is npm's") };
    assert_eq!(plan.manifests.keys().collect::<Vec<_>>(), ["p/x/package.json", "package.json"]);
}

#[test]
fn a_vulnerable_copy_from_elsewhere_is_declined_with_its_way_in() {
    let git = |version: &str| json!({ "resolved": "git+ssh://git@host/g.git#1", "version": version });
    let needs = || deps(json!({ "g": "owner/g" }));
    let manifest = |more: Value| json!({ "name": "app", "dependencies": more });
    let alone = repository(
        &manifest(json!({ "p": "1.0.0" })),
        &[("p", "1.0.0", needs()), ("g", "1.0.0", git("1.0.0"))],
    );
    let beside = |version: &str| {
        let installed =
            [("p", "1.0.0", needs()), ("g", "2.0.0", json!({})), ("p/node_modules/g", version, git(version))];
        repository(&manifest(json!({ "p": "1.0.0", "g": "^2.0.0" })), &installed)
    };
    for (files, outcome, words) in [
        (alone, Outcome::DeclinedPolicy, "it is not from the registry (app > p > g)"),
        (beside("1.0.0"), Outcome::DeclinedPolicy, "it is not from the registry (app > p > g)"),
        (beside("2.0.0"), Outcome::AlreadyCurrent, "outside the advisory's ranges"),
        (beside(""), Outcome::AlreadyCurrent, "outside the advisory's ranges"),
    ] {
        let registry = Registry::default().plain("g", &["1.0.0", "2.0.0"]);
        let failure = planned(&secure("g", &["< 2.0.0"]), &files, &registry).unwrap_err();
        assert_eq!(failure.outcome(), outcome, "{}", failure.public());
        assert!(failure.public().contains(words), "{}", failure.public());
    }
}
