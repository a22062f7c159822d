//! An earlier session that this one has to do with, as its log tells it.

use super::Session;
use super::publication::PUSH;
use crate::bump::Ask;
use crate::change::{Bump, Request, Subject};
use crate::failure::Failure;
use crate::ids::{ObjectId, SessionId};
use crate::outcome::Outcome;
use crate::record::{Aim, Entry, Opinion, SessionEvent, Stage};
use crate::replay::SessionLog;
use crate::summary::Summary;
use crate::trigger;

/// Sessions that are looked back through: each may have taken up an earlier
/// one.
const MOST: usize = 50;

#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) summary: Summary,
    entries: Vec<Entry>,
}

/// A tree that the judge refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vetoed {
    pub(super) tree: ObjectId,
    /// What the engine had left before any repair.
    pub(super) bumped: ObjectId,
    pub(super) opinion: Opinion,
}

impl Earlier {
    /// # Errors
    /// There is no such session, or its log cannot be read.
    pub(super) async fn read(log: &SessionLog, session: SessionId) -> Result<Self, Failure> {
        let entries = log.outline(session).await?;
        let summary = Summary::fold(session, &entries);
        if summary.request.is_none() {
            return Err(Failure::user(
                Outcome::DeclinedPolicy,
                format!("find the session {session} that this is about"),
            ));
        }
        Ok(Self { summary, entries })
    }

    pub(super) fn request(&self) -> Option<&Request> {
        self.summary.request.as_ref()
    }

    /// The branch that it worked for, if it pushed or meant to push onto one
    /// that was there.
    pub(super) fn branch(&self) -> Option<String> {
        let pushed = self.entries.iter().rev().find_map(|entry| match &entry.event {
            SessionEvent::Effect { effect, key, .. } if effect == PUSH => Some(key.clone()),
            _ => None,
        });
        pushed.or_else(|| self.aim().map(|aim| aim.branch.clone()))
    }

    pub(super) fn aim(&self) -> Option<&Aim> {
        self.entries.iter().rev().find_map(|entry| match &entry.event {
            SessionEvent::Aimed { aim } => Some(aim),
            _ => None,
        })
    }

    /// What it was about, without what it left to other sessions.
    pub(super) fn ask(&self) -> Ask {
        if self.summary.advisories.is_empty() {
            Ask::bump(self.bumps())
        } else {
            Ask::answer(self.summary.advisories.clone())
        }
    }

    fn bumps(&self) -> Vec<Bump> {
        let Some(request) = self.request() else { return Vec::new() };
        let all = request.bump.iter().chain(&request.more);
        all.filter(|bump| !self.summary.left.contains(bump)).cloned().collect()
    }

    /// The last tree that the judge refused.
    pub(super) fn vetoed(&self) -> Option<Vetoed> {
        vetoed(self.entries.iter().map(|entry| &entry.event))
    }

    /// A request that only names this session, completed with what this one
    /// was asked for.
    pub(super) fn complete(&self, request: &Request) -> Request {
        let mut whole = request.clone();
        let Some(before) = self.request() else { return whole };
        if trigger::names_nothing(request) {
            let mut bumps = self.bumps().into_iter();
            (whole.bump, whole.more) = (bumps.next(), bumps.collect());
            whole.advisories.clone_from(&before.advisories);
            before.change.clone_into(&mut whole.change);
        }
        if let (None, Subject::Issue { number: then, .. }, Subject::Issue { number: now, .. }) =
            (request.issue, &before.subject, &request.subject)
        {
            whole.issue = before.issue.or_else(|| (then != now).then_some(*then));
        }
        whole
    }
}

fn vetoed<'e>(events: impl Iterator<Item = &'e SessionEvent>) -> Option<Vetoed> {
    let (mut last, mut first, mut bumped) = (None, None, None);
    let mut found = None;
    for event in events {
        match event {
            SessionEvent::Patch { tree, .. } => {
                last = tree.parse::<ObjectId>().ok();
                first = first.or_else(|| last.clone());
            }
            SessionEvent::StageEnded { stage: Stage::Bump, .. } => bumped.clone_from(&last),
            // The judge is asked about the tree that was taken out last.
            SessionEvent::Judged { verdict, reason, shadow: false, .. } if verdict == "veto" => {
                let opinion = Opinion { verdict: verdict.clone(), reason: reason.clone() };
                let start = bumped.clone().or_else(|| first.clone());
                found = last.clone().zip(start).map(|(tree, bumped)| Vetoed { tree, bumped, opinion });
            }
            _ => {}
        }
    }
    found
}

impl Session<'_> {
    pub(super) async fn earlier(&self, session: SessionId) -> Result<Earlier, Failure> {
        Earlier::read(&self.rooms.log, session).await
    }

    /// The branch of a session, or of the one that it took up.
    pub(super) async fn branch_of(&self, session: SessionId) -> Result<Option<String>, Failure> {
        let mut session = session;
        for _step in 0..MOST {
            let earlier = self.earlier(session).await?;
            if let Some(branch) = earlier.branch() {
                return Ok(Some(branch));
            }
            match earlier.request().and_then(|request| request.way.earlier()) {
                Some(before) => session = before,
                None => break,
            }
        }
        Ok(None)
    }

    /// Is everything on a branch of this head our own work? A commit on top
    /// of somebody else's is not.
    pub(super) async fn is_ours(&self, head: &ObjectId) -> Result<bool, Failure> {
        let mut head = head.clone();
        for _step in 0..MOST {
            let Some(session) = self.pushed_by(&head).await? else { return Ok(false) };
            match self.earlier(session).await?.aim() {
                Some(aim) if aim.on_top => head = aim.head.clone(),
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    /// The session that pushed a commit.
    pub(super) async fn pushed_by(&self, commit: &ObjectId) -> Result<Option<SessionId>, Failure> {
        self.rooms.log.made(PUSH, commit.as_str()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::StageResult;

    fn patch(digit: &str) -> SessionEvent {
        SessionEvent::Patch { attempt: 0, tree: digit.repeat(40), files: Vec::new(), diff: String::new() }
    }

    fn judged(verdict: &str, reason: &str) -> SessionEvent {
        SessionEvent::Judged {
            attempt: 1,
            verdict: verdict.into(),
            reason: reason.into(),
            shadow: false,
            criteria: Vec::new(),
        }
    }

    fn bumped() -> SessionEvent {
        let (stage, result) = (Stage::Bump, StageResult::Ok);
        SessionEvent::StageEnded { stage, result, detail: String::new(), duration_ms: 0 }
    }

    #[test]
    fn the_last_vetoed_tree_is_found_beside_what_the_engine_left() {
        let events = [
            patch("a"),
            bumped(),
            patch("b"),
            judged("veto", "first"),
            patch("c"),
            judged("veto", "second"),
            patch("d"),
        ];
        let found = vetoed(events.iter()).unwrap();
        assert_eq!((found.tree.as_str(), found.bumped.as_str()), (&*"c".repeat(40), &*"a".repeat(40)));
        assert_eq!(found.opinion.reason, "second");
        assert_eq!(vetoed([patch("a"), judged("accept", "")].iter()), None);
    }

    #[test]
    fn without_a_bump_the_first_tree_is_where_the_repair_began() {
        let found = vetoed([patch("e"), patch("f"), judged("veto", "")].iter()).unwrap();
        assert_eq!((found.tree.as_str(), found.bumped.as_str()), (&*"f".repeat(40), &*"e".repeat(40)));
    }

    fn earlier(request: Request, left: Vec<Bump>) -> Earlier {
        let mut summary = Summary::new(SessionId::generate());
        (summary.request, summary.left) = (Some(request), left);
        Earlier { summary, entries: Vec::new() }
    }

    fn issue(number: u64) -> Subject {
        Subject::Issue {
            repo: "o/r".parse().unwrap(),
            repo_id: 1,
            installation: 1,
            number,
            sender: "octocat".into(),
            sender_id: 1,
        }
    }

    fn bump(package: &str) -> Bump {
        Bump { package: package.into(), version: None }
    }

    #[test]
    fn a_request_that_names_nothing_is_about_what_the_earlier_one_went_on_with() {
        let mut before = Request::new(issue(3), "bump");
        (before.bump, before.more) = (Some(bump("a")), vec![bump("b"), bump("c")]);
        let earlier = earlier(before, vec![bump("a")]);
        let whole = earlier.complete(&Request::new(issue(9), "security"));
        assert_eq!((whole.bump, whole.more), (Some(bump("b")), vec![bump("c")]));
        assert_eq!((whole.change.as_str(), whole.issue), ("bump", Some(3)));
        let mut named = Request::new(issue(3), "bump");
        named.bump = Some(bump("z"));
        let whole = earlier.complete(&named);
        assert_eq!((whole.bump, whole.issue), (Some(bump("z")), None));
    }
}
