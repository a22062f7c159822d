//! What the stand-in tells is read as what happened there. Needs no engine:
//! a delivery that the service misread would look like one that asks nothing.

use chaperone::advisory::Policy;
use chaperone::event;
use chaperone::trigger::{Catalog, Decision, Own, decide};
use chaperone::wish::{Command, What, Wish};
use standin::github::{APP_ID, BOT, Delivery, GitHub};

const REPO: &str = "octo/app";
const PATCH: (&str, Option<&str>) = ("a.txt", Some("two\n"));

async fn github() -> (GitHub, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let github = GitHub::start(dir.path().to_owned()).await.unwrap();
    github.add_repo(REPO, &[("a.txt".to_owned(), "one\n".to_owned())]).await.unwrap();
    (github, dir)
}

fn decided(delivery: &Delivery) -> Decision {
    let event = event::parse(&delivery.event, delivery.body.as_bytes()).unwrap();
    let own = Own { app_id: APP_ID, bots: Vec::new(), sibling_pulls: true };
    decide(&event, &Catalog::embedded().unwrap(), &Policy::default(), &own)
}

fn asked(delivery: &Delivery) -> Wish {
    match decided(delivery) {
        Decision::Ask(mut wishes) => wishes.remove(0),
        other => panic!("{other:?} for {}", delivery.body),
    }
}

fn is_ignored(delivery: &Delivery) -> bool {
    matches!(decided(delivery), Decision::Ignore(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issues_life() {
    let (github, _dir) = github().await;
    let words = ("Bump `ms` to `2.1.3`", "");
    let (number, [opened, labeled]) = github.open_issue_labeled(REPO, words, "agent:bump", "ann");
    let (Decision::Run(first), Decision::Run(second)) = (decided(&opened), decided(&labeled)) else {
        panic!("ignored")
    };
    assert_eq!(first, second, "both are the same request");
    assert!(is_ignored(&github.label(REPO, number, "agent:running", BOT)));
    assert!(is_ignored(&github.unlabel(REPO, number, "agent:bump", BOT)));
    for stop in
        [github.unlabel(REPO, number, "agent:running", "ann"), github.close_issue(REPO, number, "ann")]
    {
        let Decision::Cancel { subject, by: Some(by), .. } = decided(&stop) else { panic!("{}", stop.body) };
        assert_eq!((subject, by.login.as_str()), (first.subject.key(), "ann"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_and_pressed_on_a_pull_request() {
    let (github, _dir) = github().await;
    github.push_to(REPO, "agent/bump/ms", &[PATCH], (BOT, "Bump ms")).await.unwrap();
    let (number, opened) = github.open_pull(REPO, "agent/bump/ms", "Bump ms", BOT);
    let head = github.head_commit(REPO, number);
    assert!(is_ignored(&opened));

    let wish = asked(&github.comment(REPO, number, "ann", "Hm.\r\n\r\n/agent retry use map"));
    assert_eq!(wish.what, What::Command(Command::Retry { hint: Some("use map".into()) }));
    assert_eq!((wish.number, wish.is_pull, wish.sender.login.as_str()), (Some(number), true, "ann"));
    assert!(is_ignored(&github.comment(REPO, number, BOT, "/agent retry")));
    assert!(is_ignored(&github.comment(REPO, number, "ann", "> /agent retry")));

    let wish =
        asked(&github.review(REPO, number, "ann", ("changes_requested", "No.", &[("a.txt", 1, "Why?")])));
    let What::Review { body, head: at } = &wish.what else { panic!("{wish:?}") };
    assert_eq!((body.as_str(), at.as_str()), ("No.", head.as_str()));
    assert!(is_ignored(&github.review(REPO, number, "ann", ("approved", "Yes.", &[]))));

    let wish = asked(&github.rerequest_suite(REPO, &head, "ann"));
    assert!(matches!(wish.what, What::Rerun { .. }), "{wish:?}");

    let Decision::Remember(closed) = decided(&github.close_pull(REPO, number, true, "ann")) else {
        panic!("ignored")
    };
    assert!(closed.merged && !closed.by.is_bot && closed.number == number);
}

#[tokio::test(flavor = "multi_thread")]
async fn red_checks_count_on_an_updaters_pull_request_only() {
    let (github, _dir) = github().await;
    for (branch, author, is_theirs) in
        [("dependabot/npm_and_yarn/ms-2.1.3", "dependabot[bot]", true), ("ann/ms", "ann", false)]
    {
        github.push_to(REPO, branch, &[PATCH], (author, "Bump ms")).await.unwrap();
        let (number, _opened) = github.open_pull(REPO, branch, "Bump ms", author);
        let red = github.suite_completed(REPO, number, "failure");
        if is_theirs {
            let wish = asked(&red);
            assert_eq!(wish.number, Some(number));
            assert!(matches!(wish.what, What::Red { .. }));
        } else {
            assert!(is_ignored(&red));
        }
        assert!(is_ignored(&github.suite_completed(REPO, number, "success")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_moves_and_goes() {
    let (github, _dir) = github().await;
    let id = github.repo(REPO).id;
    let Decision::Moved(moved) = decided(&github.rename(REPO, "octo/new").unwrap()) else {
        panic!("ignored")
    };
    assert_eq!((moved.repo_id, moved.to.to_string().as_str()), (id, "octo/new"));
    for (delivery, all) in [
        (github.archive("octo/new"), false),
        (github.remove_repos(&["octo/new"]), false),
        (github.suspend_installation(), true),
        (github.remove_installation(), true),
    ] {
        let Decision::Gone(gone) = decided(&delivery) else { panic!("{}", delivery.body) };
        assert_eq!(gone.repositories, (!all).then(|| vec![id]), "{}", gone.why);
    }
    assert!(is_ignored(&github.unsuspend_installation()));
}
