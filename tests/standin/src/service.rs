//! The real program as a child process, pointed at the stand-ins.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::github::{APP_ID, Delivery, GitHub, client};

/// The webhook's secret.
pub const SECRET: &str = "stand-in-webhook-secret";

/// None of the pauses that only GitHub itself asks for.
pub const BRISK: &str = "write_pause_ms = 0\nedit_pause_ms = 0\n";

/// How the service is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The `chaperone` program.
    pub chaperone: PathBuf,
    /// The static tool server.
    pub toolbox: PathBuf,
    /// Where data, keys and the configuration go.
    pub dir: PathBuf,
    /// Root of the Messages API.
    pub model_url: String,
    /// The model's key; `None` leaves it to the environment.
    pub model_key: Option<String>,
    /// Lines that are added to the configuration.
    pub more: String,
    /// Lines that are added to its part on GitHub: [`BRISK`], or none.
    pub github: String,
    pub port: u16,
}

/// A running service. Dropping it kills the process.
#[derive(Debug)]
pub struct Service {
    child: Child,
    url: String,
    config: PathBuf,
}

impl Setup {
    /// Writes keys and configuration, and returns the configuration's path.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, github: &GitHub) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(&self.dir)?;
        github.set_hook(&format!("http://127.0.0.1:{}/webhooks/github", self.port), SECRET);
        let file = |name: &str, text: &str| -> anyhow::Result<String> {
            let path = self.dir.join(name);
            std::fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
            Ok(path.display().to_string())
        };
        let key_file = match &self.model_key {
            Some(key) => format!("api_key_file = {:?}\n", file("model.key", key)?),
            None => String::new(),
        };
        let text = format!(
            "listen = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\ndata_dir = {data:?}\n{more}\n\
             [github]\nurl = {web:?}\napp_id = {APP_ID}\n\
             private_key_file = {private:?}\nwebhook_secret_file = {secret:?}\n{github_more}\n\
             [model]\nbase_url = {model:?}\n{key_file}[sandbox]\ntoolbox = {toolbox:?}\n",
            port = self.port,
            more = self.more,
            github_more = self.github,
            data = self.dir.join("data"),
            web = github.web_url(),
            private = file("app.pem", github.private_key())?,
            secret = file("webhook.secret", SECRET)?,
            model = self.model_url,
            toolbox = self.toolbox,
        );
        Ok(PathBuf::from(file("chaperone.toml", &text)?))
    }

    /// Starts the service and waits until it is ready. `hold_after` is its
    /// fail point.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(&self, github: &GitHub, hold_after: Option<u64>) -> anyhow::Result<Service> {
        let config = self.write(github)?;
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.join("service.log"))?;
        let mut command = Command::new(&self.chaperone);
        command
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        match hold_after {
            Some(event) => command.env("CHAPERONE_HOLD_AT", event.to_string()),
            None => command.env_remove("CHAPERONE_HOLD_AT"),
        };
        let child =
            command.spawn().with_context(|| format!("could not start {}", self.chaperone.display()))?;
        let mut service = Service { child, url: format!("http://127.0.0.1:{}", self.port), config };
        service.wait_ready(&self.dir).await?;
        Ok(service)
    }
}

impl Service {
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// A process that has ended is a zombie until it is waited for.
    fn is_running(&self) -> bool {
        let stat = self.pid().and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok());
        stat.is_some_and(|stat| !stat.contains(") Z "))
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    async fn wait_ready(&mut self, dir: &Path) -> anyhow::Result<()> {
        let ready = format!("{}/readyz", self.url);
        for _ in 0..200 {
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(dir.join("service.log")).unwrap_or_default();
                bail!("the service ended with {status}:\n{log}");
            }
            if client()?.get(&ready).send().await.is_ok_and(|response| response.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the service was not ready in time")
    }

    /// Sends a delivery, signed with the service's secret.
    ///
    /// # Errors
    /// The service cannot be reached.
    pub async fn deliver(&self, delivery: &Delivery) -> anyhow::Result<(u16, String)> {
        delivery.send(&format!("{}/webhooks/github", self.url), SECRET).await
    }

    /// All sessions' summaries, the newest first.
    ///
    /// # Errors
    /// The service cannot be reached.
    pub async fn sessions(&self) -> anyhow::Result<Vec<Value>> {
        anyhow::ensure!(self.is_running(), "the service has ended by itself");
        Ok(client()?.get(format!("{}/sessions.json", self.url)).send().await?.json().await?)
    }

    /// One session's events.
    ///
    /// # Errors
    /// The service cannot be reached.
    pub async fn events(&self, session: &str) -> anyhow::Result<Vec<Value>> {
        let text =
            client()?.get(format!("{}/sessions/{session}/events", self.url)).send().await?.text().await?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Waits for the session on an issue to end and returns its summary.
    ///
    /// # Errors
    /// It does not end within `limit`.
    pub async fn ended(&self, repo: &str, number: u64, limit: Duration) -> anyhow::Result<Value> {
        let ended = async {
            loop {
                if !self.is_running() {
                    return None;
                }
                for summary in self.sessions().await.unwrap_or_default() {
                    let request = &summary["request"];
                    if request["repo"] == repo && request["number"] == number && !summary["outcome"].is_null()
                    {
                        return Some(summary);
                    }
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        };
        let waited = tokio::time::timeout(limit, ended).await;
        match waited {
            Ok(Some(summary)) => Ok(summary),
            Ok(None) => bail!("the service has ended by itself"),
            Err(_elapsed) => {
                bail!("the session on {repo}#{number} did not end: {:#?}", self.sessions().await)
            }
        }
    }

    /// Kills the process at once, as `kill -9` does.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("could not kill the service")
    }

    /// Asks the process to end and waits until it has.
    ///
    /// # Errors
    /// It does not end.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.pid() {
            Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        }
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        ended
            .context("the service did not end when it was asked to")?
            .context("could not wait for the service")?;
        Ok(())
    }
}

/// A port that is free now.
///
/// # Errors
/// There is none.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
