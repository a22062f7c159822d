//! The sections of the file, key by key. The names and bounds here are the
//! ones that `deploy/agent.schema.json` has.

use super::reader::{At, Faults, quoted};
use super::yaml::Node;
use super::{
    Commands, Known, Lowered, Minutes, Models, Paths, PullRequest, RepoConfig, Role, Runtime, Security,
    Triggers, Verify, globs,
};
use crate::advisory::{Scope, Severity};
use crate::change::Cost;

/// Every key of the file, and of its sections.
pub(super) const FILE: [&str; 10] = [
    "changes",
    "paths",
    "verify",
    "runtime",
    "pull_request",
    "limits",
    "cooldown_hours",
    "triggers",
    "models",
    "security",
];
/// The checks that there are.
const CHECKS: [&str; 4] = ["build", "typecheck", "lint", "test"];
/// Minutes that a command may take.
const LONGEST: u64 = 120;
/// A year.
const LONGEST_COOLDOWN: u64 = 8760;
/// Globs of a list.
const MOST_GLOBS: usize = 100;
/// Letters of a glob.
const GLOB_CAP: usize = 200;
/// Names in a list.
const MOST_NAMES: usize = 100;
/// Commands of one check.
const MOST_COMMANDS: usize = 50;
/// GitHub's own bound.
const MOST_REVIEWERS: usize = 15;
/// Letters of a label.
const LABEL_CAP: usize = 50;

/// Reads the document; what is at fault is left out and said.
pub(super) fn read(node: &Node, known: &Known, faults: &mut Faults) -> RepoConfig {
    let mut config = RepoConfig::default();
    for (key, at) in At::root(node).fields(&FILE, faults) {
        match key {
            "changes" => {
                for (name, at) in at.entries(faults) {
                    if let Some(is_on) = change(name, &at, known, faults) {
                        config.changes.insert(name.to_owned(), is_on);
                    }
                }
            }
            "paths" => config.paths = paths(&at, faults),
            "verify" => config.verify = verify(&at, faults),
            "runtime" => config.runtime = runtime(&at, known, faults),
            "pull_request" => config.pull_request = pull_request(&at, faults),
            "limits" => config.limits = limits(&at, faults),
            "cooldown_hours" => config.cooldown_hours = at.whole(&(0..=LONGEST_COOLDOWN), faults),
            "triggers" => config.triggers = triggers(&at, faults),
            "models" => config.models = models(&at, known, faults),
            _ => config.security = security(&at, faults),
        }
    }
    config
}

fn change(name: &str, at: &At<'_>, known: &Known, faults: &mut Faults) -> Option<bool> {
    if let Some(names) = &known.changes
        && !names.iter().any(|known| known == name)
    {
        let all = names.join(", ");
        let reason = format!("find the change type {}: there are {all}", quoted(name));
        faults.add(&at.trail.as_key(), reason);
        return None;
    }
    at.bool(faults)
}

fn paths(at: &At<'_>, faults: &mut Faults) -> Paths {
    let mut paths = Paths::default();
    for (key, at) in at.fields(&["allowed", "protected"], faults) {
        let Some(entries) = at.list(MOST_GLOBS, "a list of globs", faults) else { continue };
        if key == "allowed" && entries.is_empty() {
            at.refuse("without any path nothing could be changed", faults);
        }
        let globs = entries.iter().filter_map(|entry| glob(entry, faults)).collect();
        match key {
            "allowed" => paths.allowed = Some(globs),
            _ => paths.protected = globs,
        }
    }
    paths
}

/// A glob that can match the path of a file.
fn glob(at: &At<'_>, faults: &mut Faults) -> Option<String> {
    let pattern = at.text("a glob such as \"src/**\"", faults)?;
    let why = if pattern.is_empty() || pattern.chars().count() > GLOB_CAP {
        format!("a glob has 1 to {GLOB_CAP} letters")
    } else if pattern.starts_with('/') || pattern.split('/').any(|part| part == "." || part == "..") {
        "paths begin at the repository's root, without / or . or ..".to_owned()
    } else if pattern.ends_with('/') {
        "it is a directory, and files are matched: end it with /**".to_owned()
    } else {
        match globs(&[pattern.to_owned()]) {
            Ok(_set) => return Some(pattern.to_owned()),
            Err(error) => format!("it is no glob: {}", error.kind()),
        }
    };
    at.refuse(&why, faults);
    None
}

fn verify(at: &At<'_>, faults: &mut Faults) -> Verify {
    let mut verify = Verify::default();
    for (key, at) in at.fields(&["build", "typecheck", "lint", "test", "timeout_minutes"], faults) {
        match key {
            "build" => verify.build = commands(&at, faults),
            "typecheck" => verify.typecheck = commands(&at, faults),
            "lint" => verify.lint = commands(&at, faults),
            "test" => verify.test = commands(&at, faults),
            _ => verify.timeout_minutes = minutes(&at, faults),
        }
    }
    verify
}

const COMMANDS: &str = "false, a command line, or a list of command lines";

fn commands(at: &At<'_>, faults: &mut Faults) -> Option<Commands> {
    match at.node {
        Node::Bool(false) => Some(Commands(Vec::new())),
        Node::Text(_) => Some(Commands(vec![words(at, faults)?])),
        Node::List(_) => {
            let lines = at.list(MOST_COMMANDS, COMMANDS, faults)?;
            if lines.is_empty() {
                at.refuse(&format!("it takes {COMMANDS}"), faults);
                return None;
            }
            Some(Commands(lines.iter().filter_map(|line| words(line, faults)).collect()))
        }
        // Nothing is said, as without the key.
        Node::Null => None,
        _ => {
            at.refuse(&format!("it takes {COMMANDS}"), faults);
            None
        }
    }
}

/// The words of a command line.
fn words(at: &At<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    let line = at.text("a command line", faults)?;
    let Some(words) = shlex::split(line).filter(|words| !words.is_empty()) else {
        at.refuse("it is no command line", faults);
        return None;
    };
    let is_shells = |word: &&String| {
        ["&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"].contains(&word.as_str())
            || word.ends_with(';')
            || (word.contains('$') && !line.contains('\''))
    };
    match words.iter().find(is_shells) {
        Some(word) => {
            let word = quoted(word);
            let why =
                format!("no shell reads it, so {word} means nothing there; a list runs several commands");
            at.refuse(&why, faults);
            None
        }
        None => Some(words),
    }
}

fn minutes(at: &At<'_>, faults: &mut Faults) -> Minutes {
    let allowed = 1..=LONGEST;
    match at.node {
        Node::Map(_) => {
            let fields = at.fields(&CHECKS, faults);
            let each = fields
                .into_iter()
                .filter_map(|(check, at)| Some((check.to_owned(), at.whole(&allowed, faults)?)));
            Minutes { all: None, each: each.collect() }
        }
        Node::Null => Minutes::default(),
        _ => Minutes { all: at.whole(&allowed, faults), ..Minutes::default() },
    }
}

fn runtime(at: &At<'_>, known: &Known, faults: &mut Faults) -> Runtime {
    let mut runtime = Runtime::default();
    for (key, at) in at.fields(&["node", "jdk"], faults) {
        let majors = if key == "node" { &known.node } else { &known.jdk };
        let major = at.whole(&(1..=999), faults);
        if let (Some(major), Some(majors)) = (major, majors)
            && !majors.contains(&major)
        {
            let all: Vec<String> = majors.iter().map(u64::to_string).collect();
            at.refuse(&format!("there are images for {}", all.join(", ")), faults);
        }
        match key {
            "node" => runtime.node = major,
            _ => runtime.jdk = major,
        }
    }
    runtime
}

fn pull_request(at: &At<'_>, faults: &mut Faults) -> PullRequest {
    let mut pull_request = PullRequest::default();
    for (key, at) in at.fields(&["draft", "labels", "reviewers"], faults) {
        match key {
            "draft" => pull_request.draft = at.bool(faults).unwrap_or_default(),
            "labels" => {
                let expected = format!(
                    "a label of 1 to {LABEL_CAP} letters that does not begin with agent: (those are the agent's own)"
                );
                pull_request.labels = names(&at, MOST_NAMES, &expected, is_label, faults).unwrap_or_default();
            }
            _ => {
                let most = MOST_REVIEWERS;
                pull_request.reviewers = names(&at, most, LOGIN, is_login, faults).unwrap_or_default();
            }
        }
    }
    pull_request
}

fn is_label(label: &str) -> bool {
    let letters = label.chars().count();
    (1..=LABEL_CAP).contains(&letters)
        && label.trim() == label
        && !label.to_lowercase().starts_with("agent:")
        && !label.chars().any(|c| c.is_control() || c == ',')
}

const LOGIN: &str = "a login, without @";

/// A person's login, or a bot's with its `[bot]`.
fn is_login(login: &str) -> bool {
    let name = login.strip_suffix("[bot]").unwrap_or(login);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=100).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('-')
}

/// A list of names, each once.
fn names(
    at: &At<'_>,
    most: usize,
    expected: &str,
    is_good: fn(&str) -> bool,
    faults: &mut Faults,
) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for entry in at.list(most, "a list of names", faults)? {
        let Some(name) = entry.good(expected, is_good, faults) else { continue };
        if names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            entry.refuse("it is there already", faults);
        }
        names.push(name);
    }
    Some(names)
}

fn limits(at: &At<'_>, faults: &mut Faults) -> Lowered {
    let mut limits = Lowered::default();
    let small = |number: u64| u32::try_from(number).ok();
    for (key, at) in at.fields(&["turns", "agent_seconds", "attempts", "cost_usd"], faults) {
        match key {
            "turns" => limits.turns = at.whole(&(1..=10), faults).and_then(small),
            "agent_seconds" => limits.agent_seconds = at.whole(&(1..=300), faults),
            "attempts" => limits.attempts = at.whole(&(0..=3), faults).and_then(small),
            _ => limits.cost = dollars(&at, faults),
        }
    }
    limits
}

fn dollars(at: &At<'_>, faults: &mut Faults) -> Option<Cost> {
    let dollars = match at.node {
        Node::Number(number) if (0.01..=1000.0).contains(number) => format!("{number:.6}"),
        Node::Whole(number) if (1..=1000).contains(number) => format!("{number}.000000"),
        _ => {
            at.refuse("it takes US dollars, and 0.01 to 1000 are allowed", faults);
            return None;
        }
    };
    dollars.replace('.', "").parse().ok().map(Cost)
}

fn triggers(at: &At<'_>, faults: &mut Faults) -> Triggers {
    let mut triggers = Triggers::default();
    for (key, at) in at.fields(&["role", "people"], faults) {
        match key {
            "role" => triggers.role = role(&at, faults),
            _ => {
                let people = names(&at, MOST_NAMES, LOGIN, is_login, faults);
                if people.as_ref().is_some_and(Vec::is_empty) {
                    at.refuse("with nobody in it nobody could start a run", faults);
                }
                triggers.people = people;
            }
        }
    }
    triggers
}

fn role(at: &At<'_>, faults: &mut Faults) -> Option<Role> {
    match at.text("write, maintain or admin", faults)? {
        "write" => Some(Role::Write),
        "maintain" => Some(Role::Maintain),
        "admin" => Some(Role::Admin),
        _ => {
            at.refuse("it takes write, maintain or admin: less may not start a run", faults);
            None
        }
    }
}

fn models(at: &At<'_>, known: &Known, faults: &mut Faults) -> Models {
    let mut models = Models::default();
    for (key, at) in at.fields(&["agent", "judge"], faults) {
        let name = at.good("the name of a model", |name| (1..=200).contains(&name.chars().count()), faults);
        if let (Some(name), Some(allowed)) = (&name, &known.models)
            && !allowed.contains(name)
        {
            let why = if allowed.is_empty() {
                "whoever runs this service lets repositories choose no model".to_owned()
            } else {
                format!("repositories may choose from {}", allowed.join(", "))
            };
            at.refuse(&why, faults);
        }
        match key {
            "agent" => models.agent = name,
            _ => models.judge = name,
        }
    }
    models
}

fn security(at: &At<'_>, faults: &mut Faults) -> Security {
    let mut security = Security::default();
    for (key, at) in at.fields(&["enabled", "min_severity", "scopes"], faults) {
        match key {
            "enabled" => security.enabled = at.bool(faults),
            "min_severity" => security.min_severity = severity(&at, faults),
            _ => {
                let entries = at.list(2, "a list of runtime and development", faults);
                let scopes = entries.map(|all| all.iter().filter_map(|entry| scope(entry, faults)).collect());
                security.scopes = scopes;
            }
        }
    }
    security
}

fn severity(at: &At<'_>, faults: &mut Faults) -> Option<Severity> {
    const EXPECTED: &str = "low, medium, high or critical";
    match at.text(EXPECTED, faults)? {
        "low" => Some(Severity::Low),
        "medium" | "moderate" => Some(Severity::Medium),
        "high" => Some(Severity::High),
        "critical" => Some(Severity::Critical),
        _ => {
            at.refuse(&format!("it takes {EXPECTED}"), faults);
            None
        }
    }
}

fn scope(at: &At<'_>, faults: &mut Faults) -> Option<Scope> {
    match at.text("runtime or development", faults)? {
        "runtime" => Some(Scope::Runtime),
        "development" => Some(Scope::Development),
        _ => {
            at.refuse("it takes runtime or development", faults);
            None
        }
    }
}
