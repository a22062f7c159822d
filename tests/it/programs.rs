//! Programs that a repository would have its package manager start while the
//! door is open.
//!
//! Each is a script that writes `ran.txt` into the tree. It is never there.

use standin::fixtures::{self, Files};

use super::trial::{Checkout, git};

const EVIL: &str = "#!/bin/sh\necho yes > /work/ran.txt\nexit 1\n";
/// A directory that git can clone from: it has no object, and needs none.
const BARE: [(&str, &str); 4] = [
    ("bare/HEAD", "ref: refs/heads/main\n"),
    ("bare/config", "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tfsmonitor = /work/evil.sh\n"),
    ("bare/objects/info/none", ""),
    ("bare/refs/heads/none", ""),
];

fn with_evil(files: Files, paths: &[&str]) -> Files {
    paths.iter().fold(files, |files, path| fixtures::with(files, path, Some(EVIL)))
}

/// Asks for a bump; scripts can be started.
async fn attempt(files: &Files, bump: &str) -> (Checkout, serde_json::Value) {
    let checkout = Checkout::new(files).await;
    let repo = checkout.repo();
    for (path, content) in files.iter().filter(|(_, content)| content == EVIL) {
        let mut mode = std::fs::metadata(repo.join(path)).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
        std::fs::set_permissions(repo.join(path), mode).unwrap();
        assert!(!content.is_empty());
    }
    git(&repo, &["add", "-A", "-f"]).await;
    git(&repo, &["-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-q", "-m", "modes"]).await;
    let (_, report) = checkout.attempt(bump).await;
    (checkout, report)
}

/// Nothing that was left behind came from a program of the repository.
async fn nothing_ran(checkout: &Checkout, report: &serde_json::Value) {
    assert!(!report.to_string().contains("ran.txt"), "{report:#}");
    if let Some(branch) = report["branch"].as_str() {
        let changed = git(&checkout.repo(), &["diff", "--name-only", "main", branch]).await;
        assert!(!changed.contains("ran.txt"), "{changed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_the_place_of_the_managers_own_is_not_started() {
    let text = include_str!("managers/npm-8.json");
    let files = fixtures::with(fixtures::quiet(), "package-lock.json", Some(text));
    let files = with_evil(files, &["node_modules/.chaperone/node", "node_modules/.chaperone/git"]);
    let (checkout, report) = attempt(&files, "ms@2.1.2").await;
    assert_eq!(report["outcome"], "pr_opened", "{report:#}");
    nothing_ran(&checkout, &report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_settings_name_is_declined_with_its_line() {
    let npmrc = "save-exact=false\ngit = ./evil.sh\n";
    let files = fixtures::with(fixtures::quiet(), ".npmrc", Some(npmrc));
    let (checkout, report) = attempt(&with_evil(files, &["evil.sh"]), "ms@2.1.2").await;
    assert_eq!(report["outcome"], "declined_policy", "{report:#}");
    assert!(report["detail"].as_str().unwrap().contains("git = ./evil.sh"), "{report:#}");
    nothing_ran(&checkout, &report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_inside_the_repository_starts_nothing() {
    let manifest = fixtures::quiet().into_iter().find(|(path, _)| path == "package.json").unwrap().1;
    let manifest = manifest
        .replace("\"dependencies\": {", "\"dependencies\": {\n    \"inner\": \"git+file:///work/bare\",");
    let npmrc = "node-options=--require /work/evil.js\nscript-shell=/work/evil.sh\n";
    let mut files = fixtures::with(fixtures::quiet(), "package.json", Some(&manifest));
    files = fixtures::with(files, ".npmrc", Some(npmrc));
    for (path, content) in BARE {
        files = fixtures::with(files, path, Some(content));
    }
    let (checkout, report) = attempt(&with_evil(files, &["evil.sh"]), "ms@2.1.2").await;
    assert_ne!(report["outcome"], "pr_opened", "{report:#}");
    nothing_ran(&checkout, &report).await;
}
