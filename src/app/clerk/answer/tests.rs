use super::*;
use crate::ids::Repo;
use crate::wish::Sender;

fn subject(number: u64, sender: &str) -> Subject {
    Subject::Issue {
        repo: "o/r".parse::<Repo>().unwrap(),
        repo_id: 9,
        installation: 1,
        number,
        sender: sender.into(),
        sender_id: 7,
    }
}

fn wish(what: What) -> Wish {
    Wish {
        repo: "o/r".parse().unwrap(),
        repo_id: 9,
        installation: 1,
        number: Some(6),
        is_pull: true,
        sender: Sender { login: "ann".into(), id: 8, is_bot: false },
        at: Timestamp::from_second(100).unwrap(),
        via: Via::Comment { comment: 3, words: "/agent".into() },
        what,
    }
}

fn command(command: Command) -> Wish {
    wish(What::Command(command))
}

fn retry_with(hint: &str) -> Wish {
    command(Command::Retry { hint: Some(hint.into()) })
}

fn fix_with(instruction: &str) -> Wish {
    command(Command::Fix { instruction: instruction.into() })
}

/// A session on issue 5.
fn job(is_open: bool) -> Job {
    let mut request = Request::new(subject(5, "octocat"), "bump");
    request.label = Some("agent:bump".into());
    request.bump = Some(Bump { package: "ms".into(), version: None });
    Job { session: SessionId::generate(), request, is_open, is_new: false }
}

fn concerned(job: Job, outcome: Option<Outcome>) -> Concerned {
    let mut summary = Summary::new(job.session);
    summary.outcome = outcome;
    Concerned { job, summary }
}

fn head(digit: &str) -> ObjectId {
    digit.repeat(40).parse().unwrap()
}

/// Pull request 6, of a session, with a head that is ours.
fn pull(maker: Option<Job>) -> Pull {
    Pull {
        number: 6,
        is_open: true,
        head: head("a"),
        seen_at: None,
        is_our_head: maker.is_some(),
        author: "dependabot[bot]".into(),
        author_id: 49_699_333,
        maker,
        bumps: vec![Bump { package: "ms".into(), version: Some("2.1.3".into()) }],
    }
}

fn known(latest: Option<Concerned>, pull: Option<Pull>) -> Known {
    Known { latest, pull, comments: Vec::new() }
}

fn started(act: Act) -> Request {
    match act {
        Act::Start(request) => *request,
        other => panic!("{other:?}"),
    }
}

fn says(act: Act) -> Reply {
    match act {
        Act::Say(reply) => reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_retry_is_the_same_request_for_whoever_asks_now() {
    let before = job(false);
    let act = act(
        &retry_with("use the new api"),
        &known(Some(concerned(before.clone(), Some(Outcome::VerifyFailed))), None),
    );
    let request = started(act);
    assert_eq!(request.way, Way::Again { after: before.session, hint: Some("use the new api".into()) });
    assert_eq!((&request.bump, &request.label), (&before.request.bump, &None));
    let Subject::Issue { number, sender, sender_id, .. } = &request.subject else { panic!("no issue") };
    assert_eq!((*number, sender.as_str(), *sender_id), (5, "ann", 8));
}

#[test]
fn whoever_asks_while_a_session_works_is_told_and_does_not_stop_it() {
    let busy = job(true);
    let known = || known(Some(concerned(busy.clone(), None)), Some(pull(Some(busy.clone()))));
    let review = What::Review { body: "no".into(), head: head("a") };
    for wish in [
        retry_with("x"),
        fix_with("x"),
        command(Command::Bump(Bump { package: "ms".into(), version: None })),
        command(Command::Appeal { reason: "x".into() }),
        wish(review),
    ] {
        let Reply::Busy(session) = says(act(&wish, &known())) else { panic!("{wish:?}") };
        assert_eq!(session, busy.session);
    }
}

#[test]
fn a_stop_reaches_the_session_at_work_and_says_who() {
    let busy = job(true);
    let Act::Stop { subject, why } =
        act(&command(Command::Stop), &known(Some(concerned(busy.clone(), None)), None))
    else {
        panic!("no stop")
    };
    assert_eq!((subject.as_str(), why.as_str()), ("id:9#5", "ann stopped it with `/agent stop`"));
    // Once more, after it had its effect, it looks the same.
    let mut over = concerned(job(false), Some(Outcome::Cancelled));
    over.summary.detail = why;
    assert!(matches!(says(act(&command(Command::Stop), &known(Some(over), None))), Reply::Stopped(_)));
    let ended = concerned(job(false), Some(Outcome::PrOpened));
    assert!(matches!(says(act(&command(Command::Stop), &known(Some(ended), None))), Reply::NothingHere));
    assert!(matches!(says(act(&command(Command::Stop), &Known::default())), Reply::NothingHere));
}

#[test]
fn a_fix_changes_the_pull_request_or_is_a_hint_where_there_is_none() {
    let made = job(false);
    let ended = || Some(concerned(made.clone(), Some(Outcome::PrOpened)));
    let request = started(act(&fix_with("rename it"), &known(ended(), Some(pull(Some(made.clone()))))));
    let Way::Revise { of, pull: number, head: at, instruction } = &request.way else {
        panic!("{:?}", request.way)
    };
    assert_eq!((*of, *number, at, instruction.as_str()), (made.session, 6, &head("a"), "rename it"));
    assert_eq!((request.issue, request.subject.key().as_str()), (Some(5), "id:9#6"));
    let request = started(act(&fix_with("rename it"), &known(ended(), None)));
    assert_eq!(request.way, Way::Again { after: made.session, hint: Some("rename it".into()) });
}

#[test]
fn a_head_that_came_after_the_words_is_refused() {
    let made = job(false);
    let with = |seen: Option<i64>| {
        let seen_at = seen.map(|second| Timestamp::from_second(second).unwrap());
        let pull = Pull { is_our_head: false, seen_at, ..pull(Some(made.clone())) };
        act(&fix_with("x"), &known(None, Some(pull)))
    };
    assert!(matches!(with(Some(100)), Act::Start(_)));
    for refused in [with(Some(101)), with(None)] {
        let Reply::Declined(why) = says(refused) else { panic!("not declined") };
        assert!(why.starts_with("change this pull request:"), "{why}");
    }
    let closed = Pull { is_open: false, ..pull(Some(made.clone())) };
    assert!(matches!(says(act(&fix_with("x"), &known(None, Some(closed)))), Reply::Declined(_)));
}

#[test]
fn a_review_is_an_instruction_with_its_places_for_the_head_that_it_read() {
    let made = job(false);
    let at = |digit: &str, body: &str, comments: Vec<ReviewComment>| {
        let facts = Known { comments, ..known(None, Some(pull(Some(made.clone())))) };
        act(&wish(What::Review { body: body.into(), head: head(digit) }), &facts)
    };
    let comment = ReviewComment {
        path: "src/a.js".into(),
        line: Some(3),
        body: "use const".into(),
        author: "ann".into(),
    };
    let request = started(at("a", "Nearly.", vec![comment]));
    let Way::Revise { instruction, .. } = &request.way else { panic!("{:?}", request.way) };
    assert_eq!(instruction, "Nearly.\n\nsrc/a.js:3: use const");
    assert!(matches!(says(at("b", "Nearly.", Vec::new())), Reply::Declined(_)));
    assert!(matches!(says(at("a", " ", Vec::new())), Reply::Declined(_)));
    let theirs = known(None, Some(pull(None)));
    let review = What::Review { body: "no".into(), head: head("a") };
    assert!(matches!(act(&wish(review), &theirs), Act::Nothing(_)));
}

#[test]
fn only_a_veto_can_be_appealed() {
    let appeal = || command(Command::Appeal { reason: "it is in scope".into() });
    let vetoed = job(false);
    let request =
        started(act(&appeal(), &known(Some(concerned(vetoed.clone(), Some(Outcome::JudgeVetoed))), None)));
    assert_eq!(request.way, Way::Appeal { of: vetoed.session, reason: "it is in scope".into() });
    let opened = known(Some(concerned(job(false), Some(Outcome::PrOpened))), None);
    assert!(matches!(says(act(&appeal(), &opened)), Reply::Declined(_)));
    assert!(matches!(says(act(&appeal(), &Known::default())), Reply::NothingHere));
}

#[test]
fn a_revision_that_failed_is_tried_again_on_the_head_as_it_is() {
    let made = job(false);
    let mut revision = job(false);
    revision.request.subject = subject(6, "bob");
    revision.request.way =
        Way::Revise { of: made.session, pull: 6, head: head("b"), instruction: "rename it".into() };
    let facts = known(Some(concerned(revision, Some(Outcome::VerifyFailed))), Some(pull(Some(made.clone()))));
    let request = started(act(&retry_with("to b"), &facts));
    let Way::Revise { of, head: at, instruction, .. } = &request.way else { panic!("{:?}", request.way) };
    assert_eq!((*of, at, instruction.as_str()), (made.session, &head("a"), "rename it\n\nto b"));
}

#[test]
fn red_checks_of_another_bot_get_one_pull_request_of_ours_and_no_words() {
    let red = || wish(What::Red { head: head("a") });
    let request = started(act(&red(), &known(None, Some(pull(None)))));
    assert_eq!(request.way, Way::Sibling { pull: 6, author: "dependabot[bot]".into() });
    assert_eq!(request.bump.as_ref().map(ToString::to_string).as_deref(), Some("ms@2.1.3"));
    let Subject::Issue { sender, sender_id, .. } = &request.subject else { panic!("no issue") };
    assert_eq!((sender.as_str(), *sender_id), ("dependabot[bot]", 49_699_333));
    let person = Pull { author_id: 5, ..pull(None) };
    let unnamed = Pull { bumps: Vec::new(), ..pull(None) };
    let moved = Pull { head: head("b"), ..pull(None) };
    for pull in [person, unnamed, moved] {
        assert!(matches!(act(&red(), &known(None, Some(pull))), Act::Nothing(_)));
    }
    let before = known(Some(concerned(job(false), Some(Outcome::VerifyFailed))), Some(pull(None)));
    assert!(matches!(act(&red(), &before), Act::Nothing(_)));
}

#[test]
fn the_buttons_do_what_they_say_and_questions_are_answered() {
    let press = |button| {
        let what = What::Press { button, external_id: None, head: head("a") };
        Wish { via: Via::Check { words: "Stop".into() }, ..wish(what) }
    };
    let ended = || known(Some(concerned(job(false), Some(Outcome::VerifyFailed))), None);
    assert!(matches!(act(&press(Button::Retry), &ended()), Act::Start(_)));
    assert!(matches!(says(act(&press(Button::Explain), &ended())), Reply::Explain(_)));
    let busy = known(Some(concerned(job(true), None)), None);
    let Act::Stop { why, .. } = act(&press(Button::Stop), &busy) else { panic!("no stop") };
    assert_eq!(why, "ann stopped it with the Stop button");
    assert!(matches!(says(act(&command(Command::Status), &ended())), Reply::Status(_)));
    assert!(matches!(says(act(&command(Command::Status), &Known::default())), Reply::NothingHere));
    let rerun = wish(What::Rerun { external_id: None, head: head("a") });
    assert!(matches!(act(&rerun, &ended()), Act::Start(_)));
}
