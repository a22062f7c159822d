//! Who may ask: looked up when a session starts, and again just before it
//! pushes, because a right can be taken away while it runs.

use super::Session;
use crate::change::{Request, Subject, Via, Way};
use crate::failure::Failure;
use crate::record::{Moment, SessionEvent};
use crate::trigger;

impl Session<'_> {
    /// Asks GitHub whether the sender may; anything unclear is a no. Nobody
    /// is asked about where a policy decides: an alert, another bot's red
    /// pull request, and a bot that the operator named.
    pub(super) async fn authorise(&self, moment: Moment) -> Result<(), Failure> {
        let (Subject::Issue { sender, sender_id, .. }, Some(repo), Some(github)) =
            (&self.request.subject, self.request.subject.on_github(), &self.rooms.github)
        else {
            return Ok(());
        };
        if self.is_by_policy(*sender_id) {
            return Ok(());
        }
        let permission = github.permission(&repo, sender).await?;
        let login = sender.clone();
        self.recorder.record(SessionEvent::Permission { login, permission, moment }).await?;
        trigger::authorise(permission)
    }

    /// Does a policy decide, and nobody's right?
    pub(super) fn is_by_policy(&self, sender: u64) -> bool {
        is_by_policy(&self.request) || is_named(sender, &self.rooms.bots)
    }
}

/// A person who comments asks for themselves, whatever the way.
fn is_by_policy(request: &Request) -> bool {
    matches!(request.way, Way::Sibling { .. }) && matches!(request.via, Via::Itself | Via::Check { .. })
}

/// By GitHub's number alone: a login can be taken by somebody else.
fn is_named(sender: u64, bots: &[u64]) -> bool {
    sender != 0 && bots.contains(&sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_is_known_by_its_number_and_no_number_is_none() {
        assert!(is_named(7, &[7]));
        assert!(!is_named(8, &[7]) && !is_named(0, &[0]));
    }

    #[test]
    fn a_comment_on_another_bots_pull_request_is_its_writers_wish() {
        let subject = Subject::Local { path: "/x".into() };
        let mut request = Request::new(subject, "bump");
        assert!(!is_by_policy(&request));
        request.way = Way::Sibling { pull: 3, author: "dependabot[bot]".into() };
        assert!(is_by_policy(&request));
        request.via = Via::Comment { comment: 1, words: "/agent fix".into() };
        assert!(!is_by_policy(&request));
    }
}
