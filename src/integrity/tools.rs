//! What test runners and checkers are told: nothing left out, no limit
//! lowered.
//!
//! All files of one tool in one directory are taken together, so that a
//! configuration may move from one form or file to another.

mod linter;
mod typescript;

use std::collections::{BTreeMap, BTreeSet};

use super::settings::Setting;
use linter::linter;
use typescript::typescript;

/// What is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    /// Jest, Vitest, Mocha, AVA, Playwright, Cypress, Karma, tap.
    Runner,
    /// ESLint, oxlint, xo, Biome, stylelint.
    Linter,
    TypeScript,
    /// nyc, c8.
    Coverage,
}

/// By the file's name.
pub(super) fn of_file(name: &str) -> Option<Tool> {
    let starts = |names: &[&str]| names.iter().any(|start| name.starts_with(start));
    if starts(&[
        "jest.config",
        "jest.",
        "vitest.config",
        "vitest.workspace",
        "vite.config",
        ".mocharc",
        "mocha.opts",
        "ava.config",
        "playwright.config",
        "cypress.config",
        "cypress.json",
        "karma.conf",
        ".taprc",
        "wdio.conf",
    ]) {
        return Some(Tool::Runner);
    }
    if starts(&[
        ".eslintrc",
        "eslint.config",
        "biome.json",
        ".oxlintrc",
        ".stylelintrc",
        "stylelint.config",
        "tslint.json",
    ]) {
        return Some(Tool::Linter);
    }
    if starts(&["tsconfig", "jsconfig"]) {
        return Some(Tool::TypeScript);
    }
    starts(&[".nycrc", ".c8rc", "nyc.config"]).then_some(Tool::Coverage)
}

/// By a key of `package.json`.
pub(super) fn of_key(key: &str) -> Option<Tool> {
    match key {
        "jest" | "mocha" | "ava" | "vitest" | "tap" => Some(Tool::Runner),
        "eslintConfig" | "eslintIgnore" | "xo" | "stylelint" => Some(Tool::Linter),
        "nyc" | "c8" => Some(Tool::Coverage),
        _ => None,
    }
}

/// One thing that is weaker than before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Weaker {
    pub(super) rule: &'static str,
    pub(super) line: Option<u32>,
    pub(super) message: String,
}

const EXCLUDED: &str = "test-excluded";
const LOWERED: &str = "threshold-lowered";

pub(super) fn weaker(
    tool: Tool,
    before: &[Setting],
    after: &[Setting],
    limits_of_tests: &[f64],
) -> Vec<Weaker> {
    let mut found = match tool {
        Tool::Runner => runner(before, after, limits_of_tests),
        Tool::Linter => linter(before, after),
        Tool::TypeScript => typescript(before, after),
        Tool::Coverage => Vec::new(),
    };
    found.extend(limits(tool, before, after));
    found.extend(lists(tool, before, after));
    found
}

fn is_limit(tool: Tool, setting: &Setting) -> bool {
    let is_name = matches!(
        setting.key(),
        "branches" | "functions" | "lines" | "statements" | "global" | "perFile" | "100"
    );
    is_name
        && (tool == Tool::Coverage
            || setting.keys.iter().any(|key| {
                matches!(key.as_str(), "coverageThreshold" | "thresholds" | "threshold" | "check-coverage")
            }))
}

/// Minimums of coverage, by their names.
fn limits(tool: Tool, before: &[Setting], after: &[Setting]) -> Vec<Weaker> {
    let numbers = |settings: &[Setting]| -> BTreeMap<String, (f64, u32)> {
        let limits = settings.iter().filter(|setting| is_limit(tool, setting));
        limits
            .filter_map(|setting| {
                let parent = setting.keys.iter().rev().nth(1).filter(|parent| !is_threshold_word(parent));
                let key = format!(
                    "{}{}",
                    parent.map(|parent| format!("{parent}.")).unwrap_or_default(),
                    setting.key()
                );
                Some((key, (setting.number()?, setting.line)))
            })
            .collect()
    };
    let (then, now) = (numbers(before), numbers(after));
    let mut found: Vec<Weaker> = then
        .iter()
        .filter_map(|(key, (limit, _))| {
            // A negative number says how much may be uncovered.
            let last = key.rsplit('.').next().unwrap_or(key);
            let same = now.get(key).or_else(|| now.get(last)).or_else(|| now.get(&format!("global.{last}")));
            let is_lower = same.is_none_or(|(now, _)| now < limit);
            is_lower.then(|| Weaker {
                rule: LOWERED,
                line: same.map(|(_, line)| *line),
                message: format!("the minimum coverage of {key} was {limit}: put it back"),
            })
        })
        .collect();
    let checks = |settings: &[Setting]| {
        settings
            .iter()
            .any(|s| matches!(s.key(), "check-coverage" | "checkCoverage" | "check") && s.value == "true")
    };
    let by_file = |settings: &[Setting]| {
        settings.iter().any(|s| matches!(s.key(), "per-file" | "perFile" | "100") && s.value == "true")
    };
    if (checks(before) && !checks(after)) || (by_file(before) && !by_file(after)) {
        found.push(Weaker {
            rule: LOWERED,
            line: None,
            message: "coverage is no longer checked: put it back".to_owned(),
        });
    }
    found
}

fn is_threshold_word(key: &str) -> bool {
    matches!(
        key,
        "coverageThreshold" | "thresholds" | "threshold" | "check-coverage" | "nyc" | "c8" | "coverage"
    )
}

/// Lists of what is left out, and of what is looked at.
fn lists(tool: Tool, before: &[Setting], after: &[Setting]) -> Vec<Weaker> {
    let mut found = Vec::new();
    let then: BTreeSet<&str> =
        before.iter().filter(|s| leaves_out(s)).map(|s| s.value.trim_matches('!')).collect();
    for setting in after.iter().filter(|setting| leaves_out(setting)) {
        let value = setting.value.trim_start_matches('!');
        if !then.contains(value) && !is_harmless(value) {
            let is_coverage = setting.keys.iter().any(|key| key.to_lowercase().contains("coverage"))
                || tool == Tool::Coverage;
            found.push(Weaker {
                rule: if is_coverage { LOWERED } else { EXCLUDED },
                line: Some(setting.line),
                message: format!("{} leaves out {value:?} now: take that away", setting.key()),
            });
        }
    }
    let chosen = |settings: &[Setting]| -> BTreeMap<String, BTreeSet<String>> {
        let mut chosen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for setting in settings.iter().filter(|setting| chooses(tool, setting)) {
            chosen.entry(setting.key().to_owned()).or_default().insert(setting.value.clone());
        }
        chosen
    };
    let (then, now) = (chosen(before), chosen(after));
    for (key, values) in &now {
        let known = then.get(key).or_else(|| then.get(former_name(key)));
        let has =
            |value: &str| values.iter().any(|now| now == value || now.ends_with(value) && !value.is_empty());
        let lost = known
            .map_or_else(|| Some(""), |known| known.iter().find(|value| !has(value)).map(String::as_str));
        if let Some(lost) = lost {
            let message = if lost.is_empty() {
                format!("{key} chooses only some of the files: take that away")
            } else {
                format!("{key} no longer has {lost:?}: put it back")
            };
            let line = after.iter().find(|setting| setting.key() == key).map(|setting| setting.line);
            found.push(Weaker { rule: EXCLUDED, line, message });
        }
    }
    found
}

/// Names of keys change from release to release.
fn former_name(key: &str) -> &str {
    match key {
        "specPattern" => "testFiles",
        "testPathPatterns" => "testPathPattern",
        _ => key,
    }
}

fn leaves_out(setting: &Setting) -> bool {
    let is_named = matches!(
        setting.key(),
        "testPathIgnorePatterns"
            | "coveragePathIgnorePatterns"
            | "modulePathIgnorePatterns"
            | "exclude"
            | "excludes"
            | "ignore"
            | "ignores"
            | "ignorePatterns"
            | "testIgnore"
            | "eslintIgnore"
            | "excludeSpecPattern"
            | "ignored"
    );
    let is_negated = setting.value.starts_with('!')
        && matches!(
            setting.key(),
            "testMatch" | "files" | "include" | "includes" | "spec" | "collectCoverageFrom"
        );
    let is_rule = setting.is_below("rules");
    let of_build =
        setting.is_below("optimizeDeps") || setting.is_below("plugins") || setting.is_below("watch");
    !is_rule && !of_build && (is_named || is_negated)
}

fn chooses(tool: Tool, setting: &Setting) -> bool {
    if setting.value.starts_with('!') || setting.is_below("rules") {
        return false;
    }
    match tool {
        Tool::Runner => {
            matches!(
                setting.key(),
                "projects"
                    | "testMatch"
                    | "testRegex"
                    | "roots"
                    | "spec"
                    | "testDir"
                    | "specPattern"
                    | "testFiles"
                    | "testNamePattern"
                    | "grep"
                    | "fgrep"
                    | "testPathPattern"
            ) || (matches!(setting.key(), "include" | "includes") && setting.is_below("test"))
        }
        Tool::TypeScript => setting.keys.len() == 1 && matches!(setting.key(), "include" | "files"),
        Tool::Coverage => setting.key() == "include",
        Tool::Linter => false,
    }
}

fn is_harmless(value: &str) -> bool {
    let words: Vec<&str> = value
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
        .filter(|w| !w.is_empty())
        .collect();
    words.iter().all(|word| {
        matches!(
            *word,
            "node_modules"
                | "dist"
                | "build"
                | "coverage"
                | "out"
                | "lib"
                | "rootDir"
                | "next"
                | "cache"
                | "js"
                | "cjs"
                | "mjs"
                | "d"
                | "ts"
                | "map"
                | "min"
                | "tmp"
                | "esm"
        )
    })
}

fn runner(before: &[Setting], after: &[Setting], limits: &[f64]) -> Vec<Weaker> {
    let mut found = Vec::new();
    let has = |settings: &[Setting], key: &str, value: &str| {
        settings.iter().any(|s| s.key() == key && s.value == value)
    };
    let worse = [
        ("passWithNoTests", "true", "unsafe-flag-added"),
        ("dangerouslyIgnoreUnhandledErrors", "true", "unsafe-flag-added"),
        ("allowUncaught", "true", "exception-swallowed"),
        ("automock", "true", "mock-stubbed"),
        ("ci", "false", "snapshot-rewritten"),
        ("updateSnapshot", "true", "snapshot-rewritten"),
        ("update", "true", "snapshot-rewritten"),
        ("updateSnapshots", "all", "snapshot-rewritten"),
        ("diagnostics", "false", LOWERED),
        ("collectCoverage", "false", LOWERED),
        ("allowOnly", "true", "test-skipped"),
        ("forbidOnly", "false", "test-skipped"),
        ("fail-zero", "false", "unsafe-flag-added"),
        ("failZero", "false", "unsafe-flag-added"),
        ("invert", "true", EXCLUDED),
    ];
    for (key, value, rule) in worse {
        if has(after, key, value) && !has(before, key, value) {
            let line = after.iter().find(|s| s.key() == key).map(|s| s.line);
            found.push(Weaker { rule, line, message: format!("{key} is {value} now: put it back") });
        }
    }
    found.extend(patience(before, after, limits));
    let mapped = |settings: &[Setting]| -> BTreeSet<String> {
        let below = settings.iter().filter(|s| s.is_below("moduleNameMapper") || s.is_below("alias"));
        below.filter(|s| is_stand_in(&s.value)).map(|s| s.value.clone()).collect()
    };
    for value in mapped(after).difference(&mapped(before)) {
        let message = format!("a module is replaced by {value:?}: use the real one");
        found.push(Weaker { rule: "mock-stubbed", line: None, message });
    }
    found
}

fn is_stand_in(value: &str) -> bool {
    let lower = value.to_lowercase();
    ["mock", "stub", "fake", "empty", "noop", "dummy"].iter().any(|word| lower.contains(word))
}

/// Time limits and retries.
fn patience(before: &[Setting], after: &[Setting], limits: &[f64]) -> Vec<Weaker> {
    let largest = |settings: &[Setting], key: &str| -> Option<(f64, u32)> {
        let own = settings.iter().filter(|s| s.key() == key).filter_map(|s| Some((s.number()?, s.line)));
        own.reduce(|a, b| if a.0 < b.0 { b } else { a })
    };
    ["testTimeout", "timeout", "hookTimeout", "retries", "retry", "slow"]
        .into_iter()
        .filter_map(|key| {
            let (now, line) = largest(after, key)?;
            let is_more = largest(before, key).is_none_or(|(then, _)| now > then && then != 0.0)
                && now > 0.0
                && !limits.contains(&now);
            is_more.then(|| Weaker {
                rule: "assertion-loosened",
                line: Some(line),
                message: format!("{key} is {now} now: put back what it was"),
            })
        })
        .collect()
}
