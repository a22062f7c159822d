//! Answers to what was asked in comments, reviews and by buttons: one comment
//! each, found again by a marker, so that an answer that is given twice is
//! there once. Somebody without the right to ask gets 😕, and a conversation
//! at most one folded line a day about it.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::spot::{Asked as _, repository};
use super::{Mark, NAME, QUOTED, checks, session_url, status, verified};
use crate::change::Via;
use crate::failure::Failure;
use crate::github::GitHub;
use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::summary::Summary;
use crate::text::markdown::{code, inline, quote};
use crate::wish::{What, Wish};

/// Bytes of a reason in a sentence.
const WHY: usize = 600;

/// What to answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The person may not ask.
    Refused,
    /// No command. `why` completes "could not …".
    Unclear {
        said: String,
        why: String,
    },
    /// The commands, and the change types as label and title.
    Help {
        types: Vec<(String, String)>,
    },
    Status(Box<Summary>),
    Explain(Box<Summary>),
    /// There is no session that the words could be about.
    NothingHere,
    /// A session is at work already.
    Busy(SessionId),
    /// The session was asked to stop.
    Stopped(SessionId),
    /// It cannot be done. Completes "could not …".
    Declined(String),
}

/// Gives the answer, and takes the 👀 away.
///
/// # Errors
/// GitHub cannot be reached or says no.
pub async fn reply(github: &GitHub, public_url: &str, wish: &Wish, reply: &Reply) -> Result<(), Failure> {
    if let Some(number) = wish.number {
        let reporter = github.reporter(&repository(wish)).await?;
        let (marker, body) = (marker(wish, reply), words(reply, wish, public_url));
        match reporter.find_comment(number, &marker).await? {
            // One line a day, whoever asks again.
            Some(_id) if matches!(reply, Reply::Refused) => {}
            Some(id) => reporter.edit_comment(id, &body).await?,
            None => reporter.ensure_comment(number, &marker, &body).await.map(|_id| ())?,
        }
    }
    match wish.spot() {
        Some(spot) => spot.settle(github, reply.mark()).await,
        None => Ok(()),
    }
}

impl Reply {
    /// What takes the place of 👀: what was answered speaks for itself.
    fn mark(&self) -> Option<Mark> {
        match self {
            Self::Help { .. } | Self::Status(_) | Self::Explain(_) | Self::Stopped(_) => None,
            Self::Refused | Self::Unclear { .. } | Self::NothingHere | Self::Busy(_) | Self::Declined(_) => {
                Some(Mark::No)
            }
        }
    }
}

/// The same wish has the same marker, and a button of one check run has one
/// answer however often it is pressed.
fn marker(wish: &Wish, reply: &Reply) -> String {
    if matches!(reply, Reply::Refused) {
        let day: String = wish.at.to_string().chars().take(10).collect();
        return format!("<!-- agent:refused={day} -->");
    }
    let at = match wish.via {
        Via::Check { .. } => String::new(),
        _ => wish.at.to_string(),
    };
    let key = serde_json::json!([wish.via, wish.what, at]).to_string();
    let key: String = hex::encode(Sha256::digest(key)).chars().take(16).collect();
    format!("<!-- agent:reply={key} -->")
}

fn words(reply: &Reply, wish: &Wish, public_url: &str) -> String {
    let session = |id: SessionId| format!("[session]({})", session_url(public_url, id));
    let said = match reply {
        Reply::Refused => {
            "<details><summary>Nothing was started: only people with write access can ask.</summary>\n\n\
             Ask somebody who has it to say the same. This is said once a day.\n\n</details>\n"
                .to_owned()
        }
        Reply::Unclear { said, why } => {
            format!("Could not {}: {}\n\n{}", inline(why, WHY), code(said, WHY), COMMANDS)
        }
        Reply::Help { types } => help(types),
        Reply::Status(summary) => status::card(summary, public_url),
        Reply::Explain(summary) => explain(summary, public_url),
        Reply::NothingHere => "There is no session here that this could be about. Label an issue, or say \
                               `/agent bump <package>[@version]`.\n"
            .to_owned(),
        Reply::Busy(id) => format!(
            "A {} is at work here, and goes on. Wait for its end, or say `/agent stop` first.\n",
            session(*id)
        ),
        Reply::Stopped(id) => format!("The {} was asked to stop.\n", session(*id)),
        Reply::Declined(why) => format!("Nothing was started: could not {}\n", inline(why, WHY)),
    };
    format!("{}\n{said}", marker(wish, reply)) + &asked_by(wish)
}

/// A comment stands above its answer; what was pressed does not.
fn asked_by(wish: &Wish) -> String {
    match (&wish.via, &wish.what) {
        (Via::Check { words }, _) => {
            format!("\n<sub>{} by {}</sub>\n", inline(words, NAME), inline(&wish.sender.login, NAME))
        }
        (Via::Review { .. }, What::Review { .. }) => {
            format!("\n<sub>To the review by {}</sub>\n", inline(&wish.sender.login, NAME))
        }
        _ => String::new(),
    }
}

const COMMANDS: &str = "\
| Say, in the first column of a new comment | It |
|---|---|
| `/agent bump <package>[@version]` | bumps a package |
| `/agent retry [hint]` | runs the last request again |
| `/agent fix <instruction>` | changes the pull request as you say |
| `/agent explain` | says what was tried, what failed, and what to do next |
| `/agent appeal <reason>` | asks the judge again, with your reason |
| `/agent stop` | stops the run |
| `/agent status` | says how far it is |
| `/agent help` | says this |
";

fn help(types: &[(String, String)]) -> String {
    let mut out = format!(
        "{COMMANDS}\nA review that requests changes on a pull request of the agent's is a `/agent fix` with \
         its comments. Everything needs write access.\n\n| Label | Change |\n|---|---|\n"
    );
    for (label, title) in types {
        writeln!(out, "| {} | {} |", inline(label, NAME), inline(title, NAME)).ok();
    }
    out
}

/// What was tried, what failed, why, and the next step.
fn explain(summary: &Summary, public_url: &str) -> String {
    let mut out = status::card(summary, public_url);
    match summary.outcome {
        Some(outcome) => writeln!(out, "\n**{}** {}", outcome.sentence(), outcome.next_step()).ok(),
        None => writeln!(out, "\nThe session is still at work.").ok(),
    };
    if !summary.detail.is_empty() && !summary.outcome.is_some_and(Outcome::is_success) {
        writeln!(out, "\n{}", quote(&summary.detail, QUOTED)).ok();
    }
    out.push_str(&tried(summary));
    out.push_str(&checks::failing(summary));
    if !summary.findings.is_empty() {
        write!(out, "\nTest integrity:\n\n{}", verified::findings(&summary.findings)).ok();
    }
    if let Some((verdict, reason)) = &summary.judge {
        writeln!(out, "\nThe judge says {}:\n\n{}", inline(verdict, NAME), quote(reason, QUOTED)).ok();
    }
    if let Some(patch) = summary.outcome.and_then(|outcome| status::patch(summary, outcome, public_url)) {
        writeln!(out, "\n{patch}").ok();
    }
    out
}

/// The attempts, with what each spent and how it ended.
fn tried(summary: &Summary) -> String {
    if summary.tries.is_empty() {
        return String::new();
    }
    let mut out = String::from("\nTried:\n\n");
    for attempt in &summary.tries {
        let end = match attempt.refused {
            None => "accepted".to_owned(),
            Some(outcome) => outcome.sentence().trim_end_matches('.').to_lowercase(),
        };
        let (turns, took) = (attempt.turns, status::took(attempt.time_ms));
        let (number, stopped, cost) = (attempt.number, attempt.stopped.title(), attempt.cost);
        writeln!(out, "- attempt {number}: {turns} turns, {took}, {cost}; {stopped}; {end}").ok();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Cost, Limits};
    use crate::evidence::{CheckResult, Delta};
    use crate::record::{Attempt, StopReason};
    use crate::text::markdown::scan;
    use crate::wish::{Button, Command, Sender};

    const URL: &str = "https://c.example";

    fn wish(via: Via, what: What, at: &str) -> Wish {
        Wish {
            repo: "o/r".parse().unwrap(),
            repo_id: 1,
            installation: 1,
            number: Some(7),
            is_pull: false,
            sender: Sender { login: "ann".into(), id: 2, is_bot: false },
            at: at.parse().unwrap(),
            via,
            what,
        }
    }

    fn command(at: &str) -> Wish {
        let via = Via::Comment { comment: 5, words: "/agent help".into() };
        wish(via, What::Command(Command::Help), at)
    }

    fn press(at: &str, button: Button) -> Wish {
        let head = "a".repeat(40).parse().unwrap();
        wish(Via::Check { words: "Explain".into() }, What::Press { button, external_id: None, head }, at)
    }

    fn session() -> SessionId {
        "01J00000000000000000000000".parse().unwrap()
    }

    #[test]
    fn one_wish_has_one_answer_and_a_button_has_one_however_often_it_is_pressed() {
        let nothing = Reply::NothingHere;
        let first = marker(&command("2026-12-01T10:00:00Z"), &nothing);
        assert_eq!(first, marker(&command("2026-12-01T10:00:00Z"), &nothing));
        assert_ne!(first, marker(&command("2026-12-01T10:00:01Z"), &nothing));
        let pressed = |at, button| marker(&press(at, button), &nothing);
        let noon = pressed("2026-12-01T12:00:00Z", Button::Explain);
        assert_eq!(noon, pressed("2026-12-01T13:00:00Z", Button::Explain));
        assert_ne!(noon, pressed("2026-12-01T12:00:00Z", Button::Stop));
    }

    #[test]
    fn refusals_of_one_day_are_one_folded_line() {
        let refused = |at| marker(&command(at), &Reply::Refused);
        assert_eq!(refused("2026-12-01T00:00:00Z"), "<!-- agent:refused=2026-12-01 -->");
        assert_eq!(refused("2026-12-01T00:00:00Z"), refused("2026-12-01T23:59:59Z"));
        assert_ne!(refused("2026-12-01T00:00:00Z"), refused("2026-12-02T00:00:00Z"));
        let body = words(&Reply::Refused, &command("2026-12-01T00:00:00Z"), URL);
        assert!(body.contains("<details><summary>Nothing was started") && !body.contains("ann"), "{body}");
    }

    #[test]
    fn an_unclear_command_gets_its_words_back_made_plain_with_the_commands() {
        let reply = Reply::Unclear {
            said: "/agent dance `@all`".into(),
            why: "find <b>dance</b> among the commands".into(),
        };
        let body = words(&reply, &command("2026-12-01T00:00:00Z"), URL);
        assert!(
            body.contains("Could not find &lt;b>dance&lt;/b> among the commands: `` /agent dance `@all` ``"),
            "{body}"
        );
        assert!(body.contains("| `/agent appeal <reason>` |"));
        let types = vec![("agent:bump".to_owned(), "Dependency bump".to_owned())];
        let body = words(&Reply::Help { types }, &command("2026-12-01T00:00:00Z"), URL);
        for part in ["| agent:bump | Dependency bump |", "`/agent stop`", "requests changes", "write access"]
        {
            assert!(body.contains(part), "{part}: {body}");
        }
    }

    #[test]
    fn short_answers_lead_to_the_session() {
        let at = command("2026-12-01T00:00:00Z");
        let link = "[session](https://c.example/sessions/01J00000000000000000000000)";
        assert!(words(&Reply::Busy(session()), &at, URL).contains(&format!("A {link} is at work here")));
        assert!(
            words(&Reply::Stopped(session()), &at, URL).contains(&format!("The {link} was asked to stop"))
        );
        let declined =
            words(&Reply::Declined("read #1".into()), &press("2026-12-01T00:00:00Z", Button::Retry), URL);
        assert!(declined.contains("could not read #\u{200b}1\n\n<sub>Explain by ann</sub>"), "{declined}");
    }

    #[test]
    fn an_explanation_says_what_was_tried_what_failed_and_what_next() {
        let mut summary = Summary::new(session());
        summary.limits = Some(Limits::default());
        summary.outcome = Some(Outcome::VerifyFailed);
        summary.detail = "could not make `@all` pass".into();
        summary.tries = vec![Attempt {
            number: 1,
            stopped: StopReason::Finished,
            turns: 4,
            time_ms: 61_000,
            cost: Cost(100_000),
            tree: String::new(),
            refused: Some(Outcome::VerifyFailed),
            best: String::new(),
        }];
        summary.delta = Delta { newly_failing: vec!["renders".into()], ..Delta::default() };
        summary.checks = vec![CheckResult {
            check: "test".into(),
            digest: "AssertionError\n```\n<!-- agent:job=x -->".into(),
            ..CheckResult::default()
        }];
        summary.judge = Some(("veto".into(), "![](https://e.test/x.png)".into()));
        let body = words(&Reply::Explain(Box::new(summary)), &command("2026-12-01T00:00:00Z"), URL);
        for part in [
            "**The change breaks checks that passed before, and the repair did not succeed.** Take over",
            "- attempt 1: 4 turns, 1m01s, $0.10; finished; the change breaks checks",
            "Newly failing: `renders`",
            "````\nAssertionError\n```\n",
            "The judge says veto:\n\n> !\\[\\](https:\u{200b}//e.test/x.png)",
        ] {
            assert!(body.contains(part), "{part}: {body}");
        }
        assert_eq!(body.matches("<!--").count(), 1, "{body}");
        assert!(scan::open_fence(&body).is_none());
    }
}
