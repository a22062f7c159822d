//! The accepted tree as one commit on its branch.
//!
//! GitHub makes the commit as the App, which signs it; or it is made here and
//! pushed. What is on the branch is the tree that was verified, bit for bit,
//! or nothing: a tree is named by its content, and GitHub's name for it is
//! compared with ours.

use jiff::Timestamp;

use super::plan::{self, Carrier, Place};
use crate::change::Subject;
use crate::evidence::Accepted;
use crate::failure::{Failure, Kind};
use crate::github::{GitHub, RepoClient, TreeEntry};
use crate::ids::{ObjectId, Repository};
use crate::outcome::Outcome;
use crate::record::SessionEvent;
use crate::secret::WriteToken;
use crate::session::Session;
use crate::workspace::{CommitMeta, Destination, Mirror, Onto};

/// The effect whose key is a branch and whose result is its new head.
pub const PUSH: &str = "push";
/// The effect whose key names tree and parent, and whose result is the
/// commit that GitHub made of them; or that it did not sign it.
pub(in crate::session) const COMMIT: &str = "make the commit";

/// Who a commit is by that is made here. The address is one that nobody can
/// receive at.
const AUTHOR: (&str, &str) = ("chaperone", "chaperone@users.noreply.localhost");

/// One commit to be made, and where it goes.
pub(super) struct Work<'a> {
    pub(super) mirror: &'a Mirror,
    pub(super) accepted: &'a Accepted,
    pub(super) place: Place<'a>,
    pub(super) message: String,
    pub(super) at: Timestamp,
}

impl Work<'_> {
    fn tree(&self) -> &ObjectId {
        self.accepted.patch().tree()
    }
}

impl Session<'_> {
    /// Brings the commit to its branch, and names it.
    pub(super) async fn deliver(&self, work: &Work<'_>) -> Result<ObjectId, Failure> {
        let token = self.publisher.write_token(work.accepted).await?;
        let repo = self.request.subject.on_github();
        let (effect, key) = (PUSH.to_owned(), work.place.branch.to_owned());
        self.recorder.record(SessionEvent::Intent { effect: effect.clone(), key: key.clone() }).await?;
        let commit = match (&self.request.subject, &self.rooms.github, repo, token) {
            (Subject::Local { path }, ..) => {
                self.by_git(work, &Destination::Local { path: path.into() }).await?
            }
            (_, Some(github), Some(repo), Some(token)) => self.to_github(work, github, &repo, token).await?,
            _ => return Err(Failure::bug("push without a write token")),
        };
        self.recorder.record(SessionEvent::Effect { effect, key, result: commit.to_string() }).await?;
        Ok(commit)
    }

    async fn to_github(
        &self,
        work: &Work<'_>,
        github: &GitHub,
        repo: &Repository,
        token: WriteToken,
    ) -> Result<ObjectId, Failure> {
        let parent_tree = work.mirror.tree_of(work.place.parent).await?;
        let entries = work.mirror.entries(&parent_tree, work.tree()).await?;
        match plan::carrier(self.rooms.commits, entries) {
            Carrier::Api(entries) => {
                let client = github.writer(&token, repo)?;
                if let Some(commit) = self.by_api(work, &client, (&parent_tree, &entries)).await? {
                    return Ok(commit);
                }
            }
            Carrier::Git(why) => tracing::info!(session = %self.id, why, "git carries the commit"),
        }
        self.by_git(work, &Destination::Remote { url: github.clone_url(&repo.name), token }).await
    }

    /// `None` when git has to carry it.
    async fn by_api(
        &self,
        work: &Work<'_>,
        client: &RepoClient,
        change: (&ObjectId, &[TreeEntry]),
    ) -> Result<Option<ObjectId>, Failure> {
        let place = work.place;
        if let Some(head) = client.branch_head(place.branch).await?
            && let Some(there) = client.commit(&head).await?
            && plan::is_it(&there, work.tree(), place.parent)
        {
            return Ok(Some(head));
        }
        let Some(commit) = self.commit_by_api(work, client, change).await? else { return Ok(None) };
        client.place(place.branch, &commit, |now| plan::step(now, &commit, place)).await?;
        Ok(Some(commit))
    }

    /// The commit as GitHub made it, now or in an earlier run; no branch
    /// holds it yet. `None` when it did not, or did not sign it where nobody
    /// asks for that.
    async fn commit_by_api(
        &self,
        work: &Work<'_>,
        client: &RepoClient,
        (parent_tree, entries): (&ObjectId, &[TreeEntry]),
    ) -> Result<Option<ObjectId>, Failure> {
        let (effect, key) = (COMMIT.to_owned(), plan::key(work.tree(), work.place.parent));
        if let Some(made) = self.progress.commits.get(&key)
            && client.commit(made).await?.is_some()
        {
            return Ok(Some(made.clone()));
        }
        self.recorder.record(SessionEvent::Intent { effect: effect.clone(), key: key.clone() }).await?;
        let tree = match client.make_tree(parent_tree, entries).await {
            Ok(tree) => tree,
            // A no without a name: too much, or too odd, for this API.
            Err(failure)
                if failure.kind() == Kind::UserFault && failure.outcome() == Outcome::InternalError =>
            {
                tracing::warn!(session = %self.id, %failure, "git carries the commit");
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        if tree != *work.tree() {
            tracing::error!(session = %self.id, %tree, "GitHub made another tree than the verified one");
            return Ok(None);
        }
        let made = client.make_commit(&work.message, &tree, work.place.parent).await?;
        if made.verified {
            let result = made.id.to_string();
            self.recorder.record(SessionEvent::Effect { effect, key, result }).await?;
            return Ok(Some(made.id));
        }
        if client.wants_signatures(work.place.branch).await? {
            let what = "make the commit: the repository wants it signed, and GitHub did not sign it";
            return Err(Failure::user(Outcome::SignatureRequired, what).because(anyhow::anyhow!(made.reason)));
        }
        self.recorder.record(SessionEvent::Effect { effect, key, result: "not signed".to_owned() }).await?;
        Ok(None)
    }

    /// Made here from the log alone, so every run makes the same one.
    async fn by_git(&self, work: &Work<'_>, to: &Destination) -> Result<ObjectId, Failure> {
        let meta = CommitMeta {
            parent: work.place.parent.clone(),
            author_name: AUTHOR.0.to_owned(),
            author_email: AUTHOR.1.to_owned(),
            at: work.at,
            message: work.message.clone(),
        };
        let commit = work.mirror.commit(work.accepted.patch(), &meta).await?;
        let onto = Onto { branch: work.place.branch, expected: work.place.expected };
        work.mirror.push(&commit, onto, to).await?;
        Ok(commit)
    }
}
