//! Checks stay: scripts, lint and test configuration, CI.

use serde_json::{Map, Value};

use super::FilePair;
use crate::evidence::Finding;

/// Keys of `package.json` that configure a checker.
const CHECKER_KEYS: [&str; 10] =
    ["eslintConfig", "eslintIgnore", "jest", "mocha", "ava", "nyc", "c8", "vitest", "xo", "lint-staged"];

/// Beginnings of names of files that configure a checker.
const CONFIGS: [&str; 20] = [
    ".eslintrc",
    "eslint.config.",
    ".eslintignore",
    "biome.json",
    ".prettierrc",
    "prettier.config.",
    ".stylelintrc",
    "tsconfig",
    "jest.config.",
    "jest.setup.",
    "vitest.config.",
    "vite.config.",
    ".mocharc",
    ".nycrc",
    ".c8rc",
    "karma.conf.",
    "playwright.config.",
    "cypress.config.",
    "ava.config.",
    "tslint.json",
];

/// Where CI is configured.
const CI: [&str; 6] =
    [".github/", ".circleci/", ".gitlab-ci.yml", "azure-pipelines.yml", ".travis.yml", "jenkinsfile"];

pub(super) fn check(pair: &FilePair) -> Vec<Finding> {
    let lower = pair.path.to_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower).to_owned();
    let mut findings = Vec::new();
    if CI.iter().any(|ci| lower.starts_with(ci)) {
        findings.push(pair.finding("ci-edited", "a file of the CI configuration was changed"));
    }
    if CONFIGS.iter().any(|config| name.starts_with(config)) {
        findings.push(pair.finding("checker-config-edited", "the configuration of a checker was changed"));
    }
    if name == "package.json" {
        findings.extend(manifest(pair));
    }
    findings
}

/// Scripts may be added, never changed or removed: they are what is verified.
fn manifest(pair: &FilePair) -> Vec<Finding> {
    let object = |text: String| -> Map<String, Value> {
        serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default()
    };
    let (before, after) = (object(pair.before_text()), object(pair.after_text()));
    let mut findings = Vec::new();
    let scripts = |manifest: &Map<String, Value>| -> Map<String, Value> {
        manifest.get("scripts").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let now = scripts(&after);
    for (name, body) in scripts(&before) {
        if now.get(&name) != Some(&body) {
            findings
                .push(pair.finding("script-edited", format!("the script {name:?} was changed or removed")));
        }
    }
    for name in now.keys().filter(|name| is_hook(name) && !scripts(&before).contains_key(*name)) {
        findings.push(pair.finding("script-edited", format!("the script {name:?} runs around another one")));
    }
    for key in CHECKER_KEYS {
        if before.get(key) != after.get(key) {
            findings
                .push(pair.finding("checker-config-edited", format!("{key:?} in package.json was changed")));
        }
    }
    findings
}

/// npm runs these around the scripts that are verified.
fn is_hook(name: &str) -> bool {
    name.starts_with("pre") || name.starts_with("post")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, before: &str, after: &str) -> Vec<String> {
        let pair = FilePair {
            path: path.into(),
            before: Some(before.as_bytes().to_vec()),
            after: Some(after.as_bytes().to_vec()),
        };
        check(&pair).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_bump_of_the_manifest_passes() {
        let before = r#"{"scripts":{"test":"jest"},"dependencies":{"a":"1"},"jest":{"x":1}}"#;
        assert!(rules("package.json", before, &before.replace("\"a\":\"1\"", "\"a\":\"2\"")).is_empty());
    }

    #[test]
    fn an_edited_script_or_checker_is_found() {
        let before = r#"{"scripts":{"test":"jest","lint":"eslint ."},"jest":{"x":1}}"#;
        assert_eq!(
            rules("package.json", before, &before.replace("jest\",", "jest || true\",")),
            ["script-edited"]
        );
        assert_eq!(
            rules("package.json", before, &before.replace(",\"lint\":\"eslint .\"", "")),
            ["script-edited"]
        );
        assert_eq!(
            rules("package.json", before, &before.replace("{\"test\"", "{\"pretest\":\"exit 0\",\"test\"")),
            ["script-edited"]
        );
        assert_eq!(
            rules("package.json", before, &before.replace("\"x\":1", "\"x\":2")),
            ["checker-config-edited"]
        );
        assert_eq!(rules("a/package.json", before, "{}").len(), 3);
    }

    #[test]
    fn configuration_of_checkers_and_ci_is_found() {
        for path in [
            ".eslintrc.json",
            "eslint.config.mjs",
            "tsconfig.json",
            "packages/a/jest.config.ts",
            "vitest.config.ts",
        ] {
            assert_eq!(rules(path, "1", "2"), ["checker-config-edited"], "{path}");
        }
        assert_eq!(rules(".github/workflows/ci.yml", "1", "2"), ["ci-edited"]);
        assert!(rules("src/index.js", "1", "2").is_empty());
    }
}
