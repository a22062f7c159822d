//! `chaperone try`: the same way on a local checkout.

use std::path::{Path, PathBuf};

use serde_json::Value;
use standin::fixtures::{self, Files};
use standin::model::{KEY, Model, Script};
use tokio::process::Command;

use super::world::{chaperone, registries, share_packages, toolbox};

/// A checkout with one commit, and a configuration beside it.
pub(crate) struct Checkout {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) model: Model,
    /// Lines of the configuration.
    pub(crate) config: String,
}

impl Checkout {
    pub(crate) async fn new(files: &Files) -> Self {
        Self::with_script(files, Script::default()).await
    }

    pub(crate) async fn with_script(files: &Files, script: Script) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let model = Model::start(script).await.unwrap();
        std::fs::write(dir.path().join("key"), KEY).unwrap();
        share_packages(&dir.path().join("data"));
        let config = format!(
            "data_dir = {:?}\n{}[model]\nbase_url = {:?}\napi_key_file = {:?}\n[sandbox]\ntoolbox = {:?}\n",
            dir.path().join("data"),
            registries().await,
            model.url(),
            dir.path().join("key"),
            toolbox(),
        );
        let checkout = Self { dir, model, config };
        let repo = checkout.repo();
        for (path, content) in files {
            let path = repo.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        std::fs::create_dir_all(&repo).unwrap();
        git(&repo, &["init", "-q", "-b", "main"]).await;
        git(&repo, &["add", "-A", "-f"]).await;
        git(
            &repo,
            &[
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@localhost",
                "commit",
                "-q",
                "--allow-empty",
                "-m",
                "x",
            ],
        )
        .await;
        checkout
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    /// Runs `chaperone try --json` and returns its exit code and its report.
    pub(crate) async fn attempt(&self, bump: &str) -> (i32, Value) {
        self.attempt_with(&["--bump", bump]).await
    }

    /// As before, asked for in another way.
    pub(crate) async fn attempt_with(&self, asked: &[&str]) -> (i32, Value) {
        let config = self.dir.path().join("chaperone.toml");
        std::fs::write(&config, &self.config).unwrap();
        let output = Command::new(chaperone())
            .arg("--config")
            .arg(config)
            .args(["try", "--json", "--repo"])
            .arg(self.repo())
            .args(asked)
            .env_remove("ANTHROPIC_API_KEY")
            .output()
            .await
            .unwrap();
        let code = output.status.code().unwrap();
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
        (code, report)
    }
}

pub(crate) async fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git").args(args).current_dir(dir).output().await.unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_leaves_a_branch_and_nothing_else() {
    let checkout = Checkout::new(&fixtures::breaking()).await;
    std::fs::write(checkout.repo().join("uncommitted.txt"), "mine").unwrap();
    let (code, report) = checkout.attempt("marked@4.3.0").await;
    assert_eq!((code, report["outcome"].as_str()), (0, Some("pr_opened")), "{report:#}");
    assert_eq!(report["branch"], "agent/bump/marked-4.3.0");
    assert_eq!(report["model_calls"]["repair"], 4);
    assert!(report["cost"].as_u64().unwrap() > 0 && report["tokens"]["output_tokens"].as_u64().unwrap() > 0);
    let stages: Vec<&str> =
        report["stages"].as_array().unwrap().iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    assert_eq!(
        stages,
        ["checkout", "resolve", "baseline", "bump", "verify", "repair", "integrity", "judge", "publish"]
    );

    let repo = checkout.repo();
    let changed = git(&repo, &["diff", "--stat", "main", "agent/bump/marked-4.3.0"]).await;
    assert!(changed.contains("src/render.js") && changed.contains("3 files changed"), "{changed}");
    assert_eq!(git(&repo, &["status", "--porcelain"]).await, "?? uncommitted.txt\n");
    assert_eq!(git(&repo, &["rev-parse", "--abbrev-ref", "HEAD"]).await, "main\n");
    checkout.model.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_what_is_missing() {
    let checkout = Checkout::new(&fixtures::quiet()).await;
    let config = checkout.dir.path().join("chaperone.toml");
    let doctor = async |text: &str| {
        std::fs::write(&config, text).unwrap();
        let output = Command::new(chaperone())
            .arg("--config")
            .arg(&config)
            .args(["doctor", "--json"])
            .output()
            .await
            .unwrap();
        let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let failed: Vec<String> = findings
            .iter()
            .filter(|finding| finding["ok"] == false)
            .map(|finding| finding["check"].as_str().unwrap().to_owned())
            .collect();
        assert!(findings.iter().all(|finding| (finding["ok"] == true) == (finding["fix"] == "")));
        (output.status.success(), failed)
    };
    assert_eq!(doctor(&checkout.config).await, (true, vec!["GitHub App".to_owned()]));
    let broken = checkout.config.replace("[sandbox]", "[sandbox]\ndocker = \"/nowhere/docker.sock\"");
    assert_eq!(doctor(&broken).await, (false, vec!["container engine".to_owned(), "GitHub App".to_owned()]));
}
