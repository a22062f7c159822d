use std::collections::BTreeMap;

use super::*;
use crate::advisory::{Advisory, Scope, Severity};
use crate::change::{Ecosystem, Via};
use crate::event::{self, Asked, CheckAsked, Commented, Reviewed, Scene, SuiteRed};
use crate::ids::ObjectId;
use crate::wish::{Button, Command, What};

const APP: u64 = 77;
const ALLOWED: u64 = 500;

fn own() -> Own {
    Own { app_id: APP, bots: vec![ALLOWED], sibling_pulls: true }
}

fn person() -> Sender {
    Sender { login: "ann".into(), id: 8, is_bot: false }
}

fn bot(id: u64) -> Sender {
    Sender { login: "x[bot]".into(), id, is_bot: true }
}

fn scene(sender: Sender) -> Scene {
    Scene { repo: "octo/app".parse().unwrap(), repo_id: 9, installation: 1, sender }
}

fn labeled(label: &str, title: &str) -> Labeled {
    Labeled {
        scene: scene(person()),
        number: 2,
        is_pull: false,
        is_open: true,
        title: title.into(),
        body: String::new(),
        labels: vec![label.into()],
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
        via_app: None,
    }
}

fn commented(sender: Sender, body: &str) -> Commented {
    Commented {
        scene: scene(sender),
        number: 2,
        is_pull: true,
        comment: 55,
        body: body.into(),
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
        via_app: None,
    }
}

fn head() -> ObjectId {
    "a".repeat(40).parse().unwrap()
}

fn decided(event: &Event) -> Decision {
    decide(event, &Catalog::embedded().unwrap(), &Policy::default(), &own())
}

fn asked(event: &Event) -> Vec<Wish> {
    match decided(event) {
        Decision::Ask(wishes) => wishes,
        other => panic!("{other:?}"),
    }
}

fn is_ignored(event: &Event) -> bool {
    matches!(decided(event), Decision::Ignore(_))
}

#[test]
fn only_a_known_label_by_a_person_or_an_allowed_bot_starts_a_run() {
    let bump = || labeled("agent:bump", "Bump ms to 2.1.3");
    let by = |sender| Event::Labeled(Labeled { scene: scene(sender), ..bump() });
    assert!(matches!(decided(&by(person())), Decision::Run(_)));
    assert!(matches!(decided(&by(bot(ALLOWED))), Decision::Run(_)));
    let opened = Labeled { labels: vec!["bug".into(), "agent:security".into()], ..bump() };
    let Decision::Run(request) = decided(&Event::Labeled(opened)) else { panic!("ignored") };
    assert_eq!((request.change.as_str(), request.label.as_deref()), (SECURITY, Some("agent:security")));
    for event in [
        by(bot(501)),
        // The name of an allowed bot is worth nothing.
        by(Sender { id: 502, ..bot(ALLOWED) }),
        Event::Labeled(Labeled { via_app: Some(APP), ..bump() }),
        Event::Labeled(labeled("bug", "Bump ms to 2.1.3")),
        Event::Ping,
    ] {
        assert!(is_ignored(&event), "{event:?}");
    }
}

#[test]
fn a_label_that_cannot_work_where_it_is_gets_a_reason() {
    let bump = || labeled("agent:bump", "Bump ms to 2.1.3");
    for (labeled, says) in [
        (Labeled { is_pull: true, ..bump() }, "pull request"),
        (Labeled { is_open: false, ..bump() }, "closed issue"),
    ] {
        let wishes = asked(&Event::Labeled(labeled));
        let What::Command(Command::Unclear { said, why }) = &wishes[0].what else { panic!("{wishes:?}") };
        assert!(said == "agent:bump" && why.contains(says), "{why}");
        assert_eq!(wishes[0].via, Via::Itself);
    }
    assert!(is_ignored(&Event::Labeled(Labeled { is_pull: true, ..labeled("bug", "x") })));
}

#[test]
fn a_label_names_packages_or_is_told_what_to_write() {
    let catalog = Catalog::embedded().unwrap();
    for (label, title, asked, more, says) in [
        ("agent:bump", "Bump `a` to `1.0.0`, `b` to `2.0.0`", Some("a@1.0.0"), 1, ""),
        ("agent:bump", "Dependencies are old", None, 0, "Bump `package`"),
        ("agent:security", "Fix the alerts of `qs`", Some("qs"), 0, ""),
        ("agent:security", "We are vulnerable", None, 0, "Fix the alerts of `package`"),
    ] {
        let Decision::Run(request) = decided(&Event::Labeled(labeled(label, title))) else {
            panic!("{title}")
        };
        assert_eq!(request.bump.as_ref().map(ToString::to_string).as_deref(), asked, "{title}");
        assert_eq!(request.more.len(), more, "{title}");
        match policy(&request, &catalog) {
            Ok(change) => assert!(says.is_empty(), "{} for {title}", change.name),
            Err(failure) => {
                assert_eq!(failure.outcome(), Outcome::DeclinedPolicy);
                assert!(!says.is_empty() && failure.public().contains(says), "{failure}");
            }
        }
    }
}

#[test]
fn a_person_stops_a_session_by_its_label_or_by_its_issue() {
    let Decision::Run(request) = decided(&Event::Labeled(labeled("agent:bump", "Bump ms"))) else {
        panic!("ignored")
    };
    let unlabel = |sender, label: &str| {
        Event::Unlabeled(Unlabeled { scene: scene(sender), number: 2, label: label.into() })
    };
    let end = |sender, how: &str| {
        Event::IssueEnded(IssueEnded { scene: scene(sender), number: 2, how: how.into() })
    };
    for (event, says, by) in [
        (unlabel(person(), "agent:bump"), "ann took the label agent:bump off", Some(person())),
        (unlabel(person(), "agent:running"), "ann took the label agent:running off", Some(person())),
        (end(person(), "closed"), "the issue was closed by ann", Some(person())),
        (end(person(), "deleted"), "the issue was deleted by ann", None),
        (end(person(), "transferred"), "the issue was transferred by ann", None),
        (end(bot(1), "closed"), "the issue was closed by x[bot]", None),
    ] {
        let expected = Decision::Cancel { subject: request.subject.key(), why: says.into(), by };
        assert_eq!(decided(&event), expected);
    }
    // The App takes its labels off itself.
    for event in [unlabel(bot(1), "agent:bump"), unlabel(bot(1), "agent:running"), unlabel(person(), "bug")] {
        assert!(is_ignored(&event), "{event:?}");
    }
}

#[test]
fn commands_are_asked_in_their_order_with_all_that_is_known() {
    let said = "/agent stop\n\n/agent bump ms@2.1.3\n/agent nonsense\n/agent help";
    let wishes = asked(&Event::Commented(commented(person(), said)));
    let words: Vec<&str> = wishes
        .iter()
        .map(|wish| match &wish.via {
            Via::Comment { comment: 55, words } => words.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(words, ["/agent stop", "/agent bump", "/agent"]);
    let first = &wishes[0];
    assert_eq!((first.repo_id, first.installation, first.number, first.is_pull), (9, 1, Some(2), true));
    assert_eq!((&first.sender, first.at.to_string().as_str()), (&person(), "2026-01-02T03:04:05Z"));
    assert_eq!(asked(&Event::Commented(commented(bot(ALLOWED), "/agent stop"))).len(), 1);
    for event in [
        commented(person(), "You are right!"),
        commented(person(), "> /agent stop"),
        commented(bot(501), "/agent stop"),
        Commented { via_app: Some(APP), ..commented(person(), "/agent stop") },
    ] {
        assert!(is_ignored(&Event::Commented(event)));
    }
}

#[test]
fn a_review_of_an_apps_pull_request_is_asked() {
    let review = |sender, of_a_bot| {
        Event::Reviewed(Reviewed {
            scene: scene(sender),
            number: 2,
            review: 4,
            body: format!("Use\r\n\u{202e}map {}", "x".repeat(20_000)),
            head: head(),
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            of_a_bot,
        })
    };
    let wishes = asked(&review(person(), true));
    let What::Review { body, head: at } = &wishes[0].what else { panic!("{wishes:?}") };
    assert!(body.starts_with("Use\nmap x") && body.len() < 8_100 && *at == head());
    assert_eq!(
        (&wishes[0].via, wishes[0].number, wishes[0].is_pull),
        (&Via::Review { review: 4 }, Some(2), true)
    );
    assert!(is_ignored(&review(person(), false)));
    assert!(is_ignored(&review(bot(501), true)));
}

#[test]
fn only_our_own_checks_are_run_again_or_pressed() {
    let check = |sender, app, asked| {
        Event::CheckAsked(CheckAsked {
            scene: scene(sender),
            number: None,
            app,
            head: head(),
            external_id: Some("S/verify".into()),
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            asked,
        })
    };
    let wishes = asked(&check(person(), Some(APP), Asked::Rerun));
    let external_id = Some("S/verify".to_owned());
    assert_eq!(wishes[0].what, What::Rerun { external_id: external_id.clone(), head: head() });
    assert_eq!((wishes[0].number, wishes[0].is_pull), (None, false));
    assert_eq!(wishes[0].via, Via::Check { words: "Re-run".into() });
    for button in [Button::Retry, Button::Explain, Button::Stop] {
        let wishes = asked(&check(person(), Some(APP), Asked::Button(button.identifier().into())));
        assert_eq!(wishes[0].what, What::Press { button, external_id: external_id.clone(), head: head() });
        assert_eq!(wishes[0].via, Via::Check { words: button.label().into() });
    }
    for event in [
        check(person(), Some(1), Asked::Rerun),
        check(person(), None, Asked::Rerun),
        check(bot(501), Some(APP), Asked::Rerun),
        check(person(), Some(APP), Asked::Button("lgtm".into())),
    ] {
        assert!(is_ignored(&event), "{event:?}");
    }
}

#[test]
fn red_checks_of_an_updaters_pull_request_are_asked_where_that_is_wanted() {
    let red = |sender: u64, branch: &str, app| {
        Event::SuiteRed(SuiteRed {
            scene: scene(bot(sender)),
            number: 6,
            head: head(),
            branch: branch.into(),
            app,
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
        })
    };
    for event in [
        red(49_699_333, "x", Some(1)),
        red(29_139_614, "x", None),
        red(1, "dependabot/npm_and_yarn/ms-2.1.3", Some(1)),
        red(1, "dependabot-npm-ms", Some(1)),
        red(1, "renovate/ms-2.x", Some(1)),
    ] {
        assert_eq!(asked(&event)[0].what, What::Red { head: head() });
        let off = Own { sibling_pulls: false, ..own() };
        let decision = decide(&event, &Catalog::embedded().unwrap(), &Policy::default(), &off);
        assert!(matches!(decision, Decision::Ignore(_)));
    }
    for event in [red(1, "dependabotic", Some(1)), red(1, "main", Some(1)), red(49_699_333, "x", Some(APP))] {
        assert!(is_ignored(&event), "{event:?}");
    }
}

fn alert(number: u64, severity: Severity, scope: Scope) -> Event {
    Event::Alert(Alert {
        repo: "octo/app".parse().unwrap(),
        repo_id: 9,
        installation: 1,
        number,
        advisory: Advisory {
            alert: Some(number),
            ghsa: "GHSA-x".into(),
            ecosystem: Ecosystem::Npm,
            package: "ms".into(),
            manifest: "package-lock.json".into(),
            scope: Some(scope),
            severity,
            summary: String::new(),
            vulnerable: vec!["< 2.1.0".into()],
            patched: vec!["2.1.0".into()],
        },
    })
}

#[test]
fn an_alert_runs_by_policy_and_its_end_stops_the_same_subject() {
    let catalog = Catalog::embedded().unwrap();
    let policy = Policy { min_severity: Severity::High, scopes: vec![Scope::Runtime], ..Policy::default() };
    let decided_so = |event: &Event| decide(event, &catalog, &policy, &own());
    let Decision::Run(request) = decided_so(&alert(3, Severity::High, Scope::Runtime)) else {
        panic!("ignored")
    };
    assert_eq!((request.change.as_str(), request.advisories.len()), (SECURITY, 1));
    for event in [alert(3, Severity::Medium, Scope::Runtime), alert(3, Severity::High, Scope::Development)] {
        assert!(matches!(decided_so(&event), Decision::Ignore(_)));
    }
    let closed = Event::AlertClosed(AlertClosed {
        repo: "octo/app".parse().unwrap(),
        repo_id: 9,
        installation: 1,
        number: 3,
        manifest: "package-lock.json".into(),
        package: "ms".into(),
        how: "fixed by ann".into(),
    });
    let expected =
        Decision::Cancel { subject: request.subject.key(), why: "alert 3 was fixed by ann".into(), by: None };
    assert_eq!(decided(&closed), expected);
}

#[test]
fn only_write_access_counts() {
    for (permission, may) in [
        (Permission::Admin, true),
        (Permission::Maintain, true),
        (Permission::Write, true),
        (Permission::Triage, false),
        (Permission::Read, false),
        (Permission::None, false),
        (Permission::from_name("owner-of-everything"), false),
    ] {
        assert_eq!(authorise(permission).is_ok(), may, "{permission:?}");
    }
}

/// What every one of GitHub's example deliveries is to the App whose number
/// is in them: the file, the decision, a part of its reason.
const DELIVERIES: &str = include_str!("deliveries.txt");

/// In one word, with the reason.
fn told(decision: &Decision) -> (&'static str, String) {
    match decision {
        Decision::Run(request) => ("run", request.change.clone()),
        Decision::Cancel { subject, why, by } => ("cancel", format!("{subject} {why} {}", by.is_some())),
        Decision::Ask(wishes) => ("ask", format!("{wishes:?}")),
        Decision::Moved(moved) => ("moved", moved.to.to_string()),
        Decision::Gone(gone) => ("gone", gone.why.clone()),
        Decision::Remember(closed) => ("remember", closed.how()),
        Decision::Ignore(why) => ("ignore", why.clone()),
    }
}

/// Needs the collected deliveries beside the repository; on a plain clone
/// there are none, and the tests above stand alone.
#[test]
fn every_collected_delivery_is_what_the_table_says() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/webhook-events");
    let Ok(files) = std::fs::read_dir(dir) else { return };
    let table: BTreeMap<&str, (&str, &str)> = DELIVERIES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (file, rest) = line.split_once(' ').unwrap();
            (file, rest.trim().split_once(' ').unwrap_or((rest.trim(), "")))
        })
        .collect();
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in files {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let body = std::fs::read(&path).unwrap();
        let event = event::parse(name.split('.').next().unwrap(), &body).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let own = Own { app_id: body["check_run"]["app"]["id"].as_u64().unwrap_or(29310), ..own() };
        let (decision, why) = told(&decide(&event, &Catalog::embedded().unwrap(), &Policy::default(), &own));
        let (expected, says) = table.get(name.as_str()).copied().unwrap_or(("", ""));
        if decision != expected || !why.contains(says.trim()) {
            wrong.push(format!("{name} {decision} {why}"));
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen, table.len());
}

/// The same numbers every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// Text of pieces that mean something to a reader of comments.
    fn comment(&mut self) -> String {
        const PIECES: [&str; 30] = [
            "/agent stop",
            "/agent fix x",
            "/agent bump ms@1.0.0",
            "/agent",
            "/agent bump ",
            "\n",
            "\n\n",
            "\r\n",
            "\r",
            "> ",
            "```",
            "~~~",
            "````",
            "    ",
            "  ",
            "\t",
            "- ",
            "1. ",
            "<!--",
            "-->",
            "<pre>",
            "</pre>",
            "<details>",
            "`",
            "*",
            "[x](",
            "| a |\n|--|\n",
            "\u{200b}",
            "\u{202e}\0",
            "é",
        ];
        (0..self.below(24)).map(|_| self.one(&PIECES)).collect()
    }
}

#[test]
fn no_text_is_too_odd_and_no_quote_or_code_is_a_command() {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut commands = 0;
    for _ in 0..20_000 {
        let text = chance.comment();
        let read = read_commands(&text);
        assert!(read.len() <= 3, "{text:?}");
        commands += read.len();
        // The same with GitHub's own line ends.
        let lines: Vec<&str> = text.split(['\n', '\r']).collect();
        assert_eq!(read_commands(&lines.join("\r\n")), read_commands(&lines.join("\n")), "{text:?}");
        let quoted: String = lines.iter().flat_map(|line| ["> ", line, "\n"]).collect();
        assert_eq!(read_commands(&quoted), [], "{quoted:?}");
        let fence = "~".repeat(1 + text.len().max(3));
        let shown = format!("x\n{fence}\n{text}\n{fence}\n");
        assert_eq!(read_commands(&shown), [], "{shown:?}");
        let hidden = format!("x\n<!--\n{}\n-->\n", text.replace('>', ""));
        assert_eq!(read_commands(&hidden), [], "{hidden:?}");
    }
    assert!(commands > 1_000, "the texts are too odd to prove anything: {commands}");
}

const KINDS: &str = "issues issue_comment pull_request pull_request_review check_run check_suite dependabot_alert installation installation_repositories installation_target repository ping";
const ACTIONS: &str = "opened labeled unlabeled closed deleted created submitted rerequested requested_action completed fixed suspend removed renamed archived";
const NAMES: &str = "action installation repository sender issue label comment review pull_request check_run check_suite requested_action alert repositories_removed id number title body state labels head_sha conclusion user app closed_at html_url pull_requests";
const VALUES: &str = r#"null 0 -1 1e99 true "" "x/y" [] {} [[[]]] "2026-01-02T03:04:05Z" "/agent\tstop" "changes_requested" {"login":"ann","id":8} {"id":9,"full_name":"octo/app"} {"id":7} [{"id":7,"number":1,"name":"agent:bump"}]"#;

impl Chance {
    fn word(&mut self, of: &'static str) -> &'static str {
        let words: Vec<&str> = of.split_whitespace().collect();
        words[self.below(words.len())]
    }

    /// A webhook's body, or nearly one.
    fn body(&mut self) -> Vec<u8> {
        let mut fields = vec![
            format!(r#""action":"{}""#, self.word(ACTIONS)),
            r#""installation":{"id":7}"#.to_owned(),
            r#""repository":{"id":9,"full_name":"octo/app"}"#.to_owned(),
            r#""sender":{"login":"ann","id":8,"type":"User"}"#.to_owned(),
        ];
        for _ in 0..self.below(8) {
            let inner: Vec<String> = (0..self.below(6))
                .map(|_| format!(r#""{}":{}"#, self.word(NAMES), self.word(VALUES)))
                .collect();
            let inner = if inner.is_empty() {
                self.word(VALUES).to_owned()
            } else {
                format!("{{{}}}", inner.join(","))
            };
            fields.push(format!(r#""{}":{inner}"#, self.word(NAMES)));
        }
        let mut bytes = format!("{{{}}}", fields.join(",")).into_bytes();
        if self.below(4) == 0 {
            let at = self.below(bytes.len());
            bytes[at] ^= 1 << self.below(8);
        }
        bytes
    }
}

#[test]
fn no_body_is_too_odd() {
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let (catalog, mut read) = (Catalog::embedded().unwrap(), 0);
    for _ in 0..20_000 {
        let (kind, bytes) = (chance.word(KINDS), chance.body());
        if let Ok(event) = event::parse(kind, &bytes) {
            read += usize::from(!matches!(event, Event::Ignored { .. } | Event::Ping));
            std::hint::black_box(decide(&event, &catalog, &Policy::default(), &own()));
        }
    }
    assert!(read > 500, "the bodies are too odd to prove anything: {read}");
}
