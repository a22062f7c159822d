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
    /// The branch wants signatures that GitHub did not make.
    SignatureRequired,
    /// A ruleset or branch protection says no.
    RulesetRefused,
    /// Push protection says no.
    SecretRefused,
    /// The App lacks the `workflows` permission.
    WorkflowsForbidden,
    /// The branch is not at the commit that was meant.
    HeadMoved,
    InternalError,
}

impl Outcome {
    /// The stable name, as in the log, the API and the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PrOpened => "pr_opened",
            Self::PrUpdated => "pr_updated",
            Self::AlreadyCurrent => "already_current",
            Self::AlreadyOpen => "already_open",
            Self::DeclinedUnauthorized => "declined_unauthorized",
            Self::DeclinedPolicy => "declined_policy",
            Self::NoSafeVersion => "no_safe_version",
            Self::BlockedByParent => "blocked_by_parent",
            Self::FetchFailed => "fetch_failed",
            Self::BaselineBroken => "baseline_broken",
            Self::NothingToVerify => "nothing_to_verify",
            Self::EditFailed => "edit_failed",
            Self::VerifyFailed => "verify_failed",
            Self::IntegrityFailed => "integrity_failed",
            Self::JudgeVetoed => "judge_vetoed",
            Self::JudgeUnavailable => "judge_unavailable",
            Self::LimitTurns => "limit_turns",
            Self::LimitTime => "limit_time",
            Self::LimitCost => "limit_cost",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
            Self::SignatureRequired => "signature_required",
            Self::RulesetRefused => "ruleset_refused",
            Self::SecretRefused => "secret_refused",
            Self::WorkflowsForbidden => "workflows_forbidden",
            Self::HeadMoved => "head_moved",
            Self::InternalError => "internal_error",
        }
    }

    /// One sentence for a person: what happened.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::PrOpened => "A verified pull request is open.",
            Self::PrUpdated => "The open pull request was updated.",
            Self::AlreadyCurrent => "The repository already has this version.",
            Self::AlreadyOpen => "A pull request for this change is already open.",
            Self::DeclinedUnauthorized => "The person who asked has no write access here.",
            Self::DeclinedPolicy => "This request is outside what Chaperone does in this repository.",
            Self::NoSafeVersion => "There is no version that fits the request.",
            Self::BlockedByParent => "Another dependency holds this package back.",
            Self::FetchFailed => "Something the change needs could not be fetched.",
            Self::BaselineBroken => "The repository cannot be installed or built before the change.",
            Self::NothingToVerify => "No check of the repository could prove the change.",
            Self::EditFailed => "The manifest or lockfile could not be edited.",
            Self::VerifyFailed => {
                "The change breaks checks that passed before, and the repair did not succeed."
            }
            Self::IntegrityFailed => "The repair would have weakened the tests or checks.",
            Self::JudgeVetoed => "The judge found the change wrong or out of scope.",
            Self::JudgeUnavailable => "The judge gave no usable verdict, so nothing was published.",
            Self::LimitTurns => "The repair used all of its turns.",
            Self::LimitTime => "The repair used all of its time.",
            Self::LimitCost => "The repair reached its money cap.",
            Self::ProviderUnavailable => "The model's provider refused or did not answer.",
            Self::Superseded => "A newer run took this one's place.",
            Self::Cancelled => "The run was stopped.",
            Self::SignatureRequired => "The repository wants signed commits, and GitHub did not sign ours.",
            Self::RulesetRefused => "A rule of the repository refuses the agent's branch.",
            Self::SecretRefused => "GitHub's push protection found a secret in the change.",
            Self::WorkflowsForbidden => "The change touches workflow files, which the App may not write.",
            Self::HeadMoved => "Somebody pushed after the request was made.",
            Self::InternalError => "Chaperone itself failed.",
        }
    }

    /// What the person can do next.
    #[must_use]
    pub fn next_step(self) -> &'static str {
        match self {
            Self::PrOpened => "Review it; a person merges.",
            Self::PrUpdated => "Review it again; a person merges.",
            Self::AlreadyCurrent => "Nothing to do.",
            Self::AlreadyOpen => "Review that one, or close it and ask again.",
            Self::DeclinedUnauthorized => "Ask someone with write access to add the label.",
            Self::DeclinedPolicy => "Read the reason, change the request or the policy, and ask again.",
            Self::NoSafeVersion => "Check the package's name and version, and ask again.",
            Self::BlockedByParent => "Bump that dependency first.",
            Self::FetchFailed => "Check that the registry and the repository are reachable, and ask again.",
            Self::BaselineBroken => "Repair the default branch first, and ask again.",
            Self::NothingToVerify => "Add or repair a build, test or lint script, and ask again.",
            Self::EditFailed => "Read the reason, repair the file, and ask again.",
            Self::VerifyFailed => "Take over from the patch in the session page, or ask again with a hint.",
            Self::IntegrityFailed => "Take over from the patch in the session page.",
            Self::JudgeVetoed => "Read the judge's reason, and ask again or take over.",
            Self::JudgeUnavailable => "Ask again later.",
            Self::LimitTurns => "Take over from the patch in the session page, or ask again.",
            Self::LimitTime => "Take over from the patch in the session page, or ask again.",
            Self::LimitCost => "Raise the cap, or take over from the patch in the session page.",
            Self::ProviderUnavailable => "Check the key and the provider's status, and ask again.",
            Self::Superseded => "Look at the newer run.",
            Self::Cancelled => "Ask again when it suits.",
            Self::SignatureRequired => {
                "Set github.commits to \"api\", or allow the App in the ruleset, and ask again."
            }
            Self::RulesetRefused => {
                "Allow the App to make branches below agent/ in the ruleset, and ask again."
            }
            Self::SecretRefused => {
                "Look at the change in the session page; a person decides what to do about the secret."
            }
            Self::WorkflowsForbidden => {
                "Give the App the workflows permission, or take over from the patch in the session page."
            }
            Self::HeadMoved => "Look at what was pushed, and ask again.",
            Self::InternalError => "Tell the operator the session's id.",
        }
    }

    /// Did the session reach what was asked?
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::PrOpened | Self::PrUpdated | Self::AlreadyCurrent | Self::AlreadyOpen)
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
