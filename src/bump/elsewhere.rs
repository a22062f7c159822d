//! Settings of a repository that send its package manager to another registry
//! than the operator's, that name a program for it to start, or that make
//! Maven's own process run other code.
//!
//! A container reaches one registry of each kind, whatever a repository says.
//! What it would get from there may not be what the repository means, so such
//! a request is declined with the file and the line that say so. So is a
//! program: it would run while packages are fetched. Shells and options of
//! scripts are left alone, because no script runs then.
//!
//! A Maven build is warmed with the door open, and that runs the plugins and
//! extensions that the poms name: this is by design, there is no other way to
//! learn what a build needs. They come from the operator's registry. Code that
//! the repository itself puts into the process does not, so it is declined.

use super::declined;
use super::edit::Texts;
use crate::change::Ecosystem;
use crate::failure::Failure;

/// Checks a project's settings against the registry that is there.
///
/// # Errors
/// A setting names another one, or a program.
pub(super) fn check(ecosystem: Ecosystem, files: &Texts, address: Option<&str>) -> Result<(), Failure> {
    if let Some((file, line)) = program(files) {
        return Err(declined(format!(
            "work with the program that {file} names ({line}): it would run while packages are fetched"
        )));
    }
    let found = match ecosystem {
        Ecosystem::Npm => address.and_then(|address| npm(files, address)),
        Ecosystem::Maven => {
            code(files)?;
            maven(files)
        }
    };
    match found {
        None => Ok(()),
        Some((file, what)) => Err(declined(format!(
            "use the registry that {file} names ({what}): sessions reach only the one that the operator has set"
        ))),
    }
}

/// Files of settings, and the mark between a name and its value.
const NPM_FILES: [(&str, &[char]); 3] =
    [(".npmrc", &['=']), (".yarnrc", &[' ', '"']), (".yarnrc.yml", &[':'])];

fn npm(files: &Texts, address: &str) -> Option<(&'static str, String)> {
    let ours = bare(address);
    for (file, marks) in NPM_FILES {
        for line in files.get(file).into_iter().flat_map(|text| text.lines()) {
            let line = line.trim();
            let Some((name, value)) = line.split_once(marks) else { continue };
            let name = name.trim().trim_matches('"');
            let value = value.trim().trim_matches(['"', '\'', ' ']);
            let scope = name.strip_suffix(":registry");
            let is_registry = matches!(name, "registry" | "npmRegistryServer") || scope.is_some();
            // A scope that nothing is taken from sends nobody anywhere.
            let used = scope.is_none_or(|scope| uses(files, scope));
            if is_registry && used && !value.is_empty() && bare(value) != ours {
                return Some((file, value.to_owned()));
            }
        }
    }
    None
}

/// What npm and pnpm start themselves, outside of scripts.
const PROGRAMS: [&str; 3] = ["git", "tokenHelper", "token-helper"];

fn program(files: &Texts) -> Option<(&'static str, String)> {
    const FILE: &str = ".npmrc";
    let names = |line: &&str| {
        let name = line.split_once('=').map_or(*line, |(name, _)| name).trim().trim_matches(['"', '\'']);
        // A helper is for one registry: `//host/:tokenHelper`.
        let name = name.rsplit(':').next().unwrap_or(name);
        PROGRAMS.contains(&name)
    };
    let line = files.get(FILE)?.lines().map(str::trim).find(names)?;
    Some((FILE, line.to_owned()))
}

fn uses(files: &Texts, scope: &str) -> bool {
    let sign = format!("\"{scope}/");
    files.iter().any(|(path, text)| path.ends_with("package.json") && text.contains(&sign))
}

/// An address without what does not make it another one.
fn bare(address: &str) -> &str {
    let address = address.trim().trim_end_matches('/');
    address.split_once("://").map_or(address, |(_, rest)| rest)
}

const CONFIG: &str = ".mvn/maven.config";
const JVM: &str = ".mvn/jvm.config";
/// Words for the machine that runs Maven which bring code of their own along,
/// or hide such words in another file.
const CODE: [&str; 13] = [
    "-javaagent",
    "-agentpath",
    "-agentlib",
    "-Xbootclasspath",
    "-Xrun",
    "-XX:Flags",
    "-XX:VMOptionsFile",
    "-XX:OnError",
    "-XX:OnOutOfMemoryError",
    "--patch-module",
    "-cp",
    "-classpath",
    "--class-path",
];

fn code(files: &Texts) -> Result<(), Failure> {
    let words = |file: &'static str| {
        let words = files.get(file).into_iter().flat_map(|text| text.split_whitespace());
        // Whoever reads them takes quotes away.
        words.map(move |word| (file, word.replace(['"', '\'', '\\'], "")))
    };
    let is_code = |(file, word): &(&str, String)| {
        word.contains("maven.ext.class.path")
            || *file == JVM && (word.starts_with('@') || CODE.iter().any(|code| word.starts_with(code)))
    };
    match words(JVM).chain(words(CONFIG)).find(is_code) {
        None => Ok(()),
        Some((file, word)) => Err(declined(format!(
            "run Maven with {word:?}, which {file} asks for: it brings other code into Maven itself"
        ))),
    }
}

/// Settings of Maven that a repository brings along itself.
fn maven(files: &Texts) -> Option<(&'static str, String)> {
    let mut words = files.get(CONFIG)?.split_whitespace();
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        if matches!(name, "-s" | "--settings" | "-gs" | "--global-settings") {
            let value = if value.is_empty() { words.next().unwrap_or_default() } else { value };
            return Some((CONFIG, value.to_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(files: &[(&str, &str)]) -> Texts {
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn another_registry_is_found_in_every_file() {
        let ours = "https://packages.example/npm/";
        for (file, text, found) in [
            (".npmrc", "registry=https://packages.example/npm", false),
            (".npmrc", "save-exact=true\n# registry=https://other.example\n", false),
            (".npmrc", "registry = https://other.example/\n", true),
            (".npmrc", "@used:registry=https://other.example/\n", true),
            (".npmrc", "@idle:registry=https://other.example/\n", false),
            (".yarnrc", "registry \"https://other.example\"", true),
            (".yarnrc.yml", "npmRegistryServer: \"https://other.example\"", true),
            (".yarnrc.yml", "nodeLinker: node-modules", false),
        ] {
            let files = texts(&[(file, text), ("package.json", r#"{"dependencies":{"@used/x":"1"}}"#)]);
            assert_eq!(npm(&files, ours).is_some(), found, "{file} {text}");
        }
    }

    #[test]
    fn programs_are_found() {
        for (text, found) in [
            ("git=./evil.sh", true),
            ("a=b\n  \"git\" = git", true),
            ("//packages.example/:tokenHelper=/x", true),
            ("git-tag-version=false\n; git=x\n#git=x", false),
            ("script-shell=bash\nnode-options=--no-warnings", false),
        ] {
            assert_eq!(program(&texts(&[(".npmrc", text)])).is_some(), found, "{text}");
        }
    }

    #[test]
    fn code_that_a_repository_puts_into_maven_is_declined() {
        let config = |text: &str| code(&texts(&[(".mvn/jvm.config", text)]));
        assert!(config("-Xmx2g\n-XX:+UseG1GC --add-opens java.base/java.lang=ALL-UNNAMED").is_ok());
        let extended = texts(&[(CONFIG, "-T1\n-Dmaven.ext.class.path=x.jar")]);
        assert!(code(&extended).is_err());
        for bad in ["-Xmx1g\n-javaagent:x.jar", "-agentpath:x", "-agentlib:x", "\"-java\"agent:x", "@args"] {
            assert_eq!(config(bad).unwrap_err().outcome(), crate::outcome::Outcome::DeclinedPolicy, "{bad}");
        }
    }

    #[test]
    fn settings_that_a_repository_brings_along_are_found() {
        let config = |text: &str| maven(&texts(&[(".mvn/maven.config", text)]));
        assert_eq!(config("-s\n.mvn/settings.xml").unwrap().1, ".mvn/settings.xml");
        assert_eq!(config("--settings=x.xml -T1").unwrap().1, "x.xml");
        assert_eq!(config("-T1\n-Drevision=1"), None);
    }
}
