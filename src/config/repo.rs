//! What a repository says for itself: `.github/agent.yml` on its default
//! branch.
//!
//! Read from the base commit's tree, never from a branch that somebody
//! proposes. A section that is known may hold no unknown key: a misspelt
//! limit must not pass for a limit. Other sections are not read yet.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::advisory::{Policy, Scope, Severity};
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Where the file is.
pub const PATH: &str = ".github/agent.yml";

/// Bytes of the file.
const CAP: usize = 64 * 1024;

/// The file, as far as it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RepoConfig {
    pub security: Option<Security>,
    pub verify: Option<Verify>,
}

/// How the repository is checked. What is absent is detected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verify {
    pub build: Option<Commands>,
    pub typecheck: Option<Commands>,
    pub lint: Option<Commands>,
    pub test: Option<Commands>,
    pub timeout_minutes: Option<Minutes>,
}

/// The commands of one check, in words; none when it is off.
///
/// Written as `false`, as a command line, or as a list of those. No shell
/// reads them: a line that needs one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands(pub Vec<Vec<String>>);

/// How long each command of a check may take: a number for all of them, or
/// one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minutes {
    all: Option<u64>,
    each: BTreeMap<String, u64>,
}

/// The most that a command may take.
const LONGEST: u64 = 120;
/// The checks that there are.
const CHECKS: [&str; 4] = ["build", "typecheck", "lint", "test"];

impl Minutes {
    /// Those of one check.
    #[must_use]
    pub fn of(&self, check: &str) -> Option<u64> {
        self.each.get(check).copied().or(self.all)
    }
}

/// The words of a command line.
fn words<E: de::Error>(line: &str) -> Result<Vec<String>, E> {
    let words = shlex::split(line).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| E::custom(format!("{line:?} is no command line")))?;
    let is_shells = |word: &&String| {
        ["&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"].contains(&word.as_str())
            || word.ends_with(';')
            || (word.contains('$') && !line.contains('\''))
    };
    match words.iter().find(is_shells) {
        Some(word) => Err(E::custom(format!(
            "no shell reads {line:?}, so {word:?} means nothing there; a list runs several commands"
        ))),
        None => Ok(words),
    }
}

impl<'de> Deserialize<'de> for Commands {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Commands;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("false, a command line, or a list of command lines")
            }

            fn visit_bool<E: de::Error>(self, is_on: bool) -> Result<Commands, E> {
                if is_on {
                    return Err(E::invalid_value(de::Unexpected::Bool(true), &self));
                }
                Ok(Commands(Vec::new()))
            }

            fn visit_str<E: de::Error>(self, line: &str) -> Result<Commands, E> {
                Ok(Commands(vec![words(line)?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut lines: A) -> Result<Commands, A::Error> {
                let mut commands = Vec::new();
                while let Some(line) = lines.next_element::<String>()? {
                    commands.push(words(&line)?);
                }
                if commands.is_empty() {
                    return Err(de::Error::invalid_length(0, &self));
                }
                Ok(Commands(commands))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for Minutes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        fn allowed<E: de::Error>(minutes: u64) -> Result<u64, E> {
            let is_allowed = (1..=LONGEST).contains(&minutes);
            let refused = || E::custom(format!("{minutes} minutes: 1 to {LONGEST} are allowed"));
            is_allowed.then_some(minutes).ok_or_else(refused)
        }
        impl<'de> Visitor<'de> for Form {
            type Value = Minutes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of minutes, or one for each check")
            }

            fn visit_u64<E: de::Error>(self, minutes: u64) -> Result<Minutes, E> {
                Ok(Minutes { all: Some(allowed(minutes)?), each: BTreeMap::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Minutes, A::Error> {
                let mut each = BTreeMap::new();
                while let Some(check) = map.next_key::<String>()? {
                    if !CHECKS.contains(&check.as_str()) {
                        return Err(de::Error::unknown_field(&check, &CHECKS));
                    }
                    each.insert(check, allowed(map.next_value()?)?);
                }
                Ok(Minutes { all: None, each })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// Which alerts are answered in this repository. What is absent is as the
/// service has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    pub enabled: Option<bool>,
    pub min_severity: Option<Severity>,
    pub scopes: Option<Vec<Scope>>,
}

impl RepoConfig {
    /// Reads the file's bytes; no file says nothing.
    ///
    /// # Errors
    /// The file is too large, or not what is expected: with the line.
    pub fn read(file: Option<&[u8]>) -> Result<Self, Failure> {
        let Some(bytes) = file else { return Ok(Self::default()) };
        let refused = |why: &str| Failure::user(Outcome::DeclinedPolicy, format!("read {PATH}: {why}"));
        if bytes.len() > CAP {
            return Err(refused(&format!("it has {} bytes, and {CAP} are allowed", bytes.len())));
        }
        let text = std::str::from_utf8(bytes).map_err(|_not_text| refused("it is not UTF-8"))?;
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let read: Option<Self> = serde_yaml_ng::from_str(text).map_err(|error| refused(&said(&error)))?;
        Ok(read.unwrap_or_default())
    }

    /// The service's policy with this repository's words in it.
    #[must_use]
    pub fn policy(&self, service: &Policy) -> Policy {
        let own = self.security.clone().unwrap_or_default();
        Policy {
            enabled: own.enabled.unwrap_or(service.enabled),
            min_severity: own.min_severity.unwrap_or(service.min_severity),
            scopes: own.scopes.unwrap_or_else(|| service.scopes.clone()),
        }
    }
}

fn said(error: &serde_yaml_ng::Error) -> String {
    // The message of most errors ends with the place; that is said first.
    let message = error.to_string();
    match error.location() {
        Some(place) => {
            let message = message.split(" at line ").next().unwrap_or_default();
            format!("line {}: {message}", place.line())
        }
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RepoConfig, Failure> {
        RepoConfig::read(Some(text.as_bytes()))
    }

    #[test]
    fn what_is_absent_is_as_the_service_has_it() {
        let service = Policy { min_severity: Severity::Medium, ..Policy::default() };
        for (text, expected) in [
            ("", service.clone()),
            ("# nothing\n", service.clone()),
            ("verify:\n  test: make test\n", service.clone()),
            ("security:\n  enabled: false\n", Policy { enabled: false, ..service.clone() }),
            (
                "security:\n  min_severity: high\n  scopes: [runtime]\n",
                Policy { enabled: true, min_severity: Severity::High, scopes: vec![Scope::Runtime] },
            ),
        ] {
            assert_eq!(read(text).unwrap().policy(&service), expected, "{text}");
        }
        assert_eq!(RepoConfig::read(None).unwrap().policy(&service), service);
    }

    #[test]
    fn checks_are_declared_in_words() {
        let text = "verify:\n  build: false\n  test: [npm run 'unit tests', \"mocha --grep \\\"a b\\\"\"]\n  lint: npx eslint .\n  timeout_minutes: {test: 20}\n";
        let verify = read(text).unwrap().verify.unwrap();
        let lines = |commands: &Option<Commands>| -> Option<Vec<String>> {
            Some(commands.as_ref()?.0.iter().map(|words| words.join("|")).collect())
        };
        assert_eq!(lines(&verify.build), Some(vec![]));
        assert_eq!(lines(&verify.typecheck), None);
        assert_eq!(lines(&verify.lint), Some(vec!["npx|eslint|.".to_owned()]));
        assert_eq!(
            lines(&verify.test),
            Some(vec!["npm|run|unit tests".to_owned(), "mocha|--grep|a b".to_owned()])
        );
        let minutes = verify.timeout_minutes.unwrap();
        assert_eq!((minutes.of("test"), minutes.of("build")), (Some(20), None));
        let all = read("verify:\n  timeout_minutes: 7\n").unwrap().verify.unwrap().timeout_minutes.unwrap();
        assert_eq!((all.of("test"), all.of("lint")), (Some(7), Some(7)));
    }

    #[test]
    fn an_invalid_file_is_refused_with_its_line() {
        for (text, says) in [
            ("security:\n  enabled: true\n  severity: high\n", "line 3"),
            ("security:\n  min_severity: terrible\n", "line 2"),
            ("security:\n  scopes: [runtime, tests]\n", "tests"),
            ("security: [\n", "line "),
            ("- a\n", "read .github/agent.yml"),
            ("verify:\n  tests: npm test\n", "line 2"),
            ("verify:\n  build: x\n  test: true\n", "line 3"),
            ("verify:\n  test: 'npm test && npm run more'\n", "no shell"),
            ("verify:\n  test: \"node 'open\"\n", "no command line"),
            ("verify:\n  test: []\n", "a list of command lines"),
            ("verify:\n  test: ['']\n", "no command line"),
            ("verify:\n  test: npm test $EXTRA\n", "no shell"),
            ("verify:\n  timeout_minutes: 0\n", "1 to 120"),
            ("verify:\n  timeout_minutes: {tests: 5}\n", "tests"),
            ("verify:\n  timeout_minutes: {test: 500}\n", "1 to 120"),
            ("verify:\n  timeout_minutes: soon\n", "line 2"),
        ] {
            let failure = read(text).unwrap_err();
            assert_eq!(failure.outcome(), Outcome::DeclinedPolicy);
            assert!(failure.public().contains(says), "{text}: {}", failure.public());
        }
        assert!(RepoConfig::read(Some(&[0xff])).is_err());
        assert!(read(&"#".repeat(CAP + 1)).is_err());
    }
}
