//! Which manifests of a tree a bump touches: the project's own, and no
//! example, fixture or neighbour.

use standin::fixtures::{Files, quiet, with};

use super::trial::{Checkout, git};

/// Bumps `ms`, and returns the files that changed.
async fn changed(files: &Files) -> Vec<String> {
    let checkout = Checkout::new(files).await;
    let (code, report) = checkout.attempt("ms@2.1.3").await;
    assert_eq!((code, report["outcome"].as_str()), (0, Some("pr_opened")), "{report:#}");
    let changed = git(&checkout.repo(), &["diff", "--name-only", "main", "agent/bump/ms-2.1.3"]).await;
    changed.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bump_at_the_root_leaves_examples_fixtures_and_nested_projects_alone() {
    let mut files = with(quiet(), "test/fixtures/broken/package.json", Some("{ nope"));
    let manifest = r#"{"name":"other","version":"1.0.0","dependencies":{"ms":"^2.0.0"}}"#;
    files = with(files, "examples/x/package.json", Some(manifest));
    // A project with a lockfile of its own.
    for (path, text) in quiet() {
        if path.starts_with("package") {
            files.push((format!("web/{path}"), text));
        }
    }
    assert_eq!(changed(&files).await, ["package-lock.json", "package.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_in_a_directory_is_bumped_where_it_is() {
    let files: Files = quiet().into_iter().map(|(path, text)| (format!("web/{path}"), text)).collect();
    let files = with(files, ".nvmrc", Some("20\n"));
    assert_eq!(changed(&files).await, ["web/package-lock.json", "web/package.json"]);
}
