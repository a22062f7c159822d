//! The service's settings: one TOML file, read once, checked at the door.
//!
//! Secrets are never in the file: it names files that hold them. An unknown
//! key is an error, because a misspelt limit must not pass for a limit. What
//! a repository says for itself is read in [`repo`].

pub mod repo;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::advisory::{Policy, Scope, Severity};
use crate::change::Limits;
use crate::secret::Secret;

/// The whole file. Every section but `[github]` has working defaults; only
/// `serve` asks for that one.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the webhook receiver and the session pages listen.
    pub listen: SocketAddr,
    /// Database, mirrors, package cache and sockets. Keep the path short: a
    /// Unix socket's path may have 107 bytes.
    pub data_dir: PathBuf,
    /// How people reach the session pages; links are made from it.
    pub public_url: String,
    /// More prompt files, or replacements of the embedded ones.
    pub prompts_dir: Option<PathBuf>,
    pub github: Option<GitHub>,
    pub model: Model,
    pub judge: Judge,
    pub sandbox: Sandbox,
    pub registry: Registry,
    pub queue: Queue,
    pub limits: Limits,
    pub security: Security,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data_dir: PathBuf::from("/var/lib/chaperone"),
            public_url: "http://127.0.0.1:8080".to_owned(),
            prompts_dir: None,
            github: None,
            model: Model::default(),
            judge: Judge::default(),
            sandbox: Sandbox::default(),
            registry: Registry::default(),
            queue: Queue::default(),
            limits: Limits::default(),
            security: Security::default(),
        }
    }
}

/// The GitHub App.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitHub {
    /// Root of GitHub's pages and clone addresses; that of the REST API
    /// follows from it ([`api_root`]).
    #[serde(default = "default_url")]
    pub url: String,
    /// The REST API's root, where it does not follow from `url`.
    #[serde(default)]
    pub api_url: Option<String>,
    pub app_id: u64,
    /// The App's private key, PEM.
    pub private_key_file: PathBuf,
    pub webhook_secret_file: PathBuf,
    /// GitHub's numbers of bots that may ask as people with write access do.
    #[serde(default)]
    pub bots: Vec<u64>,
    /// Answer other bots' pull requests whose checks ended red with one of
    /// our own.
    #[serde(default)]
    pub sibling_pulls: bool,
    /// Who makes the commits.
    #[serde(default)]
    pub commits: Commits,
    /// Between two requests that make content, in one installation.
    #[serde(default = "default_write_pause")]
    pub write_pause_ms: u64,
    /// Between two edits of one status comment.
    #[serde(default = "default_edit_pause")]
    pub edit_pause_ms: u64,
    /// Between two looks for deliveries that failed and for what changed on
    /// GitHub unseen.
    #[serde(default = "default_sweep")]
    pub sweep_seconds: u64,
}

/// How a commit gets to GitHub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Commits {
    /// Made by GitHub as the App, which signs them.
    #[default]
    Api,
    /// Made here and pushed; nobody signs them.
    Git,
}

fn default_write_pause() -> u64 {
    1000
}

fn default_edit_pause() -> u64 {
    5000
}

fn default_sweep() -> u64 {
    300
}

fn default_url() -> String {
    "https://github.com".to_owned()
}

impl GitHub {
    /// Root of pages and clone addresses, without a slash at the end.
    #[must_use]
    pub fn web_url(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// Root of the REST API, without a slash at the end.
    #[must_use]
    pub fn api_url(&self) -> String {
        match &self.api_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => api_root(&self.url),
        }
    }
}

/// Where the REST API of a GitHub is: a host of its own for github.com and
/// ghe.com, `/api/v3` below every Enterprise Server.
///
/// Source: GitHub's documentation of its REST API's base addresses.
#[must_use]
pub fn api_root(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let hosted = |host: &&str| *host == "github.com" || host.ends_with(".ghe.com");
    match url.split_once("://").filter(|(_, host)| hosted(host)) {
        Some((scheme, host)) => format!("{scheme}://api.{host}"),
        None => format!("{url}/api/v3"),
    }
}

/// The model's provider: any server that speaks the Messages API.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    pub base_url: String,
    /// Without it the key is read from `ANTHROPIC_API_KEY`.
    pub api_key_file: Option<PathBuf>,
    pub name: String,
    /// Another model for the judge; the same one when absent.
    pub judge: Option<String>,
    /// Models that a repository may choose in its `.github/agent.yml`
    /// instead, for the agent or the judge.
    pub choices: Vec<String>,
    /// Prices of models that the built-in table does not know, or other ones.
    pub prices: BTreeMap<String, Price>,
    pub request_seconds: u64,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            base_url: "https://api.anthropic.com".to_owned(),
            api_key_file: None,
            name: "claude-sonnet-4-5".to_owned(),
            judge: None,
            choices: Vec::new(),
            prices: BTreeMap::new(),
            request_seconds: 120,
        }
    }
}

/// What the judge's verdict is worth. Its model is `model.judge`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Judge {
    pub mode: JudgeMode,
}

/// Does a veto stop a change?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JudgeMode {
    #[default]
    Enforce,
    /// It is reported only, and so is a judge that does not answer.
    Shadow,
}

/// US dollars per million tokens.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub input: f64,
    pub output: f64,
    pub cache_read: f64,
    pub cache_write: f64,
}

/// The container engine, and what runs in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    /// The engine's Unix socket.
    pub docker: String,
    /// Another OCI runtime, such as `runsc`.
    pub runtime: Option<String>,
    /// The static tool server; beside this program when absent.
    pub toolbox: Option<PathBuf>,
    /// `{major}` stands for the Node major that the repository asks for.
    pub image: String,
    /// The Node majors for which there is an image, in any order.
    pub node_majors: Vec<u64>,
    /// Taken when a repository asks for no major, or for none of these.
    pub node_default: u64,
    /// `{major}` stands for the major of the JDK that the repository asks for.
    pub maven_image: String,
    /// The JDK majors for which there is an image, in any order.
    pub jdk_majors: Vec<u64>,
    /// Taken when a repository asks for none.
    pub jdk_default: u64,
    pub memory_mb: u64,
    pub cpus: f64,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            docker: "/var/run/docker.sock".to_owned(),
            runtime: None,
            toolbox: None,
            image: "chaperone/npm:node{major}".to_owned(),
            node_majors: vec![18, 20, 22, 24],
            node_default: 22,
            maven_image: "chaperone/maven:jdk{major}".to_owned(),
            jdk_majors: vec![11, 17, 21],
            jdk_default: 17,
            memory_mb: 4096,
            cpus: 2.0,
        }
    }
}

/// Where packages come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registry {
    /// npm's registry; asked of npm's own configuration when absent.
    pub npm: Option<String>,
    /// A bearer token for it, added on this side of the gateway.
    pub npm_token_file: Option<PathBuf>,
    /// The Maven repository; read from Maven's own settings when absent.
    pub maven: Option<String>,
    /// A bearer token for it.
    pub maven_token_file: Option<PathBuf>,
    /// Instead of a token: a file that holds `user:password`.
    pub maven_basic_file: Option<PathBuf>,
    /// Versions younger than this are hidden from a bump.
    pub min_age_hours: Option<u64>,
    /// How long a registry may be silent before it counts as not reached.
    pub silent_seconds: u64,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            npm: None,
            npm_token_file: None,
            maven: None,
            maven_token_file: None,
            maven_basic_file: None,
            min_age_hours: None,
            silent_seconds: 30,
        }
    }
}

/// How jobs are shared out.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// A worker that is silent for so long has lost its job.
    pub lease_seconds: u64,
    /// Sessions at once.
    pub workers: usize,
    /// How often a job is tried again after a passing trouble.
    pub retries: u32,
    /// The pause before the first retry; it doubles from there.
    pub retry_seconds: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self { lease_seconds: 60, workers: 2, retries: 3, retry_seconds: 15 }
    }
}

impl Queue {
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }
}

/// Which Dependabot alerts start a run. What is refused here is refused for
/// every repository; `.github/agent.yml` can narrow it further.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    pub enabled: bool,
    /// `low`, `medium`, `high` or `critical`.
    pub min_severity: Severity,
    pub scope: AlertScope,
}

/// Alerts of which scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertScope {
    All,
    /// Those of packages that help to build only are left alone.
    Runtime,
}

impl Default for Security {
    fn default() -> Self {
        Self { enabled: true, min_severity: Severity::Low, scope: AlertScope::All }
    }
}

impl Security {
    /// As the rooms know it.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let scopes = match self.scope {
            AlertScope::All => vec![Scope::Runtime, Scope::Development],
            AlertScope::Runtime => vec![Scope::Runtime],
        };
        Policy { enabled: self.enabled, min_severity: self.min_severity, scopes }
    }
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is not the TOML that is expected, or asks for
    /// what cannot be.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read the configuration {}", path.display()))?;
        let config: Self = toml::from_str(&text)
            .with_context(|| format!("could not understand the configuration {}", path.display()))?;
        config.checked().with_context(|| format!("could not accept the configuration {}", path.display()))
    }

    /// # Errors
    /// A value makes no sense.
    fn checked(mut self) -> anyhow::Result<Self> {
        if self.queue.lease_seconds == 0 || self.queue.workers == 0 {
            bail!("queue.lease_seconds and queue.workers must be at least 1");
        }
        if !self.sandbox.node_majors.contains(&self.sandbox.node_default) {
            bail!("sandbox.node_default must be one of sandbox.node_majors");
        }
        if !self.sandbox.jdk_majors.contains(&self.sandbox.jdk_default) {
            bail!("sandbox.jdk_default must be one of sandbox.jdk_majors");
        }
        if self.registry.maven_token_file.is_some() && self.registry.maven_basic_file.is_some() {
            bail!("registry.maven_token_file and registry.maven_basic_file exclude each other");
        }
        if !(1..=120).contains(&self.registry.silent_seconds) {
            bail!("registry.silent_seconds must be 1 to 120");
        }
        if self.sandbox.memory_mb < 512 {
            bail!("sandbox.memory_mb must be at least 512");
        }
        let asked = self.limits;
        self.limits = asked.at_most(Limits::default());
        if self.limits.turns != asked.turns
            || self.limits.agent_seconds != asked.agent_seconds
            || self.limits.attempts != asked.attempts
        {
            bail!("limits can be lowered, not raised: at most 10 turns, 300 agent_seconds, 3 attempts");
        }
        self.limits.cost = asked.cost;
        self.public_url.truncate(self.public_url.trim_end_matches('/').len());
        Ok(self)
    }

    /// The model's key, from its file or else from `from_env`.
    ///
    /// # Errors
    /// There is none.
    pub fn model_key(&self, from_env: Option<String>) -> anyhow::Result<Secret> {
        match (&self.model.api_key_file, from_env) {
            (Some(path), _) => read_secret(path),
            (None, Some(key)) if !key.is_empty() => Ok(Secret::new(key)),
            (None, _) => {
                bail!("could not find the model's key: set ANTHROPIC_API_KEY or model.api_key_file")
            }
        }
    }
}

/// Reads a file that holds one secret, without its last line break.
///
/// # Errors
/// The file cannot be read, or is empty.
pub fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("could not read the secret in {}", path.display()))?;
    let text = text.trim_end();
    if text.is_empty() {
        bail!("could not read the secret in {}: the file is empty", path.display());
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<Config> {
        toml::from_str::<Config>(text)?.checked()
    }

    #[test]
    fn an_empty_file_is_a_configuration() {
        assert_eq!(parse("").unwrap().limits, Limits::default());
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        assert!(parse("[limits]\nturn = 3").is_err());
        assert!(parse("[sandbox]\nmemory = 3").is_err());
    }

    #[test]
    fn the_api_follows_from_the_address_of_the_pages() {
        for (url, api) in [
            ("https://github.com", "https://api.github.com"),
            ("https://github.com/", "https://api.github.com"),
            ("https://octo.ghe.com", "https://api.octo.ghe.com"),
            ("https://git.example.com", "https://git.example.com/api/v3"),
            ("https://notgithub.com", "https://notgithub.com/api/v3"),
            ("http://127.0.0.1:4010", "http://127.0.0.1:4010/api/v3"),
        ] {
            assert_eq!(api_root(url), api);
        }
        let other = "[github]\nurl = \"https://a.test/\"\napi_url = \"https://b.test/\"\napp_id = 1\n\
                     private_key_file = \"k\"\nwebhook_secret_file = \"s\"";
        let github = parse(other).unwrap().github.unwrap();
        assert_eq!((github.web_url(), github.api_url().as_str()), ("https://a.test", "https://b.test"));
    }

    #[test]
    fn alerts_are_answered_as_configured() {
        assert_eq!(parse("").unwrap().security.policy(), Policy::default());
        let narrow = parse("[security]\nmin_severity = \"high\"\nscope = \"runtime\"").unwrap();
        let policy = narrow.security.policy();
        assert_eq!((policy.min_severity, policy.scopes), (Severity::High, vec![Scope::Runtime]));
        assert!(parse("[security]\nmin_severity = \"terrible\"").is_err());
        assert!(parse("[security]\nseverity = \"high\"").is_err());
    }

    #[test]
    fn the_judge_blocks_unless_the_file_says_otherwise() {
        assert_eq!(parse("").unwrap().judge.mode, JudgeMode::Enforce);
        assert_eq!(parse("[judge]\nmode = \"shadow\"").unwrap().judge.mode, JudgeMode::Shadow);
        assert!(parse("[judge]\nmode = \"off\"").is_err());
    }

    #[test]
    fn a_hard_limit_cannot_be_raised_but_the_money_cap_can() {
        assert!(parse("[limits]\nturns = 11").is_err());
        assert_eq!(parse("[limits]\nturns = 4").unwrap().limits.turns, 4);
        assert_eq!(parse("[limits]\ncost = 5000000").unwrap().limits.cost.0, 5_000_000);
    }
}
