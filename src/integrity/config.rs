//! Scripts, settings of package managers, CI, and what tools are told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::FilePair;
use super::settings::{self, Setting};
use super::tools::{self, Tool};
use crate::evidence::Finding;

/// Where CI is configured.
const CI: [&str; 12] = [
    ".github/",
    ".circleci/",
    ".gitlab-ci",
    "azure-pipelines",
    ".travis.yml",
    "jenkinsfile",
    ".drone.yml",
    ".buildkite/",
    "bitbucket-pipelines",
    "appveyor",
    ".appveyor",
    ".woodpecker",
];
/// Files that say how coverage and quality are judged.
const JUDGES: [&str; 6] = [
    "codecov.yml",
    ".codecov.yml",
    "sonar-project.properties",
    ".sonarcloud.properties",
    ".coveralls.yml",
    "danger",
];
/// Files that say how the project is built.
const BUILDS: [&str; 12] = [
    "makefile",
    "gnumakefile",
    "justfile",
    "taskfile.yml",
    "taskfile.yaml",
    "dockerfile",
    "mvnw",
    "mvnw.cmd",
    "gradlew",
    "build.gradle",
    "build.gradle.kts",
    "rakefile",
];
/// Keys of `package.json` by which commands run at other times.
const HOOKS: [&str; 5] = ["husky", "lint-staged", "pre-commit", "simple-git-hooks", "wireit"];
/// What makes a command accept what it should not.
const UNSAFE: [&str; 28] = [
    "|| true",
    "||true",
    "|| :",
    "|| exit 0",
    "; exit 0",
    "; true",
    "--passwithnotests",
    "--pass-with-no-tests",
    "--force",
    "--legacy-peer-deps",
    "--no-verify",
    "--ignore-engines",
    "skiptests",
    "maven.test.skip",
    "skipits",
    "continue-on-error: true",
    "legacy-peer-deps=true",
    "strict-peer-deps=false",
    "strict-peer-dependencies=false",
    "engine-strict=false",
    "force=true",
    "strict-ssl=false",
    "fail-never",
    "-fn ",
    "testfailureignore",
    "allow_failure: true",
    "--no-bail",
    "set +e",
];
const REWRITING: [&str; 6] =
    ["--updatesnapshot", "--update-snapshots", "--ci=false", "--update", " -u", "update_snapshots"];
const NARROWING: [&str; 14] = [
    "--testpathignorepatterns",
    "--exclude",
    "--testnamepattern",
    "--grep",
    "--invert",
    "--ignore-pattern",
    "--ignore",
    "--test-skip-pattern",
    "--test-name-pattern",
    "--testpathpattern",
    "-dtest=",
    "--skip",
    " -t ",
    "--shard",
];
const LOWERING: [&str; 6] = [
    "--quiet",
    "--skiplibcheck",
    "--coveragethreshold",
    "--coverage=false",
    "--no-coverage",
    "--noemitonerror false",
];

/// The findings of all changed files. `limits` are the time limits that the
/// tests of the base had set themselves: they may move into a configuration.
pub(super) fn check(pairs: &[FilePair], limits: &[f64]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = pairs.iter().flat_map(one).collect();
    findings.extend(told(pairs, limits));
    findings
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_lowercase()
}

fn one(pair: &FilePair) -> Vec<Finding> {
    let lower = pair.path.to_lowercase();
    let name = file_name(&pair.path);
    let (before, after) = (pair.before_text(), pair.after_text());
    let mut findings = Vec::new();
    if CI.iter().any(|ci| lower.starts_with(ci)) {
        findings.push(pair.finding("ci-changed", "a file of the CI configuration was changed: put it back"));
        findings.extend(flags(pair, &before, &after));
    }
    if JUDGES.iter().any(|judge| name.starts_with(judge)) {
        findings.push(
            pair.finding("threshold-lowered", "a judge of coverage or quality was changed: put it back"),
        );
    }
    let is_build = BUILDS.contains(&name.as_str())
        || [".sh", ".bash", ".ps1", ".bat", ".cmd", ".mk"].iter().any(|end| name.ends_with(end))
        || name.ends_with("dockerfile")
        || name.starts_with("dockerfile.")
        || lower.contains(".husky/");
    if is_build {
        findings.push(pair.finding("script-changed", "a script of the build was changed: put it back"));
        findings.extend(flags(pair, &before, &after));
    }
    if matches!(
        name.as_str(),
        ".npmrc" | ".yarnrc" | ".yarnrc.yml" | ".pnpmfile.cjs" | ".pnpmfile.mjs" | "bunfig.toml"
    ) {
        findings.push(
            pair.finding("unsafe-flag-added", "a setting of the package manager was changed: put it back"),
        );
    }
    if name == "codeowners" {
        findings.push(pair.finding("ci-changed", "the owners of the code were changed: put that back"));
    }
    if matches!(name.as_str(), ".eslintignore" | ".stylelintignore" | ".nycignore" | ".biomeignore") {
        findings.extend(ignored(pair, &before, &after));
    }
    if name == "package.json" {
        findings.extend(manifest(pair));
    }
    findings
}

/// New lines of a list of what is left out.
fn ignored(pair: &FilePair, before: &str, after: &str) -> Option<Finding> {
    let lines = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    let then = lines(before);
    let new = lines(after).into_iter().find(|line| !then.contains(line))?;
    Some(pair.finding("test-excluded", format!("{new:?} is left out now: take that away")))
}

/// Words by which commands accept more than before.
fn flags(pair: &FilePair, before: &str, after: &str) -> Vec<Finding> {
    let (before, after) = (before.to_lowercase(), after.to_lowercase());
    let more = |words: &'static [&'static str]| {
        words.iter().find(|word| after.matches(**word).count() > before.matches(**word).count())
    };
    let kinds: [(&str, &'static [&'static str]); 4] = [
        ("unsafe-flag-added", &UNSAFE),
        ("snapshot-rewritten", &REWRITING),
        ("test-excluded", &NARROWING),
        ("threshold-lowered", &LOWERING),
    ];
    let mut findings: Vec<Finding> = kinds
        .into_iter()
        .filter_map(|(rule, words)| {
            let word = more(words)?.trim();
            let line = after
                .lines()
                .position(|line| line.contains(word))
                .and_then(|line| u32::try_from(line + 1).ok());
            let message = format!("{word:?} was added: take it away");
            Some(Finding { line, ..pair.finding(rule, message) })
        })
        .collect();
    if warnings(&after) > warnings(&before) {
        findings
            .push(pair.finding("threshold-lowered", "more warnings are let through: put the number back"));
    }
    findings
}

/// How many warnings a linter lets through.
fn warnings(text: &str) -> u32 {
    let mut rest = text;
    let mut most = None;
    while let Some((_, behind)) = rest.split_once("--max-warnings") {
        let number: String =
            behind.trim_start_matches(['=', ' ']).chars().take_while(char::is_ascii_digit).collect();
        most = most.max(number.parse().ok());
        rest = behind;
    }
    most.unwrap_or(if text.contains("eslint") { u32::MAX } else { 0 })
}

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default()
}

/// Scripts may be added, never changed or removed: they are what is verified.
fn manifest(pair: &FilePair) -> Vec<Finding> {
    let (before, after) = (object(&pair.before_text()), object(&pair.after_text()));
    let mut findings = Vec::new();
    let scripts = |manifest: &Map<String, Value>| -> Map<String, Value> {
        manifest.get("scripts").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (then, now) = (scripts(&before), scripts(&after));
    for (name, body) in &then {
        let new = now.get(name);
        if new != Some(body) {
            let message = format!("the script {name:?} was changed or removed: put it back");
            findings.push(Finding { line: line_of(pair, name), ..pair.finding("script-changed", message) });
            let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
            findings.extend(flags(pair, &text(Some(body)), &text(new)));
        }
    }
    for name in now.keys().filter(|name| is_hook(name) && !then.contains_key(*name)) {
        let message = format!("the script {name:?} runs around another one: take it away");
        findings.push(Finding { line: line_of(pair, name), ..pair.finding("script-changed", message) });
    }
    for key in HOOKS {
        if before.get(key) != after.get(key) && !before.is_empty() {
            findings.push(
                pair.finding("script-changed", format!("{key:?} in package.json was changed: put it back")),
            );
        }
    }
    let lax = |manifest: &Map<String, Value>| {
        manifest.get("pnpm").and_then(|pnpm| pnpm.get("peerDependencyRules")).cloned()
    };
    if lax(&before) != lax(&after) {
        findings.push(pair.finding("unsafe-flag-added", "peerDependencyRules were changed: put them back"));
    }
    findings
}

fn line_of(pair: &FilePair, name: &str) -> Option<u32> {
    let quoted = format!("\"{name}\"");
    let line = pair.after_text().lines().position(|line| line.contains(&quoted))?;
    u32::try_from(line + 1).ok()
}

/// npm runs these around the scripts that are verified.
fn is_hook(name: &str) -> bool {
    name.starts_with("pre") && name != "prettier" || name.starts_with("post")
}

/// The settings of one tool before and after, with the file to name.
#[derive(Default)]
struct Told {
    path: String,
    before: Vec<Setting>,
    after: Vec<Setting>,
}

/// All settings of each tool, taken together.
fn told(pairs: &[FilePair], limits: &[f64]) -> Vec<Finding> {
    let mut all: BTreeMap<(Tool, String), Told> = BTreeMap::new();
    let mut findings = Vec::new();
    for pair in pairs {
        let name = file_name(&pair.path);
        let directory = pair.path.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
        if name == "package.json" {
            of_manifest(pair, &directory, &mut all);
        } else if matches!(name.as_str(), ".eslintignore" | ".stylelintignore") {
            let told = all.entry((Tool::Linter, directory)).or_default();
            told.before.extend(of_ignore_file(&pair.before_text()));
        } else if let Some(tool) = tools::of_file(&name) {
            let place = match tool {
                Tool::TypeScript => pair.path.clone(),
                _ if name == "mocha.opts" => {
                    directory.trim_end_matches("test").trim_end_matches('/').to_owned()
                }
                _ => directory,
            };
            let told = all.entry((tool, place)).or_default();
            told.path.clone_from(&pair.path);
            let read = |text: String| {
                if text.trim().is_empty() { Some(Vec::new()) } else { settings::read(&pair.path, &text) }
            };
            match (read(pair.before_text()), read(pair.after_text())) {
                (Some(mut before), Some(after)) => {
                    // The file of a workspace is a list of its projects.
                    for setting in before.iter_mut().filter(|setting| setting.keys.is_empty()) {
                        setting.keys.push("projects".to_owned());
                    }
                    told.before.extend(before);
                    told.after.extend(after);
                }
                _ => {
                    findings.push(pair.finding(
                        "unparsable",
                        "a configuration that cannot be read was changed: put it back",
                    ))
                }
            }
        }
    }
    for ((tool, _), told) in all {
        findings.extend(tools::weaker(tool, &told.before, &told.after, limits).into_iter().map(|weaker| {
            Finding {
                rule: weaker.rule.to_owned(),
                path: told.path.clone(),
                line: weaker.line,
                message: weaker.message,
            }
        }));
    }
    findings
}

fn of_ignore_file(text: &str) -> Vec<Setting> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| Setting { keys: vec!["ignores".to_owned()], value: line.to_owned(), line: 1 }).collect()
}

fn of_manifest(pair: &FilePair, directory: &str, all: &mut BTreeMap<(Tool, String), Told>) {
    let read = |text: &str| settings::of_json(text).unwrap_or_default();
    for (is_before, settings) in [(true, read(&pair.before_text())), (false, read(&pair.after_text()))] {
        for mut setting in settings {
            let Some(tool) = setting.keys.first().and_then(|key| tools::of_key(key)) else { continue };
            if setting.keys.len() > 1 {
                setting.keys.remove(0);
            }
            let told = all.entry((tool, directory.to_owned())).or_default();
            if told.path.is_empty() {
                told.path.clone_from(&pair.path);
            }
            if is_before { told.before.push(setting) } else { told.after.push(setting) }
        }
    }
}
