//! Uses that no syntax tree shows: a package that a configuration, a script
//! or a template names.
//!
//! One place too many costs a sentence; one too few would let a broken
//! configuration pass for "not affected".

use std::collections::BTreeSet;

use serde_json::Value;

use super::Spot;
use crate::briefing::Source;
use crate::briefing::api::Name;
use crate::briefing::syntax::is_script;
use crate::manager::LOCKFILES;

/// Places that are kept.
const SPOTS: usize = 20;
/// Prose and what machines write.
const SKIPPED: [&str; 8] = [".md", ".mdx", ".txt", ".svg", ".map", ".lock", ".snap", ".csv"];
/// What a configuration leaves out of a plugin's name.
const LEFT_OUT: [&str; 12] = [
    "eslint-plugin-",
    "eslint-config-",
    "babel-plugin-",
    "babel-preset-",
    "jest-environment-",
    "jest-",
    "prettier-plugin-",
    "stylelint-config-",
    "karma-",
    "gulp-",
    "grunt-",
    "@babel/",
];

/// Sections of `package.json` that declare a package and do not use it.
const DECLARING: [&str; 16] = [
    "name",
    "version",
    "description",
    "keywords",
    "repository",
    "homepage",
    "bugs",
    "dependencies",
    "devDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "optionalDependencies",
    "overrides",
    "resolutions",
    "pnpm",
    "files",
];

fn is_skipped(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    LOCKFILES.contains(&name)
        || SKIPPED.iter().any(|end| path.ends_with(end))
        || matches!(name, "LICENSE" | "NOTICE" | "CODEOWNERS" | ".gitignore" | ".npmignore" | ".mailmap")
        || name.to_uppercase().starts_with("LICENSE")
        || path.starts_with(".github/dependabot")
        || name.starts_with("renovate")
}

/// Where an npm package is named.
pub(in crate::briefing) fn npm(sources: &[Source], package: &str, programs: &BTreeSet<String>) -> Vec<Spot> {
    let names = short_names(package);
    let mut found = Vec::new();
    for source in sources {
        let Source { path, text } = source;
        let name = path.rsplit('/').next().unwrap_or(path);
        if is_skipped(path) {
            continue;
        }
        if name == "package.json" {
            found.extend(manifest(path, text, &names, programs));
        } else if is_script(path) {
            // The full name is found in the tree; configurations use the
            // short one.
            if name.contains("config") || name.contains("rc.") || name.contains("file.") {
                found.extend(quoted(path, text, names.get(1..).unwrap_or_default()));
            }
        } else {
            let words = names.iter().take(1).map(String::as_str).chain(programs.iter().map(String::as_str));
            let words: Vec<&str> = words.filter(|word| word.len() > 2).collect();
            found.extend(spots(path, text, |line| words.iter().any(|word| has_word(line, word))));
            if name.contains("rc") || name.contains("config") {
                found.extend(quoted(path, text, names.get(1..).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found.dedup();
    found.truncate(SPOTS);
    found
}

/// The name itself, and how configurations call it.
fn short_names(package: &str) -> Vec<String> {
    let mut names = vec![package.to_owned()];
    for left_out in LEFT_OUT {
        if let Some(short) = package.strip_prefix(left_out) {
            names.push(short.to_owned());
        }
        // `@babel/preset-env` is `@babel/env`, `@scope/eslint-plugin` is `@scope`.
        if let Some((scope, name)) = package.split_once('/') {
            let bare = left_out.trim_start_matches("babel-");
            if let Some(short) = name.strip_prefix(left_out).or_else(|| name.strip_prefix(bare)) {
                names.push(format!("{scope}/{short}"));
            }
            if name == left_out.trim_end_matches('-') {
                names.push(scope.to_owned());
            }
        }
    }
    names.dedup();
    names
}

fn manifest(path: &str, text: &str, names: &[String], programs: &BTreeSet<String>) -> Vec<Spot> {
    let Ok(Value::Object(manifest)) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let mut words: Vec<String> = Vec::new();
    for (section, value) in manifest.iter().filter(|(key, _)| !DECLARING.contains(&key.as_str())) {
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) if section == "scripts" => {
                    let used = |name: &&String| has_word(text, name);
                    words.extend(programs.iter().chain(names.first()).filter(used).cloned());
                }
                Value::String(text) => words.extend(names.iter().filter(|name| *name == text).cloned()),
                Value::Array(items) => open.extend(items),
                Value::Object(entries) => {
                    words.extend(names.iter().filter(|name| entries.contains_key(*name)).cloned());
                    open.extend(entries.values());
                }
                _ => {}
            }
        }
    }
    let declared =
        |line: &str| names.iter().any(|name| line.trim_start().starts_with(&format!("\"{name}\": \"")));
    let mut found =
        spots(path, text, |line| words.iter().any(|word| has_word(line, word)) && !declared(line));
    if found.is_empty() && !words.is_empty() {
        found.push(Spot::new(path, 1, text.lines().next().unwrap_or_default()));
    }
    found
}

/// Lines with one of the names as a quoted string or a list's entry.
fn quoted(path: &str, text: &str, names: &[String]) -> Vec<Spot> {
    spots(path, text, |line| {
        names.iter().any(|name| {
            [format!("'{name}'"), format!("\"{name}\""), format!("'{name}/"), format!("\"{name}/")]
                .iter()
                .any(|quoted| line.contains(quoted))
                || line.trim() == format!("- {name}")
        })
    })
}

/// Where a jar's packages or classes are named outside of Java, or the
/// artifact does something else in a build than to be on the class path.
pub(in crate::briefing) fn maven(sources: &[Source], artifact: &str, classes: &BTreeSet<Name>) -> Vec<Spot> {
    let packages: BTreeSet<&str> =
        classes.iter().map(|name| name.at.as_str()).filter(|at| at.contains('.')).collect();
    // `a.b.c` is within `a.b`, which is enough to look for.
    let roots: Vec<&str> = packages
        .iter()
        .filter(|at| !packages.iter().any(|root| at.strip_prefix(root).is_some_and(|r| r.starts_with('.'))))
        .copied()
        .collect();
    let artifact = format!("<artifactId>{artifact}</artifactId>");
    let mut found = Vec::new();
    for Source { path, text } in sources {
        if is_skipped(path) || path.ends_with(".java") {
            continue;
        }
        found.extend(spots(path, text, |line| {
            roots.iter().any(|root| has_word(line, root)) && !line.contains("<groupId>")
        }));
        if path.ends_with("pom.xml") {
            found.extend(in_plugins(path, text, &artifact));
        }
    }
    // Files that name a service's implementation are called after it.
    for Source { path, text } in sources {
        let service = path.rsplit_once("META-INF/services/").map(|(_, service)| service);
        if service.is_some_and(|service| roots.iter().any(|root| service.starts_with(root))) {
            found.push(Spot::new(path, 1, text.lines().next().unwrap_or_default()));
        }
    }
    found.sort();
    found.dedup();
    found.truncate(SPOTS);
    found
}

/// The artifact in a plugin: as one, or on its class path.
fn in_plugins(path: &str, text: &str, artifact: &str) -> Vec<Spot> {
    let mut depth = 0_usize;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let count = |tag: &str| line.matches(tag).count();
        depth += count("<plugin>") + count("<annotationProcessorPaths>") + count("<extension>");
        if depth > 0 && line.contains(artifact) {
            found.push(Spot::new(path, number + 1, line));
        }
        let closed = count("</plugin>") + count("</annotationProcessorPaths>") + count("</extension>");
        depth = depth.saturating_sub(closed);
    }
    found
}

fn spots(path: &str, text: &str, matches: impl Fn(&str) -> bool) -> Vec<Spot> {
    let lines = text.lines().enumerate().filter(|(_, line)| matches(line));
    lines.take(SPOTS).map(|(number, line)| Spot::new(path, number + 1, line)).collect()
}

/// Is the name there as a whole?
fn has_word(line: &str, name: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "-_@".contains(c);
    line.match_indices(name).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + name.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(|c| inside(c) || c == '.' || c == '/') && !after.is_some_and(inside)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn configurations_and_scripts_that_name_a_package_are_found() {
        let programs = BTreeSet::from(["tool".to_owned()]);
        for (package, path, text, found) in [
            ("pkg", "package.json", r#"{"dependencies":{"pkg":"1"}}"#, false),
            ("pkg", "package.json", r#"{"scripts":{"build":"tool --all"}}"#, true),
            ("pkg", "package.json", r#"{"scripts":{"build":"toolbox; x/tools"}}"#, false),
            ("pkg", "package.json", r#"{"jest":{"preset":"pkg"}}"#, true),
            ("eslint-plugin-x", "package.json", r#"{"eslintConfig":{"plugins":["x"]}}"#, true),
            ("eslint-plugin-x", ".eslintrc.json", r#"{"plugins":["x"]}"#, true),
            ("eslint-plugin-x", ".eslintrc.js", "module.exports = { plugins: ['x'] }", true),
            ("eslint-config-x", ".eslintrc.yml", "extends:\n  - x\n", true),
            ("@babel/preset-env", "babel.config.js", "presets: ['@babel/env']", true),
            ("@s/eslint-plugin", ".eslintrc", "{\"plugins\":[\"@s\"]}", true),
            ("jest-environment-jsdom", "jest.config.js", "testEnvironment: 'jsdom'", true),
            ("pkg", "src/a.js", "const x = 'x'", false),
            ("pkg", "App.vue", "import x from 'pkg'", true),
            ("pkg", "README.md", "uses pkg", false),
            ("pkg", "package-lock.json", "pkg", false),
            ("pkg", ".github/workflows/ci.yml", "run: npx tool", true),
            ("pkg", "tsconfig.json", r#"{"types":["pkg"]}"#, true),
            ("pkg", "tsconfig.json", r#"{"types":["pkg-x","@s/pkg"]}"#, false),
        ] {
            let spots = npm(&[source(path, text)], package, &programs);
            assert_eq!(!spots.is_empty(), found, "{package} {path} {text}");
        }
    }

    #[test]
    fn a_jar_that_is_named_outside_of_java_is_found() {
        let classes = BTreeSet::from([Name::new("org.acme", "C"), Name::new("org.acme.x", "D")]);
        let plugin = "<plugin>\n<dependencies>\n<artifactId>lib</artifactId>\n</dependencies>\n</plugin>";
        for (path, text, found) in [
            ("pom.xml", "<dependency>\n<groupId>org.acme</groupId>\n<artifactId>lib</artifactId>", false),
            ("pom.xml", plugin, true),
            ("src/main/resources/beans.xml", "<bean class=\"org.acme.x.D\"/>", true),
            ("src/main/resources/META-INF/services/org.acme.C", "mine.Impl", true),
            ("application.properties", "driver=org.acmeother.C", false),
            ("src/A.kt", "import org.acme.C", true),
        ] {
            let spots = maven(&[source(path, text)], "lib", &classes);
            assert_eq!(!spots.is_empty(), found, "{path} {text}");
        }
    }
}
