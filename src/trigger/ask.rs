//! What has to be looked up before it is a session or an answer.

use jiff::Timestamp;

use super::{Decision, Own, read_commands};
use crate::change::Via;
use crate::event::{Asked, CheckAsked, Commented, Labeled, Reviewed, Scene, SuiteRed};
use crate::text;
use crate::wish::{Button, Command, What, Wish};

/// Bytes of a review's text.
const REVIEW: usize = 8_000;
/// Bytes of a label that is said again.
const SAID: usize = 100;
/// The bots whose pull requests are answered: Dependabot and Renovate.
const UPDATERS: [u64; 2] = [49_699_333, 29_139_614];
/// How their branches begin.
const BRANCHES: [&str; 2] = ["dependabot", "renovate"];

fn ignore(why: &str) -> Decision {
    Decision::Ignore(why.to_owned())
}

/// The issue or pull request that a wish is about.
#[derive(Clone, Copy)]
struct About {
    number: Option<u64>,
    is_pull: bool,
    at: Timestamp,
}

fn wish(scene: &Scene, about: About, via: Via, what: What) -> Wish {
    Wish {
        repo: scene.repo.clone(),
        repo_id: scene.repo_id,
        installation: scene.installation,
        number: about.number,
        is_pull: about.is_pull,
        sender: scene.sender.clone(),
        at: about.at,
        via,
        what,
    }
}

/// A label that cannot start anything where it is.
pub(super) fn unclear(labeled: &Labeled, label: &str, why: &str) -> Decision {
    let Labeled { scene, number, is_pull, at, .. } = labeled;
    let about = About { number: Some(*number), is_pull: *is_pull, at: *at };
    let said = text::head(label, SAID);
    let what = What::Command(Command::Unclear { said, why: why.to_owned() });
    Decision::Ask(vec![wish(scene, about, Via::Itself, what)])
}

pub(super) fn comment(commented: &Commented, own: &Own) -> Decision {
    let Commented { scene, number, is_pull, comment, body, at, via_app } = commented;
    if let Some(why) = own.refusal(&scene.sender, *via_app) {
        return Decision::Ignore(why);
    }
    let about = About { number: Some(*number), is_pull: *is_pull, at: *at };
    let wishes = read_commands(body).into_iter().map(|command| {
        let via = Via::Comment { comment: *comment, words: command.words().to_owned() };
        wish(scene, about, via, What::Command(command))
    });
    let wishes: Vec<Wish> = wishes.collect();
    if wishes.is_empty() { ignore("the comment holds no command") } else { Decision::Ask(wishes) }
}

/// Whether the pull request is one of ours is looked up; that a person's is
/// none is known.
pub(super) fn review(reviewed: &Reviewed, own: &Own) -> Decision {
    let Reviewed { scene, number, review, body, head, at, of_a_bot } = reviewed;
    if let Some(why) = own.refusal(&scene.sender, None) {
        return Decision::Ignore(why);
    }
    if !of_a_bot {
        return ignore("the review is of a person's pull request");
    }
    let about = About { number: Some(*number), is_pull: true, at: *at };
    let body = text::head(text::plain(body).trim(), REVIEW);
    let what = What::Review { body, head: head.clone() };
    Decision::Ask(vec![wish(scene, about, Via::Review { review: *review }, what)])
}

pub(super) fn check(asked: &CheckAsked, own: &Own) -> Decision {
    let CheckAsked { scene, number, app, head, external_id, at, asked } = asked;
    if *app != Some(own.app_id) {
        return ignore("the check is not ours");
    }
    if let Some(why) = own.refusal(&scene.sender, None) {
        return Decision::Ignore(why);
    }
    let (external_id, head) = (external_id.clone(), head.clone());
    let (words, what) = match asked {
        Asked::Rerun => ("Re-run", What::Rerun { external_id, head }),
        Asked::Button(identifier) => match Button::from_identifier(identifier) {
            Some(button) => (button.label(), What::Press { button, external_id, head }),
            None => return ignore("the check run has no such button"),
        },
    };
    let about = About { number: *number, is_pull: number.is_some(), at: *at };
    Decision::Ask(vec![wish(scene, about, Via::Check { words: words.to_owned() }, what)])
}

/// The event does not say whose the pull request is. Its sender or its branch
/// makes it likely; GitHub is asked before anything happens.
pub(super) fn red(red: &SuiteRed, own: &Own) -> Decision {
    let SuiteRed { scene, number, head, branch, app, at } = red;
    if !own.sibling_pulls {
        return ignore(
            "red checks of other bots' pull requests are not answered here (github.sibling_pulls)",
        );
    }
    if *app == Some(own.app_id) {
        return ignore("the App's own doing");
    }
    // The character after the bot's name is configurable.
    let is_theirs = |prefix: &str| {
        branch.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| !c.is_alphanumeric()))
    };
    if !UPDATERS.contains(&scene.sender.id) && !BRANCHES.into_iter().any(is_theirs) {
        return ignore("the red checks are of no pull request of Dependabot or Renovate");
    }
    let about = About { number: Some(*number), is_pull: true, at: *at };
    Decision::Ask(vec![wish(scene, about, Via::Itself, What::Red { head: head.clone() })])
}
