//! What a wish comes to, once everything about it was looked up: an answer, a
//! session, the end of one, or nothing. Pure: it asks nobody.

use jiff::Timestamp;

use crate::change::{Bump, Request, Subject, Via, Way};
use crate::github::ReviewComment;
use crate::ids::{ObjectId, SessionId};
use crate::outcome::Outcome;
use crate::publish::Reply;
use crate::queue::Job;
use crate::summary::Summary;
use crate::text;
use crate::wish::{Button, Command, What, Wish};

use super::updater::Updater;

/// Bytes of an instruction that a session is given.
const INSTRUCTION: usize = 20_000;

/// A session that a wish is about.
#[derive(Debug, Clone)]
pub(super) struct Concerned {
    pub(super) job: Job,
    pub(super) summary: Summary,
}

impl Concerned {
    fn session(&self) -> SessionId {
        self.job.session
    }
}

/// The pull request that a wish is about, as it is now.
#[derive(Debug, Clone)]
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) is_open: bool,
    pub(super) head: ObjectId,
    /// When GitHub first saw its head.
    pub(super) seen_at: Option<Timestamp>,
    /// The head is a commit of ours.
    pub(super) is_our_head: bool,
    pub(super) author: String,
    pub(super) author_id: u64,
    /// The session that opened it, if one did.
    pub(super) maker: Option<Job>,
    /// What another bot's pull request bumps.
    pub(super) bumps: Vec<Bump>,
}

/// All that was looked up.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The session at work, or else the newest one.
    pub(super) latest: Option<Concerned>,
    pub(super) pull: Option<Pull>,
    /// The inline comments of a review.
    pub(super) comments: Vec<ReviewComment>,
}

/// What to do about it.
#[derive(Debug)]
pub(super) enum Act {
    Say(Reply),
    /// Ask the session with this subject to stop.
    Stop {
        subject: String,
        why: String,
    },
    Start(Box<Request>),
    /// Nobody is told; the reason is for the operator.
    Nothing(String),
}

fn nothing(why: &str) -> Act {
    Act::Nothing(why.to_owned())
}

fn declined(why: impl Into<String>) -> Act {
    Act::Say(Reply::Declined(why.into()))
}

/// Decides about a wish of somebody who may ask.
pub(super) fn act(wish: &Wish, known: &Known) -> Act {
    match &wish.what {
        What::Command(command) => on_command(wish, command, known),
        What::Review { body, head } => review(wish, (body, head), known),
        What::Rerun { .. } | What::Press { button: Button::Retry, .. } => retry(wish, None, known),
        What::Press { button: Button::Explain, .. } => explain(known),
        What::Press { button: Button::Stop, .. } => stop(wish, known),
        What::Red { head } => red(wish, head, known),
    }
}

fn on_command(wish: &Wish, command: &Command, known: &Known) -> Act {
    match command {
        Command::Bump(bump) => bump_on_issue(wish, bump, known),
        Command::Retry { hint } => retry(wish, hint.as_deref(), known),
        Command::Fix { instruction } => fix(wish, instruction, known),
        Command::Explain => explain(known),
        Command::Appeal { reason } => appeal(wish, reason, known),
        Command::Stop => stop(wish, known),
        Command::Status => match &known.latest {
            Some(latest) => Act::Say(Reply::Status(Box::new(latest.summary.clone()))),
            None => Act::Say(Reply::NothingHere),
        },
        // Answered before anything is looked up.
        Command::Help | Command::Unclear { .. } => nothing("said elsewhere"),
    }
}

fn explain(known: &Known) -> Act {
    match &known.latest {
        Some(latest) => Act::Say(Reply::Explain(Box::new(latest.summary.clone()))),
        None => Act::Say(Reply::NothingHere),
    }
}

fn stop(wish: &Wish, known: &Known) -> Act {
    let Some(latest) = &known.latest else { return Act::Say(Reply::NothingHere) };
    let how = match &wish.via {
        Via::Check { .. } => "the Stop button",
        _ => "`/agent stop`",
    };
    let login = text::head(&text::plain(&wish.sender.login), 60);
    let why = format!("{login} stopped it with {how}");
    if latest.job.is_open {
        return Act::Stop { subject: latest.job.request.subject.key(), why };
    }
    // The same words once more, after they had their effect.
    match latest.summary.outcome {
        None => Act::Say(Reply::Stopped(latest.session())),
        Some(Outcome::Cancelled) if latest.summary.detail == why => {
            Act::Say(Reply::Stopped(latest.session()))
        }
        Some(_) => Act::Say(Reply::NothingHere),
    }
}

/// The subject of a new request below the wish's issue or pull request.
fn subject_at(wish: &Wish, number: u64) -> Subject {
    Subject::Issue {
        repo: wish.repo.clone(),
        repo_id: wish.repo_id,
        installation: wish.installation,
        number,
        sender: wish.sender.login.clone(),
        sender_id: wish.sender.id,
    }
}

fn bump_on_issue(wish: &Wish, bump: &Bump, known: &Known) -> Act {
    if let Some(busy) = known.latest.as_ref().filter(|latest| latest.job.is_open) {
        return Act::Say(Reply::Busy(busy.session()));
    }
    let Some(number) = wish.number else { return nothing("no issue to work for") };
    Act::Start(Box::new(Request {
        bump: Some(bump.clone()),
        via: wish.via.clone(),
        ..Request::new(subject_at(wish, number), "bump")
    }))
}

/// An earlier request for whoever asks now. An alert stays one: its session
/// asks for the open advisories.
fn again(wish: &Wish, before: &Request, way: Way) -> Request {
    let mut request = Request { way, via: wish.via.clone(), label: None, ..before.clone() };
    if let Subject::Issue { number, .. } = &before.subject {
        request.subject = subject_at(wish, *number);
    }
    request
}

fn retry(wish: &Wish, hint: Option<&str>, known: &Known) -> Act {
    let Some(latest) = &known.latest else {
        return match &known.pull {
            Some(pull) => sibling(wish, pull),
            None => Act::Say(Reply::NothingHere),
        };
    };
    if latest.job.is_open {
        return Act::Say(Reply::Busy(latest.session()));
    }
    let before = &latest.job.request;
    let failed = latest.summary.outcome.is_none_or(|outcome| !outcome.is_success());
    match (&before.way, &known.pull) {
        // What a person wanted changed is wanted still, of the head as it is.
        (Way::Revise { of, pull: number, instruction, .. }, Some(pull))
            if failed && pull.number == *number =>
        {
            let mut instruction = instruction.clone();
            if let Some(hint) = hint {
                instruction.push_str("\n\n");
                instruction.push_str(hint);
            }
            revise(wish, pull, *of, &instruction)
        }
        (Way::Sibling { .. }, Some(pull)) if pull.maker.is_none() => sibling(wish, pull),
        _ => {
            let way = Way::Again { after: latest.session(), hint: hint.map(str::to_owned) };
            Act::Start(Box::new(again(wish, before, way)))
        }
    }
}

/// Changes the pull request if there is one, or else tries again with the
/// instruction as a hint.
fn fix(wish: &Wish, instruction: &str, known: &Known) -> Act {
    if let Some(busy) = known.latest.as_ref().filter(|latest| latest.job.is_open) {
        return Act::Say(Reply::Busy(busy.session()));
    }
    match (&known.pull, &known.latest) {
        (Some(pull), _) => match &pull.maker {
            Some(maker) => revise(wish, pull, maker.session, instruction),
            None => sibling(wish, pull),
        },
        (None, Some(_)) => retry(wish, Some(instruction), known),
        (None, None) => Act::Say(Reply::NothingHere),
    }
}

/// What was pushed after the words were written was not meant by them.
fn pinned(wish: &Wish, pull: &Pull) -> Result<(), &'static str> {
    if !pull.is_open {
        return Err("change this pull request: it is closed");
    }
    match pull.seen_at {
        _ if pull.is_our_head => Ok(()),
        Some(seen) if seen <= wish.at => Ok(()),
        Some(_) => {
            Err("change this pull request: somebody pushed after this was asked for; look at that, and ask \
             again")
        }
        None => Err("change this pull request: GitHub does not say since when it has its head"),
    }
}

fn revise(wish: &Wish, pull: &Pull, of: SessionId, instruction: &str) -> Act {
    if let Err(why) = pinned(wish, pull) {
        return declined(why);
    }
    let Some(maker) = &pull.maker else { return nothing("the pull request is not ours") };
    let way = Way::Revise {
        of,
        pull: pull.number,
        head: pull.head.clone(),
        instruction: text::head(instruction, INSTRUCTION),
    };
    let mut request = Request { way, via: wish.via.clone(), label: None, ..maker.request.clone() };
    request.subject = subject_at(wish, pull.number);
    if let Subject::Issue { number, .. } = &maker.request.subject {
        // What the pull request closes stays what it was.
        request.issue = request.issue.or((*number != pull.number).then_some(*number));
    }
    Act::Start(Box::new(request))
}

fn review(wish: &Wish, (body, head): (&str, &ObjectId), known: &Known) -> Act {
    let Some((pull, maker)) = known.pull.as_ref().and_then(|pull| Some((pull, pull.maker.as_ref()?))) else {
        return nothing("the review is of no pull request of ours");
    };
    if let Some(busy) = known.latest.as_ref().filter(|latest| latest.job.is_open) {
        return Act::Say(Reply::Busy(busy.session()));
    }
    if *head != pull.head {
        return declined("do what this review says: it was written for another head of the pull request");
    }
    let instruction = instruction(body, &known.comments);
    if instruction.is_empty() {
        return declined("find out what to change: write it into the review or its comments");
    }
    revise(wish, pull, maker.session, &instruction)
}

/// A review's text with its inline comments, each with its place.
fn instruction(body: &str, comments: &[ReviewComment]) -> String {
    let body = (!body.trim().is_empty()).then(|| body.trim().to_owned());
    let inline = comments.iter().filter(|comment| !comment.body.trim().is_empty()).map(|comment| {
        let place = match comment.line {
            Some(line) => format!("{}:{line}", comment.path),
            None => comment.path.clone(),
        };
        format!("{place}: {}", comment.body.trim())
    });
    body.into_iter().chain(inline).collect::<Vec<_>>().join("\n\n")
}

fn appeal(wish: &Wish, reason: &str, known: &Known) -> Act {
    let Some(latest) = &known.latest else { return Act::Say(Reply::NothingHere) };
    if latest.job.is_open {
        return Act::Say(Reply::Busy(latest.session()));
    }
    if latest.summary.outcome != Some(Outcome::JudgeVetoed) {
        return declined("appeal: the last session here did not end with the judge's veto");
    }
    let way = Way::Appeal { of: latest.session(), reason: reason.to_owned() };
    Act::Start(Box::new(again(wish, &latest.job.request, way)))
}

/// Checks of another bot's pull request are red. Nobody asked, so nobody is
/// told when there is nothing to do.
fn red(wish: &Wish, head: &ObjectId, known: &Known) -> Act {
    let Some(pull) = &known.pull else { return nothing("there is no such pull request") };
    if pull.head != *head {
        return nothing("the pull request has another head by now");
    }
    if known.latest.is_some() {
        return nothing("a session had this pull request already");
    }
    match sibling(wish, pull) {
        Act::Say(_) => nothing("the pull request is not one that can be answered"),
        act => act,
    }
}

/// A pull request of our own in place of another bot's.
fn sibling(wish: &Wish, pull: &Pull) -> Act {
    let Some(updater) = Updater::of(pull.author_id) else { return Act::Say(Reply::NothingHere) };
    if !pull.is_open {
        return declined("answer this pull request: it is closed");
    }
    let mut bumps = pull.bumps.iter().cloned();
    let Some(first) = bumps.next() else {
        return declined("read what this pull request bumps");
    };
    let mut subject = subject_at(wish, pull.number);
    if let (What::Red { .. }, Subject::Issue { sender, sender_id, .. }) = (&wish.what, &mut subject) {
        // Policy asked, and the bot is whom it is about.
        pull.author.clone_into(sender);
        *sender_id = updater.id();
    }
    Act::Start(Box::new(Request {
        bump: Some(first),
        more: bumps.collect(),
        way: Way::Sibling { pull: pull.number, author: pull.author.clone() },
        via: wish.via.clone(),
        ..Request::new(subject, "bump")
    }))
}

#[cfg(test)]
mod tests;
