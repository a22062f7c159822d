//! How a session can end: a closed vocabulary, each with one sentence and
//! one next step for the person who asked.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    PrOpened,
    PrUpdated,
    AlreadyCurrent,
    AlreadyOpen,
    DeclinedUnauthorized,
    DeclinedPolicy,
    NoSafeVersion,
    BlockedByParent,
    FetchFailed,
    BaselineBroken,
    NothingToVerify,
    EditFailed,
    VerifyFailed,
    IntegrityFailed,
    JudgeVetoed,
    JudgeUnavailable,
    LimitTurns,
    LimitTime,
    LimitCost,
    ProviderUnavailable,
    Superseded,
    Cancelled,
    InternalError,
}

impl Outcome {
    /// The stable name, as in the log, the API and the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.text().0
    }

    /// One sentence for a person: what happened.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        self.text().1
    }

    /// What the person can do next.
    #[must_use]
    pub fn next_step(self) -> &'static str {
        self.text().2
    }

    /// Did the session reach what was asked?
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::PrOpened | Self::PrUpdated | Self::AlreadyCurrent | Self::AlreadyOpen)
    }

    fn text(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::PrOpened => {
                ("pr_opened", "A verified pull request is open.", "Review it; a person merges.")
            }
            Self::PrUpdated => {
                ("pr_updated", "The open pull request was updated.", "Review it again; a person merges.")
            }
            Self::AlreadyCurrent => {
                ("already_current", "The repository already has this version.", "Nothing to do.")
            }
            Self::AlreadyOpen => (
                "already_open",
                "A pull request for this change is already open.",
                "Review that one, or close it and ask again.",
            ),
            Self::DeclinedUnauthorized => (
                "declined_unauthorized",
                "The person who asked has no write access here.",
                "Ask someone with write access to add the label.",
            ),
            Self::DeclinedPolicy => (
                "declined_policy",
                "This request is outside what Chaperone does in this repository.",
                "Read the reason, change the request or the policy, and ask again.",
            ),
            Self::NoSafeVersion => (
                "no_safe_version",
                "There is no version that fits the request.",
                "Check the package's name and version, and ask again.",
            ),
            Self::BlockedByParent => (
                "blocked_by_parent",
                "Another dependency holds this package back.",
                "Bump that dependency first.",
            ),
            Self::FetchFailed => (
                "fetch_failed",
                "Something the change needs could not be fetched.",
                "Check that the registry and the repository are reachable, and ask again.",
            ),
            Self::BaselineBroken => (
                "baseline_broken",
                "The repository does not pass its own checks before the change.",
                "Repair the default branch first, and ask again.",
            ),
            Self::NothingToVerify => (
                "nothing_to_verify",
                "The repository defines no check that could prove the change.",
                "Add a build, test or lint script, and ask again.",
            ),
            Self::EditFailed => (
                "edit_failed",
                "The manifest or lockfile could not be edited.",
                "Read the reason, repair the file, and ask again.",
            ),
            Self::VerifyFailed => (
                "verify_failed",
                "The change breaks checks that passed before, and the repair did not succeed.",
                "Take over from the patch in the session page, or ask again with a hint.",
            ),
            Self::IntegrityFailed => (
                "integrity_failed",
                "The repair would have weakened the tests or checks.",
                "Take over from the patch in the session page.",
            ),
            Self::JudgeVetoed => (
                "judge_vetoed",
                "The judge found the change wrong or out of scope.",
                "Read the judge's reason, and ask again or take over.",
            ),
            Self::JudgeUnavailable => (
                "judge_unavailable",
                "The judge gave no usable verdict, so nothing was published.",
                "Ask again later.",
            ),
            Self::LimitTurns => (
                "limit_turns",
                "The repair used all of its turns.",
                "Take over from the patch in the session page, or ask again.",
            ),
            Self::LimitTime => (
                "limit_time",
                "The repair used all of its time.",
                "Take over from the patch in the session page, or ask again.",
            ),
            Self::LimitCost => (
                "limit_cost",
                "The repair reached its money cap.",
                "Raise the cap, or take over from the patch in the session page.",
            ),
            Self::ProviderUnavailable => (
                "provider_unavailable",
                "The model's provider refused or did not answer.",
                "Check the key and the provider's status, and ask again.",
            ),
            Self::Superseded => {
                ("superseded", "A newer run took this one's place.", "Look at the newer run.")
            }
            Self::Cancelled => ("cancelled", "The run was stopped.", "Ask again when it suits."),
            Self::InternalError => {
                ("internal_error", "Chaperone itself failed.", "Tell the operator the session's id.")
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_what_serde_writes() {
        for outcome in [Outcome::PrOpened, Outcome::LimitCost, Outcome::InternalError] {
            let json = serde_json::to_value(outcome).unwrap();
            assert_eq!(json, outcome.name());
        }
    }
}
