//! A quiet bump with every package manager: the real one, in its own
//! version, in real containers.
//!
//! The version asked for is not the newest, so that nothing but the pin
//! brings it about. The script calls the manager by name.

use serde_json::Value;
use standin::fixtures::{self, Files};

use super::trial::{Checkout, git};

const BRANCH: &str = "agent/bump/ms-2.1.2";

/// A repository with this lockfile; `pinned` goes into the manifest.
fn repository(manager: &str, pinned: &str, lockfile: (&str, &str)) -> Files {
    let manifest = format!(
        "{{\n  \"name\": \"quiet\",\n  \"version\": \"1.0.0\",\n  \"private\": true,{pinned}\n  \"scripts\": {{\n    \"test\": \"{manager} run unit\",\n    \"unit\": \"node --test test/age.test.js\"\n  }},\n  \"dependencies\": {{\n    \"inherits\": \"^2.0.3\",\n    \"ms\": \"^2.0.0\"\n  }}\n}}\n"
    );
    let files = fixtures::with(fixtures::quiet(), "package-lock.json", None);
    let files = fixtures::with(files, "package.json", Some(&manifest));
    let files = fixtures::with(files, ".gitignore", Some("node_modules/\n.yarn/\n.pnp.*\n"));
    fixtures::with(files, lockfile.0, Some(lockfile.1))
}

/// Bumps, and returns the lines that the lockfile lost and gained.
async fn bump(files: &Files, lockfile: &str) -> Vec<String> {
    bump_all(files, lockfile, &[]).await
}

/// The same, and these manifests of workspaces change too.
async fn bump_all(files: &Files, lockfile: &str, workspaces: &[&str]) -> Vec<String> {
    let checkout = Checkout::new(files).await;
    let (code, report) = checkout.attempt("ms@2.1.2").await;
    assert_eq!((code, report["outcome"].as_str()), (0, Some("pr_opened")), "{report:#}");
    assert_eq!(report["model_calls"]["repair"], 0, "{report:#}");
    let changed = git(&checkout.repo(), &["diff", "--name-only", "main", BRANCH]).await;
    let mut expected = [&[lockfile, "package.json"], workspaces].concat();
    expected.sort_unstable();
    assert_eq!(changed.lines().collect::<Vec<_>>(), expected);
    let diff = git(&checkout.repo(), &["diff", "-U0", "main", BRANCH, "--", lockfile]).await;
    diff.lines()
        .filter(|line| line.starts_with(['-', '+']) && !line.starts_with("---") && !line.starts_with("+++"))
        .map(|line| line.replace(char::is_whitespace, ""))
        .filter(|line| !line.contains("sha512") && !line.contains("checksum"))
        .collect()
}

fn pinned(version: &str) -> String {
    format!("\n  \"packageManager\": \"{version}\",")
}

#[tokio::test(flavor = "multi_thread")]
async fn yarn_1_keeps_the_form_of_addresses() {
    let bare = include_str!("managers/yarn-1.lock");
    let lines = bump(&repository("yarn", "", ("yarn.lock", bare)), "yarn.lock").await;
    assert_eq!(lines, ["-ms@^2.0.0:", "-version\"2.0.0\"", "+ms@^2.1.2:", "+version\"2.1.2\""]);

    let mut addressed = String::new();
    for line in bare.split_inclusive('\n') {
        addressed.push_str(line);
        for (version, file) in [("2.0.3", "inherits/-/inherits-2.0.3"), ("2.0.0", "ms/-/ms-2.0.0")] {
            if line == format!("  version \"{version}\"\n") {
                let address = format!("  resolved \"https://mirror.test/npm/{file}.tgz\"\n");
                addressed.push_str(&address);
            }
        }
    }
    let lines = bump(&repository("yarn", "", ("yarn.lock", &addressed)), "yarn.lock").await;
    assert!(
        lines.contains(&"-resolved\"https://mirror.test/npm/ms/-/ms-2.0.0.tgz\"".to_owned()),
        "{lines:?}"
    );
    let new = "+resolved\"https://mirror.test/npm/ms/-/ms-2.1.2.tgz";
    assert!(lines.iter().any(|line| line.starts_with(new)), "{lines:?}");
    assert_eq!(lines.len(), 6, "{lines:?}");
}

async fn berry(pinned: &str, yarnrc: &str, text: &str) {
    let files = repository("yarn", pinned, ("yarn.lock", text));
    let files = fixtures::with(files, ".yarnrc.yml", Some(yarnrc));
    let lines = bump(&files, "yarn.lock").await;
    for (line, there) in [
        ("-\"ms@npm:^2.0.0\":", true),
        ("+\"ms@npm:^2.1.2\":", true),
        ("+resolution:\"ms@npm:2.1.2\"", true),
        ("inherits", false),
    ] {
        assert_eq!(lines.iter().any(|found| found.contains(line)), there, "{line}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn yarn_2_and_newer_run_without_the_repositorys_programs() {
    // A release and a plugin that would fail every command.
    let evil =
        "nodeLinker: node-modules\nyarnPath: .yarn/releases/yarn-3.8.7.cjs\nplugins:\n  - path: evil.cjs\n";
    berry("", evil, include_str!("managers/yarn-3.lock")).await;
    berry(&pinned("yarn@4.9.2"), "nodeLinker: pnp\n", include_str!("managers/yarn-4.lock")).await;
    berry("", "nodeLinker: node-modules\n", include_str!("managers/yarn-2.lock")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pnpm_of_every_format() {
    for (pin, text) in [
        ("", include_str!("managers/pnpm-7.yaml")),
        ("", include_str!("managers/pnpm-8.yaml")),
        (&*pinned("pnpm@9.15.9"), include_str!("managers/pnpm-10.yaml")),
        ("", include_str!("managers/pnpm-10.yaml")),
    ] {
        let lines = bump(&repository("pnpm", pin, ("pnpm-lock.yaml", text)), "pnpm-lock.yaml").await;
        let other = lines.iter().find(|line| !line.contains("2.0.0") && !line.contains("2.1.2"));
        assert_eq!(other, None, "{lines:?}");
        assert!(lines.len() >= 6, "{lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_of_every_format() {
    for (path, text) in [
        ("package-lock.json", include_str!("managers/npm-6.json")),
        ("package-lock.json", include_str!("managers/npm-8.json")),
        // Another indentation, and no newline at the end.
        ("npm-shrinkwrap.json", include_str!("managers/npm-8.json").replace("  ", "\t").trim_end()),
    ] {
        let lines = bump(&repository("npm", "", (path, text)), path).await;
        let other = lines.iter().find(|line| !line.contains("2.0.0") && !line.contains("2.1.2"));
        assert_eq!(other, None, "{lines:?}");
        assert!(!lines.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_with_workspaces() {
    let text = include_str!("managers/workspaces.json");
    let lockfile: Value = serde_json::from_str(text).unwrap();
    let mut files =
        repository("npm", "\n  \"workspaces\": [\n    \"packages/*\"\n  ],", ("package-lock.json", text));
    for name in ["core", "web"] {
        let path = format!("packages/{name}");
        let mut manifest = lockfile["packages"][&path].clone();
        manifest["name"] = name.into();
        files.push((format!("{path}/package.json"), manifest.to_string()));
    }
    let lines = bump_all(&files, "package-lock.json", &["packages/core/package.json"]).await;
    let other = lines.iter().find(|line| line.contains("inherits"));
    assert_eq!(other, None, "{lines:?}");
    // All that declare it move together, so there is still one copy.
    assert!(lines.contains(&"+\"ms\":\"2.1.2\"".to_owned()), "{lines:?}");
    let second = lines.iter().find(|line| line.contains("packages/core/node_modules"));
    assert_eq!(second, None, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_driven_is_declined() {
    let both = fixtures::with(fixtures::quiet(), "yarn.lock", Some("# yarn lockfile v1\n"));
    let (_, report) = Checkout::new(&both).await.attempt("ms@2.1.2").await;
    assert_eq!(report["outcome"], "declined_policy", "{report:#}");
    assert!(report["detail"].as_str().unwrap().contains("package-lock.json and yarn.lock"), "{report:#}");
}
