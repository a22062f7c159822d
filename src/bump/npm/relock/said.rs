//! What a package manager's failure means.
//!
//! Read from the codes that each one prints. What is not known is a failure
//! of the edit, with the manager's own first words.

use std::sync::LazyLock;

use regex::Regex;

use crate::bump::edit_failed;
use crate::failure::Failure;
use crate::manager::Manager;
use crate::outcome::Outcome;
use crate::text;

/// Bytes of the manager's own words in a failure.
const SAID: usize = 600;

#[expect(clippy::expect_used, reason = "the expressions are literals, and a test uses them all")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal expression compiles")
}

/// What each manager prints, first match first: peers, a version or a package
/// that is not there, credentials, sources other than a registry, the
/// network, and a wrong hash.
static MEANINGS: LazyLock<[(Meaning, Regex); 6]> = LazyLock::new(|| {
    [
        (Meaning::Peers, regex(r"(?m)^npm (?:error|ERR!) code ERESOLVE|ERR_PNPM_PEER_DEP_ISSUES")),
        (
            Meaning::Elsewhere,
            regex(
                r"(?m)ls-remote|Listing the refs for|Failed listing refs|An unknown git error|^npm (?:error|ERR!) code (?:EUNSUPPORTEDPROTOCOL|ENOENT$)",
            ),
        ),
        (
            Meaning::Credentials,
            regex(
                r"(?m)^npm (?:error|ERR!) code E40[13]|ERR_PNPM_FETCH_40[13]|Response Code: 40[13]|Response code 40[13]|YN0041|Request failed \W?40[13]",
            ),
        ),
        (
            Meaning::NoVersion,
            regex(
                r"(?m)^npm (?:error|ERR!) code (?:ETARGET|E404|ENOVERSIONS)|No candidates found|YN0035|Response code 404|ERR_PNPM_NO_MATCHING_VERSION|ERR_PNPM_FETCH_404|Couldn't find (?:any versions for|package) |Request failed \W?404",
            ),
        ),
        (Meaning::Hash, regex(r"EINTEGRITY|YN0018|ERR_PNPM_TARBALL_INTEGRITY|Integrity check failed")),
        (
            Meaning::Network,
            regex(
                r"ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ERR_SOCKET_TIMEOUT|\bE(?:502|503|504|429)\b|FETCH_(?:502|503|504|429)|[Rr]esponse [Cc]ode:? (?:502|503|504|429)|RequestError|ESOCKETTIMEDOUT",
            ),
        ),
    ]
});

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Peers,
    Elsewhere,
    Credentials,
    NoVersion,
    Hash,
    Network,
}

/// The failure behind what `manager` said.
pub(super) fn classify(manager: &Manager, said: &str) -> Failure {
    let meaning = MEANINGS.iter().find(|(_, pattern)| pattern.is_match(said)).map(|(meaning, _)| *meaning);
    let words = words(said);
    let name = manager.name();
    match meaning {
        Some(Meaning::Peers) => Failure::user(
            Outcome::BlockedByParent,
            format!("resolve the dependencies: another one does not allow this version\n{words}"),
        ),
        Some(Meaning::Elsewhere) => Failure::user(
            Outcome::FetchFailed,
            format!("fetch a dependency that does not come from a registry{}\n{words}", who(said)),
        ),
        Some(Meaning::Credentials) => Failure::user(
            Outcome::FetchFailed,
            format!("fetch a package: the registry refuses it, or needs credentials\n{words}"),
        ),
        Some(Meaning::NoVersion) => {
            Failure::user(Outcome::NoSafeVersion, format!("resolve the dependencies\n{words}"))
        }
        Some(Meaning::Hash) => {
            Failure::user(Outcome::FetchFailed, format!("trust a fetched package\n{words}"))
        }
        Some(Meaning::Network) => {
            Failure::transient(Outcome::FetchFailed, "fetch packages through the gateway")
                .because(anyhow::anyhow!(words))
        }
        None => edit_failed(format!("write the lockfile with {name}\n{words}")),
    }
}

/// `thing@git+…` or the address in git's command, when one is told.
fn who(said: &str) -> String {
    static SOURCE: LazyLock<Regex> =
        LazyLock::new(|| regex(r"(\S+@(?:git|ssh|https?)[+:]\S*?|(?:git|ssh|https?)[+:/]\S*?)(?:: |\s|$)"));
    SOURCE
        .captures(said)
        .and_then(|found| found.get(1))
        .map(|source| format!(" ({})", source.as_str()))
        .unwrap_or_default()
}

/// The manager's words, from its first complaint on.
fn words(said: &str) -> String {
    let complaint = ["npm error", "npm ERR!", "error ", "ERR_PNPM", " ERROR ", "YN0001", "YN0082", "YN0035"];
    let skip = said.lines().position(|line| complaint.iter().any(|sign| line.contains(sign))).unwrap_or(0);
    let from: Vec<&str> = said.lines().skip(skip).collect();
    text::head(from.join("\n").trim(), SAID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_managers_complaint_has_its_outcome() {
        for (said, outcome) in [
            ("npm error code ERESOLVE\nnpm error x", Outcome::BlockedByParent),
            ("npm ERR! code ETARGET", Outcome::NoSafeVersion),
            ("npm error code E503", Outcome::FetchFailed),
            ("npm error code E403", Outcome::FetchFailed),
            ("npm error code 128\nnpm error An unknown git error occurred", Outcome::FetchFailed),
            ("npm error code EUSAGE", Outcome::EditFailed),
            ("error Couldn't find any versions for \"ms\" that matches \"99.0.0\"", Outcome::NoSafeVersion),
            ("error Couldn't find package \"zz\" on the \"npm\" registry.", Outcome::NoSafeVersion),
            ("error Error: getaddrinfo EAI_AGAIN somewhere", Outcome::FetchFailed),
            ("➤ YN0082: │ ms@npm:99.0.0: No candidates found", Outcome::NoSafeVersion),
            ("➤ YN0035: │   Response Code: 404 (Not Found)", Outcome::NoSafeVersion),
            ("➤ YN0001: │ thing@git+https://h.test/a.git: Failed listing refs", Outcome::FetchFailed),
            (" ERR_PNPM_NO_MATCHING_VERSION  No matching version found for ms@99", Outcome::NoSafeVersion),
            (" ERR_PNPM_FETCH_403  GET http://127.0.0.1:4873/x: Forbidden - 403", Outcome::FetchFailed),
            (
                " ERROR  Command failed with exit code 128: git ls-remote https://h.test/a.git HEAD",
                Outcome::FetchFailed,
            ),
            ("something else", Outcome::EditFailed),
        ] {
            assert_eq!(classify(&Manager::default(), said).outcome(), outcome, "{said}");
        }
    }

    #[test]
    fn a_source_that_is_no_registry_is_named() {
        for (said, name) in [
            (
                "➤ YN0001: │ thing@git+https://h.test/a.git: Failed listing refs",
                "thing@git+https://h.test/a.git",
            ),
            (
                "Command failed with exit code 128: git ls-remote https://h.test/a.git HEAD",
                "https://h.test/a.git",
            ),
        ] {
            assert_eq!(who(said), format!(" ({name})"));
        }
    }
}
