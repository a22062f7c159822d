//! What GitHub's no means, where it has a name of its own.
//!
//! GitHub tells a rule from a missing signature in words only, in the answer
//! of an API call and in the text of a refused push alike. This is the one
//! place that reads them; what it does not know stays an unnamed no. A named
//! one is never tried again.

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::text;

/// The name of a refused commit, branch or push; `None` when it has none.
#[must_use]
pub fn named(said: &str) -> Option<Outcome> {
    let said = said.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| said.contains(part));
    // The order matters: each of these also says "rule violations".
    if has(&["must have verified signatures", "verified signature", "signed commits", "gh013: signature"]) {
        return Some(Outcome::SignatureRequired);
    }
    if has(&["push protection", "secret detected", "contain secrets", "push cannot contain secrets", "gh009"])
    {
        return Some(Outcome::SecretRefused);
    }
    if has(&["`workflows` permission", "'workflows' permission", "workflow scope", "`workflow` scope"])
        || (said.contains(".github/workflows") && has(&["permission", "refusing to allow"]))
    {
        return Some(Outcome::WorkflowsForbidden);
    }
    if has(&[
        "rule violation",
        "repository rule",
        "ruleset",
        "gh006",
        "gh013",
        "protected branch",
        "pre-receive hook declined",
    ]) {
        return Some(Outcome::RulesetRefused);
    }
    if has(&["not a fast forward", "not a fast-forward", "non-fast-forward", "fetch first", "stale info"]) {
        return Some(Outcome::HeadMoved);
    }
    None
}

/// A named refusal, with GitHub's own reason for people.
#[must_use]
pub fn failure(outcome: Outcome, said: &str) -> Failure {
    let reason = reason(said);
    let tail = if reason.is_empty() { String::new() } else { format!(" (GitHub says: {reason})") };
    Failure::user(outcome, format!("{}{tail}", public(outcome)))
}

/// What could not be done.
fn public(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::SignatureRequired => "write the branch: the repository wants signed commits",
        Outcome::SecretRefused => "write the branch: GitHub's push protection found a secret in it",
        Outcome::WorkflowsForbidden => {
            "write the branch: it changes workflow files, and the App lacks the workflows permission"
        }
        Outcome::HeadMoved => "write the branch: somebody else moved it meanwhile",
        _ => "write the branch: a rule of the repository refuses it",
    }
}

/// Which rules say no, out of GitHub's words: the points of its list, or
/// else what stands below the first line. Addresses are left out, because
/// one of them lets a secret through.
fn reason(said: &str) -> String {
    let plain = text::plain(said);
    let lines = || plain.lines().map(|line| line.trim_start_matches("remote:").trim());
    let points: Vec<&str> = lines().filter_map(|line| line.strip_prefix("- ")).collect();
    let below = || lines().skip_while(|line| !line.contains("violations found")).skip(1);
    let points = if points.is_empty() { below().collect() } else { points };
    let is_told = |line: &&str| !line.is_empty() && !line.contains("://");
    text::head(&points.into_iter().filter(is_told).take(4).collect::<Vec<_>>().join(" "), 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_name() {
        let said = [
            (
                "Repository rule violations found\n\nCommits must have verified signatures.",
                Outcome::SignatureRequired,
            ),
            (
                "GH013: Repository rule violations found for refs/heads/agent/x. Push cannot contain secrets",
                Outcome::SecretRefused,
            ),
            (
                "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without `workflows` permission",
                Outcome::WorkflowsForbidden,
            ),
            (
                "Repository rule violations found. Cannot create ref due to creations being restricted.",
                Outcome::RulesetRefused,
            ),
            ("GH006: Protected branch update failed for refs/heads/main.", Outcome::RulesetRefused),
            ("Update is not a fast forward", Outcome::HeadMoved),
        ];
        for (text, outcome) in said {
            assert_eq!(named(text), Some(outcome), "{text}");
        }
        for text in
            ["", "Validation Failed", "Reference does not exist", "Resource not accessible by integration"]
        {
            assert_eq!(named(text), None, "{text}");
        }
    }

    #[test]
    fn the_reason_is_githubs_own_without_its_addresses() {
        let api =
            "Repository rule violations found\n\nCannot create ref due to creations being restricted.\n\n";
        assert_eq!(reason(api), "Cannot create ref due to creations being restricted.");
        let push = "error: GH013: Repository rule violations found for refs/heads/agent/x.\n\
            Review all repository rules at https://github.example/o/r/rules\n\n\
            - Commits must have verified signatures.\n  Found 1 violation:\n\n  1a2b\n\n\
            - Changes must be made through https://evil.example\n";
        assert_eq!(reason(push), "Commits must have verified signatures.");
        assert_eq!(reason("Update is not a fast forward"), "");
        let told = failure(Outcome::RulesetRefused, api);
        assert_eq!(told.outcome(), Outcome::RulesetRefused);
        assert!(
            told.public().ends_with("(GitHub says: Cannot create ref due to creations being restricted.)")
        );
    }
}
