//! Where something was asked, and the signs that are left there: 👀 when it
//! was seen, 🚀 or 😕 when it is done.

use super::Mark;
use crate::change::{Request, Subject, Via};
use crate::failure::Failure;
use crate::github::{GitHub, Note, Reaction};
use crate::ids::Repository;
use crate::wish::Wish;

/// A place where a sign can be left.
#[derive(Debug, Clone)]
pub struct Spot {
    repo: Repository,
    note: Note,
}

impl Spot {
    /// A comment has its own sign, a review its pull request's. A button has
    /// none, and nobody looks at an alert's.
    fn new(repo: Repository, via: &Via, number: Option<u64>) -> Option<Self> {
        let note = match via {
            Via::Comment { comment, .. } => Note::Comment(*comment),
            Via::Itself | Via::Review { .. } => Note::Issue(number?),
            Via::Check { .. } => return None,
        };
        Some(Self { repo, note })
    }

    /// 👀
    pub(super) async fn see(&self, github: &GitHub) -> Result<(), Failure> {
        github.reporter(&self.repo).await?.react(self.note, Reaction::Eyes).await.map(|_id| ())
    }

    /// The last sign in place of 👀.
    pub(super) async fn settle(&self, github: &GitHub, last: Option<Mark>) -> Result<(), Failure> {
        let reporter = github.reporter(&self.repo).await?;
        match last {
            Some(Mark::Done) => reporter.react(self.note, Reaction::Rocket).await.map(|_id| ())?,
            Some(Mark::No) => reporter.react(self.note, Reaction::Confused).await.map(|_id| ())?,
            None => {}
        }
        reporter.unreact(self.note, Reaction::Eyes).await
    }
}

/// What was asked somewhere.
pub trait Asked {
    /// `None` where no sign can be left.
    fn spot(&self) -> Option<Spot>;
}

impl Asked for Wish {
    fn spot(&self) -> Option<Spot> {
        Spot::new(repository(self), &self.via, self.number)
    }
}

impl Asked for Request {
    fn spot(&self) -> Option<Spot> {
        let number = match &self.subject {
            Subject::Issue { number, .. } => Some(*number),
            Subject::Alert { .. } | Subject::Local { .. } => None,
        };
        Spot::new(self.subject.on_github()?, &self.via, number)
    }
}

/// The repository of a wish.
pub(super) fn repository(wish: &Wish) -> Repository {
    Repository { name: wish.repo.clone(), id: wish.repo_id, installation: wish.installation }
}

/// Leaves 👀 where it was asked.
///
/// # Errors
/// GitHub cannot be reached or says no.
pub async fn seen(github: &GitHub, asked: &(impl Asked + Sync)) -> Result<(), Failure> {
    match asked.spot() {
        Some(spot) => spot.see(github).await,
        None => Ok(()),
    }
}

/// Takes 👀 away again.
///
/// # Errors
/// GitHub cannot be reached or says no.
pub async fn unseen(github: &GitHub, asked: &(impl Asked + Sync)) -> Result<(), Failure> {
    match asked.spot() {
        Some(spot) => spot.settle(github, None).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(via: Via, subject: Subject) -> Option<Note> {
        Request { via, ..Request::new(subject, "bump") }.spot().map(|spot| spot.note)
    }

    #[test]
    fn the_sign_goes_where_it_was_asked() {
        let repo = || "o/r".parse().unwrap();
        let issue = || Subject::Issue {
            repo: repo(),
            repo_id: 1,
            installation: 1,
            number: 7,
            sender: "ann".into(),
            sender_id: 2,
        };
        let alert = || Subject::Alert {
            repo: repo(),
            repo_id: 1,
            installation: 1,
            number: 7,
            manifest: String::new(),
            package: "ms".into(),
        };
        let comment = || Via::Comment { comment: 9, words: "/agent retry".into() };
        assert_eq!(note(Via::Itself, issue()), Some(Note::Issue(7)));
        assert_eq!(note(comment(), issue()), Some(Note::Comment(9)));
        assert_eq!(note(Via::Review { review: 3 }, issue()), Some(Note::Issue(7)));
        assert_eq!(note(Via::Check { words: "Retry".into() }, issue()), None);
        assert_eq!(note(Via::Itself, alert()), None);
        assert_eq!(note(comment(), alert()), Some(Note::Comment(9)));
        assert_eq!(note(Via::Itself, Subject::Local { path: "/x".into() }), None);
    }
}
