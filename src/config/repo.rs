//! What a repository says for itself: `.github/agent.yml` on its default
//! branch.
//!
//! Read from the base commit's tree, never from a branch that somebody
//! proposes. A section that is known may hold no unknown key: a misspelt
//! limit must not pass for a limit. Other sections are not read yet.

use serde::Deserialize;

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
    fn an_invalid_file_is_refused_with_its_line() {
        for (text, says) in [
            ("security:\n  enabled: true\n  severity: high\n", "line 3"),
            ("security:\n  min_severity: terrible\n", "line 2"),
            ("security:\n  scopes: [runtime, tests]\n", "tests"),
            ("security: [\n", "line "),
            ("- a\n", "read .github/agent.yml"),
        ] {
            let failure = read(text).unwrap_err();
            assert_eq!(failure.outcome(), Outcome::DeclinedPolicy);
            assert!(failure.public().contains(says), "{text}: {}", failure.public());
        }
        assert!(RepoConfig::read(Some(&[0xff])).is_err());
        assert!(read(&"#".repeat(CAP + 1)).is_err());
    }
}
