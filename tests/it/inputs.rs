//! Bad input gets a clear message and a closed outcome, never a hang.

use standin::fixtures::{Files, quiet, with};

use super::trial::Checkout;

/// Tries a bump of `ms` and checks outcome and message.
async fn declined(files: Files, bump: &str, outcome: &str, says: &str) {
    let checkout = Checkout::new(&files).await;
    let (code, report) = checkout.attempt(bump).await;
    assert_eq!((code, report["outcome"].as_str()), (1, Some(outcome)), "{report:#}");
    let detail = report["detail"].as_str().unwrap();
    assert!(detail.contains(says), "{detail:?} does not say {says:?}");
    assert!(!report["next_step"].as_str().unwrap().is_empty());
    assert_eq!(checkout.model.calls(), (0, 0), "the model was asked");
}

const BUMP: &str = "ms@2.1.3";

#[tokio::test(flavor = "multi_thread")]
async fn no_manifest() {
    declined(with(quiet(), "package.json", None), BUMP, "edit_failed", "find a package.json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_repository() {
    declined(vec![], BUMP, "edit_failed", "find a package.json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_not_json() {
    declined(with(quiet(), "package.json", Some("{ nope")), BUMP, "edit_failed", "not valid JSON").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_is_not_declared() {
    declined(quiet(), "left-pad@1.3.0", "declined_policy", "not declared in package.json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_does_not_exist() {
    let name = "chaperone-no-such-package-8f3a";
    let rename = |files: Files| -> Files {
        files
            .into_iter()
            .map(|(path, text)| {
                (
                    path,
                    text.replace("\"ms\"", &format!("\"{name}\""))
                        .replace("node_modules/ms", &format!("node_modules/{name}")),
                )
            })
            .collect()
    };
    declined(rename(quiet()), &format!("{name}@1.0.0"), "no_safe_version", "in the registry").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_does_not_exist() {
    declined(quiet(), "ms@99.0.0", "no_safe_version", "find version 99.0.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_there_already() {
    let checkout = Checkout::new(&quiet()).await;
    let (code, report) = checkout.attempt("ms@2.0.0").await;
    assert_eq!((code, report["outcome"].as_str()), (0, Some("already_current")), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lockfile_of_another_manager_that_lacks_the_package() {
    let files = with(with(quiet(), "package-lock.json", None), "yarn.lock", Some("# yarn\n"));
    declined(files, BUMP, "edit_failed", "find ms in yarn.lock").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_cannot_be_built() {
    let files = quiet().into_iter().map(|(path, text)| {
        (path, text.replace("\"test\": ", "\"build\": \"node --check src/gone.js\", \"test\": "))
    });
    declined(files.collect(), BUMP, "baseline_broken", "src/gone.js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_that_all_fail_before_and_after() {
    let red = "require('node:test')('never', () => { throw new Error('red'); });\n";
    let files = with(quiet(), "test/age.test.js", Some(red));
    declined(files, BUMP, "nothing_to_verify", "before the change and after it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lockfile_that_does_not_fit_the_manifest() {
    let files: Files = quiet()
        .into_iter()
        .map(
            |(path, text)| {
                if path == "package.json" { (path, text.replace("^2.0.0", "^1.0.0")) } else { (path, text) }
            },
        )
        .collect();
    declined(files, BUMP, "baseline_broken", "npm ci").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_verify_with() {
    let manifest = r#"{"name":"quiet","version":"1.0.0","dependencies":{"ms":"^2.0.0"}}"#;
    declined(
        with(quiet(), "package.json", Some(manifest)),
        BUMP,
        "nothing_to_verify",
        "script in package.json",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_that_test_nothing() {
    let files: Files = quiet()
        .into_iter()
        .map(|(path, text)| {
            (path, text.replace("node --test test/age.test.js", "node -p '`  0 passing (1ms)`'"))
        })
        .collect();
    declined(files, BUMP, "nothing_to_verify", "ran no test").await;
}

/// A trial with a changed configuration.
async fn misconfigured(change: impl Fn(&str) -> String, outcome: &str, says: &str) {
    let mut checkout = Checkout::new(&quiet()).await;
    checkout.config = change(&checkout.config);
    let (code, report) = checkout.attempt(BUMP).await;
    assert_eq!((code, report["outcome"].as_str()), (1, Some(outcome)), "{report:#}");
    let detail = report["detail"].as_str().unwrap();
    assert!(detail.contains(says), "{detail:?} does not say {says:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_missing() {
    let change = |config: &str| config.replace("[sandbox]", "[sandbox]\nimage = \"chaperone/none:{major}\"");
    misconfigured(change, "internal_error", "the image chaperone/none:22 is missing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_down() {
    let change = |config: &str| config.replace("[sandbox]", "[sandbox]\ndocker = \"/nowhere/docker.sock\"");
    misconfigured(change, "internal_error", "reach the container engine").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_down() {
    let change = |config: &str| {
        let rest: Vec<&str> = config.lines().filter(|line| !line.starts_with("npm = ")).collect();
        rest.join("\n").replace("[registry]", "[registry]\nnpm = \"http://127.0.0.1:9/\"")
    };
    misconfigured(change, "fetch_failed", "read the listing of ms").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_provider_refuses() {
    let checkout = Checkout::new(&quiet()).await;
    std::fs::write(checkout.dir.path().join("key"), "wrong").unwrap();
    let (code, report) = checkout.attempt(BUMP).await;
    assert_eq!((code, report["outcome"].as_str()), (1, Some("judge_unavailable")), "{report:#}");
    assert!(report["detail"].as_str().unwrap().contains("401"), "{report:#}");
}
