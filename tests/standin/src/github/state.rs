//! What the stand-in remembers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Alert, BOT, BOT_ID};

/// An issue or, when `pull` is set, a pull request.
#[derive(Debug, Clone, Default)]
pub struct Issue {
    pub title: String,
    pub body: String,
    pub author: String,
    pub labels: BTreeSet<String>,
    /// By id: content.
    pub reactions: BTreeMap<u64, String>,
    pub comments: BTreeMap<u64, Comment>,
    pub closed: bool,
    pub at: String,
    pub pull: Option<Pull>,
}

/// A comment. It reads as its body.
#[derive(Debug, Clone, Default)]
pub struct Comment {
    pub body: String,
    pub author: String,
    pub at: String,
    pub edited_at: String,
    /// By id: content.
    pub reactions: BTreeMap<u64, String>,
}

impl Deref for Comment {
    type Target = str;

    fn deref(&self) -> &str {
        &self.body
    }
}

impl std::fmt::Display for Comment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.body)
    }
}

/// What a pull request has besides an issue.
#[derive(Debug, Clone, Default)]
pub struct Pull {
    /// The branch with the change.
    pub head: String,
    pub base: String,
    /// From another repository.
    pub fork: bool,
    pub draft: bool,
    pub merged_by: Option<String>,
    /// Its last head, when the branch is gone.
    pub last_head: String,
    pub reviewers: BTreeSet<String>,
    pub reviews: BTreeMap<u64, Review>,
}

/// A submitted review.
#[derive(Debug, Clone, Default)]
pub struct Review {
    pub author: String,
    /// `CHANGES_REQUESTED`, `APPROVED`, `COMMENTED`.
    pub state: String,
    pub body: String,
    /// The head that it was written for.
    pub commit: String,
    pub at: String,
    pub comments: Vec<Inline>,
}

/// A review's comment on a line.
#[derive(Debug, Clone, Default)]
pub struct Inline {
    pub id: u64,
    pub path: String,
    pub line: u64,
    pub body: String,
}

/// A check run.
#[derive(Debug, Clone)]
pub struct Check {
    pub sha: String,
    /// What it was made with and brought to; annotations add up.
    pub body: Value,
    /// The App that made it.
    pub app: u64,
    pub started_at: String,
    pub completed_at: Option<String>,
}

/// What GitHub makes for every commit that is pushed.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    pub id: u64,
    pub branch: String,
    pub at: String,
}

/// What a repository refuses, whoever writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Commits must have verified signatures.
    Signatures,
    /// New branches must not be made.
    NoCreation,
    /// Push protection takes this text for a secret.
    Secret(String),
}

/// One repository.
#[derive(Debug, Clone, Default)]
pub struct Repo {
    /// GitHub's number of it.
    pub id: u64,
    pub default_branch: String,
    pub public: bool,
    pub archived: bool,
    pub issues: BTreeMap<u64, Issue>,
    /// Dependabot alerts, by number.
    pub alerts: BTreeMap<u64, Alert>,
    pub checks: BTreeMap<u64, Check>,
    /// By login: `admin`, `maintain`, `write`, `triage`, `read`, or
    /// `write/name` for a role of the organisation's own.
    pub collaborators: BTreeMap<String, String>,
    /// By commit.
    pub suites: BTreeMap<String, Suite>,
    pub rules: Vec<Rule>,
    /// Commits that GitHub signed.
    pub verified: BTreeSet<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) repos: Vec<u64>,
    pub(super) permissions: HashMap<String, String>,
}

/// The App's installation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Installed {
    #[default]
    Yes,
    Suspended,
    Removed,
}

/// One try to deliver.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) id: u64,
    pub(super) delivery: super::Delivery,
    pub(super) at: String,
    pub(super) redelivery: bool,
    /// 0 where the receiver could not be reached.
    pub(super) status: u16,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) repos: BTreeMap<String, Repo>,
    /// Former names, with the repository's number.
    pub(super) former: BTreeMap<String, u64>,
    pub(super) tokens: HashMap<String, Token>,
    pub(super) faults: Vec<super::Fault>,
    pub(super) requests: Vec<(Instant, String)>,
    pub(super) unexpected: Vec<String>,
    pub(super) next_id: u64,
    /// What the App may do, and is told.
    pub(super) permissions: BTreeMap<String, String>,
    /// Root of a server that gets every request, too.
    pub(super) mirror: Option<String>,
    /// That server's tokens, by ours.
    pub(super) mirrored: HashMap<String, String>,
    pub(super) events: Vec<String>,
    pub(super) installed: Installed,
    /// Repositories that the installation does not cover any more.
    pub(super) uncovered: BTreeSet<u64>,
    /// The webhook's address and secret.
    pub(super) hook: (String, String),
    pub(super) attempts: Vec<Attempt>,
    /// Codes of created Apps, with their manifests.
    pub(super) codes: BTreeMap<String, Value>,
    /// Things on one page, whatever a client asks for.
    pub(super) page: usize,
    /// Does GitHub sign commits made by the API?
    pub(super) signs: bool,
}

impl Default for State {
    fn default() -> Self {
        let permissions = [
            ("metadata", "read"),
            ("contents", "write"),
            ("pull_requests", "write"),
            ("issues", "write"),
            ("checks", "write"),
            ("vulnerability_alerts", "read"),
        ];
        let events = [
            "issues",
            "issue_comment",
            "pull_request",
            "pull_request_review",
            "dependabot_alert",
            "check_run",
            "check_suite",
            "repository",
        ];
        Self {
            repos: BTreeMap::new(),
            former: BTreeMap::new(),
            tokens: HashMap::new(),
            faults: Vec::new(),
            requests: Vec::new(),
            unexpected: Vec::new(),
            next_id: 0,
            permissions: permissions.map(|(name, level)| (name.to_owned(), level.to_owned())).into(),
            events: events.map(str::to_owned).into(),
            installed: Installed::Yes,
            uncovered: BTreeSet::new(),
            hook: (String::new(), String::new()),
            attempts: Vec::new(),
            codes: BTreeMap::new(),
            page: 100,
            signs: true,
            mirror: None,
            mirrored: HashMap::new(),
        }
    }
}

impl State {
    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The present name of the repository with this number.
    pub(super) fn name_of(&self, id: u64) -> Option<String> {
        self.repos.iter().find(|(_, repo)| repo.id == id).map(|(name, _)| name.clone())
    }

    pub(super) fn issue(&mut self, repo: &str, number: u64) -> Option<&mut Issue> {
        self.repos.get_mut(repo)?.issues.get_mut(&number)
    }
}

/// Now, as GitHub writes it.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A login's number, the same in every run.
fn id_of(login: &str) -> u64 {
    match login {
        "octocat" => 1,
        "dependabot[bot]" => 49_699_333,
        "renovate[bot]" => 29_139_614,
        "github-actions[bot]" => 41_898_282,
        "Copilot" => 198_982_749,
        "github" => 9919,
        BOT => BOT_ID,
        other => {
            100_000 + other.bytes().fold(7_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_000_007)
        }
    }
}

/// An account, as it is put into payloads.
pub(super) fn account(web: &str, login: &str) -> Value {
    let kind = match login {
        "github" => "Organization",
        "Copilot" => "Bot",
        bot if bot.ends_with("[bot]") => "Bot",
        _ => "User",
    };
    json!({
        "login": login, "id": id_of(login), "node_id": format!("U_{}", id_of(login)), "type": kind,
        "site_admin": false, "html_url": format!("{web}/{}", login.trim_end_matches("[bot]")),
    })
}
