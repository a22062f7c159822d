//! Probot, installed beside the benchmark and started as its makers say.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use standin::service::{SECRET, free_port};
use tokio::process::{Child, Command};

use super::load::Target;

const MANIFEST: &str = include_str!("../probot/package.json");
const APP: &str = include_str!("../probot/index.mjs");

pub(super) struct Probot {
    child: Child,
    url: String,
}

impl Probot {
    /// Installs what is not installed yet, and waits until it listens.
    pub(super) async fn start(dir: &Path) -> Result<Self> {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("probot");
        std::fs::create_dir_all(&home)?;
        std::fs::write(home.join("package.json"), MANIFEST)?;
        std::fs::write(home.join("index.mjs"), APP)?;
        if !home.join("node_modules/probot").exists() {
            super::say("installing Probot");
            let installed = Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--silent"])
                .current_dir(&home)
                .status()
                .await
                .context("could not start npm")?;
            ensure!(installed.success(), "could not install Probot");
        }
        let key = dir.join("app.pem");
        let port = free_port()?;
        let child = Command::new("node")
            .arg("index.mjs")
            .current_dir(&home)
            .env("APP_ID", "1")
            .env("PRIVATE_KEY_PATH", key)
            .env("WEBHOOK_SECRET", SECRET)
            .env("PORT", port.to_string())
            .env("HOST", "127.0.0.1")
            .env("NODE_ENV", "production")
            .env("NO_SMEE_SETUP", "true")
            .env("STORE", dir.join("probot.db"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("could not start node")?;
        let probot = Self { child, url: format!("http://127.0.0.1:{port}/api/github/webhooks") };
        for _ in 0..100 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(probot);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("it does not listen")
    }

    pub(super) fn target(&self) -> Target {
        Target { name: "probot", url: self.url.clone(), pid: self.child.id().unwrap_or_default() }
    }
}
