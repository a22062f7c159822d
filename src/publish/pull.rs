//! The pull request's text: pure, from the ticket and a summary.
//!
//! A later run of the same session must write the same text, so nothing in
//! it depends on when it was written.

use std::fmt::Write as _;

use super::{Announcement, NAME, QUOTED, session_url, verified, why};
use crate::change::{Request, Subject, Via, Way};
use crate::evidence::{Accepted, ChangeKind, CheckResult, Verified};
use crate::summary::Summary;
use crate::text::markdown::{block, code, inline, quote};

/// Bytes of a path.
const PATH: usize = 300;
/// Bytes of the commands that reproduce the verification.
const COMMANDS: usize = 4000;
/// Bytes of what a person wanted changed.
const WANTED: usize = 4000;

/// What no run here can show.
const NOT_VERIFIED: &str =
    "Anything that needs a network, a database or a browser; anything that the repository has no check for.";

pub(super) fn body(
    accepted: &Accepted,
    what: &Announcement<'_>,
    request: &Request,
    public_url: &str,
) -> String {
    let mut out = since(request, what, public_url);
    writeln!(out, "## Why\n{}", reason(request, what.summary)).ok();
    out.push_str(&why::advisories(&what.summary.advisories));
    out.push_str(&changed(accepted, what));
    out.push_str(&why::version(what.resolved));
    out.push_str(&proved(accepted, what.summary));
    let verified = accepted.verified();
    let left = verified::not_verified(verified.checks(), verified.delta());
    writeln!(out, "## Not verified\n{left}{NOT_VERIFIED}\n").ok();
    out.push_str(&why::breaking(&what.summary.breaking));
    writeln!(out, "## How to reproduce\n{}\n\n---", reproduce(what.branch, verified.checks())).ok();
    let session = session_url(public_url, what.summary.session);
    let (model, cost) = (inline(what.model, NAME), what.summary.cost);
    writeln!(out, "Model {model} · {cost} · [session]({session}) · a person merges").ok();
    out
}

/// What is new in a pull request that was open before.
fn since(request: &Request, what: &Announcement<'_>, public_url: &str) -> String {
    let mut out = String::new();
    let commit = what.commit.short();
    match &request.way {
        Way::Revise { of, instruction, .. } => {
            let (asked, before) = (asked(request), session_url(public_url, *of));
            writeln!(
                out,
                "## Changed since\nCommit {commit}, on top of [what was here]({before}), {asked}:\n"
            )
            .ok();
            writeln!(out, "{}\n", quote(instruction, WANTED)).ok();
        }
        Way::Again { after, hint } => {
            let (asked, before) = (asked(request), session_url(public_url, *after));
            let hint = hint.as_deref().map(|hint| format!(", with the hint:\n\n{}", quote(hint, WANTED)));
            let end = hint.unwrap_or_else(|| ".".to_owned());
            writeln!(
                out,
                "## Changed since\nCommit {commit} is a run of its own from the default branch, after \
                 [this one]({before}), {asked}{end}\n"
            )
            .ok();
        }
        Way::Appeal { of, reason } => {
            let (asked, before) = (asked(request), session_url(public_url, *of));
            writeln!(out, "## After an appeal\nThe judge refused [this change]({before}) at first, and was asked again {asked}:\n").ok();
            writeln!(out, "{}\n", quote(reason, WANTED)).ok();
        }
        Way::Fresh | Way::Sibling { .. } => {}
    }
    out
}

/// Who asked for it, and how.
fn asked(request: &Request) -> String {
    let how = match &request.via {
        Via::Itself => return "as it was asked for".to_owned(),
        Via::Comment { words, .. } | Via::Check { words } => code(words, NAME),
        Via::Review { .. } => "the review".to_owned(),
    };
    match &request.subject {
        Subject::Issue { sender, .. } => format!("as {} asked with {how}", inline(sender, NAME)),
        Subject::Alert { .. } | Subject::Local { .. } => format!("as was asked with {how}"),
    }
}

/// Why there is this pull request, for whom, and what it closes.
fn reason(request: &Request, summary: &Summary) -> String {
    let mut out = String::new();
    let Subject::Issue { number, sender, .. } = &request.subject else { return out };
    let sender = inline(sender, NAME);
    let closes = match &request.way {
        Way::Sibling { pull, author } => {
            let author = inline(author, NAME);
            writeln!(
                out,
                "Supersedes #{pull} by {author}, whose checks are red. Nothing was pushed there; close that \
                 one when this one is merged."
            )
            .ok();
            request.issue
        }
        Way::Revise { .. } => request.issue,
        Way::Fresh | Way::Again { .. } | Way::Appeal { .. } => Some(request.issue.unwrap_or(*number)),
    };
    match closes {
        Some(issue) => writeln!(out, "Asked for by {sender} in #{issue}. {}", fixes(issue, summary)).ok(),
        None => writeln!(out, "Asked for by {sender} in #{number}.").ok(),
    };
    out
}

/// Merging a part of a group must not close the issue that asked for all.
fn fixes(number: u64, summary: &Summary) -> String {
    if summary.left.is_empty() {
        return format!("Fixes #{number}.");
    }
    let left: Vec<String> = summary.left.iter().map(|bump| code(&bump.package, NAME)).collect();
    format!("A part of it: {} needs a repair and gets a session of its own.", left.join(", "))
}

fn changed(accepted: &Accepted, what: &Announcement<'_>) -> String {
    let mut out = why::changed(what.resolved);
    for file in accepted.patch().files() {
        let kind = match file.kind {
            ChangeKind::Added => "added",
            ChangeKind::Modified => "changed",
            ChangeKind::Deleted => "deleted",
        };
        writeln!(out, "- {} {kind} (+{} −{})", code(&file.path, PATH), file.added, file.removed).ok();
    }
    out
}

/// What the engine saw, then what the judge said.
fn proved(accepted: &Accepted, summary: &Summary) -> String {
    let verified: &Verified = accepted.verified();
    let list = verified::list(verified.checks(), verified.delta());
    let integrity = verified::integrity(&summary.findings);
    format!(
        "\n## Verified\nBy the engine, in a fresh container, against the untouched base:\n{list}\n{}\n\n{}\n\n{}",
        integrity.trim_end(),
        judged(accepted),
        why::proofs(&summary.proofs)
    )
}

/// What the judge said.
fn judged(accepted: &Accepted) -> String {
    let said = match accepted.dissent() {
        None => "The judge, a second model call, says:".to_owned(),
        Some(said) => format!(
            "The judge, a second model call, did not accept the change. It runs in shadow mode: it reports and \
             does not block. judge (shadow): {} —",
            said.name()
        ),
    };
    format!("{said}\n\n{}", quote(accepted.reason(), QUOTED))
}

/// The commands, between fences.
fn reproduce(branch: &str, checks: &[CheckResult]) -> String {
    let mut lines = vec![format!("git fetch origin {branch} && git checkout {branch}")];
    lines.extend(installation(checks).map(str::to_owned));
    // A command is one line, whatever the repository calls it.
    let line = |check: &CheckResult| check.command.split_whitespace().collect::<Vec<_>>().join(" ");
    lines.extend(checks.iter().map(line));
    block(&lines.join("\n"), COMMANDS)
}

/// How a person installs what the checks need; Maven does it by itself.
fn installation(checks: &[CheckResult]) -> Option<&'static str> {
    match checks.first()?.command.split(' ').next()? {
        "npm" | "npx" => Some("npm ci"),
        "yarn" => Some("yarn install --immutable || yarn install --frozen-lockfile"),
        "pnpm" => Some("pnpm install --frozen-lockfile"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Opening;
    use super::*;
    use crate::change::{Base, Resolved};
    use crate::evidence::Patch;
    use crate::ids::ObjectId;

    const URL: &str = "https://c.example";

    fn id(c: char) -> ObjectId {
        c.to_string().repeat(40).parse().unwrap()
    }

    fn request(way: Way, via: Via, issue: Option<u64>) -> Request {
        let subject = Subject::Issue {
            repo: "o/r".parse().unwrap(),
            repo_id: 1,
            installation: 1,
            number: 7,
            sender: "ann".into(),
            sender_id: 2,
        };
        Request { way, via, issue, ..Request::new(subject, "bump") }
    }

    fn text(request: &Request) -> String {
        let patch = Patch::seal(id('a'), id('b'), vec![], String::new());
        let check = CheckResult {
            check: "test".into(),
            command: "npm run test\n```\n@all".into(),
            passed: true,
            tests_passed: Some(4),
            ..CheckResult::default()
        };
        let accepted = Accepted::seal(Verified::seal(patch, vec![check]), "fine, @all, fixes #9".into());
        let summary = Summary::new("01J00000000000000000000000".parse().unwrap());
        let base = Base { branch: "main".into(), commit: id('a'), tree: id('c') };
        let what = Announcement {
            resolved: &Resolved {
                package: "ms".into(),
                from: "1.0.0".into(),
                to: "2.0.0".into(),
                ..Resolved::default()
            },
            base: &base,
            commit: &id('d'),
            branch: "agent/bump/ms-2.0.0",
            summary: &summary,
            model: "a-model",
            opening: Opening::default(),
        };
        body(&accepted, &what, request, URL)
    }

    #[test]
    fn it_says_why_what_is_proved_and_what_is_not() {
        let text = text(&request(Way::Fresh, Via::Itself, None));
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
        let order = [
            at("## Why\nAsked for by ann in #7. Fixes #7.\n"),
            at("## What changed\n`ms` 1.0.0 → 2.0.0"),
            at("## Verified\nBy the engine"),
            at("> fine, @\u{200b}all, fixes #\u{200b}9\n"),
            at("## Not verified\nAnything that needs a network"),
            at(
                "## How to reproduce\n````\ngit fetch origin agent/bump/ms-2.0.0 && git checkout agent/bump/ms-2.0.0\nnpm ci\nnpm run test ``` @all\n````\n",
            ),
            at(
                "\n---\nModel a-model · $0.00 · [session](https://c.example/sessions/01J00000000000000000000000)",
            ),
        ];
        assert!(order.is_sorted(), "{text}");
        assert!(!text.contains("Changed since"));
    }

    #[test]
    fn a_sibling_supersedes_and_links_and_closes_no_issue() {
        let way = Way::Sibling { pull: 12, author: "dependabot[bot]".into() };
        let text = text(&request(way, Via::Itself, None));
        assert!(text.contains("Supersedes #12 by dependabot\\[bot\\], whose checks are red."), "{text}");
        assert!(!text.contains("Fixes #"), "{text}");
    }

    #[test]
    fn an_updated_one_says_what_changed_since_and_closes_what_it_closed() {
        let of = "01J00000000000000000000001".parse().unwrap();
        let revise = |issue| {
            let way = Way::Revise { of, pull: 7, head: id('e'), instruction: "use `parse`\n@all".into() };
            text(&request(way, Via::Review { review: 3 }, issue))
        };
        let revised = revise(Some(5));
        for part in [
            "## Changed since\nCommit ddddddd, on top of [what was here](https://c.example/sessions/01J00000000000000000000001), \
             as ann asked with the review:\n\n> use 'parse'\n> @\u{200b}all\n",
            "in #5. Fixes #5.",
        ] {
            assert!(revised.contains(part), "{part}: {revised}");
        }
        assert!(!revise(None).contains("Fixes #"));
        let way = Way::Again { after: of, hint: Some("try v3".into()) };
        let again = text(&request(way, Via::Comment { comment: 1, words: "/agent retry".into() }, None));
        assert!(again.contains("as ann asked with `/agent retry`, with the hint:\n\n> try v3\n"), "{again}");
        assert!(again.contains("Fixes #7."));
        let way = Way::Appeal { of, reason: "it is in scope".into() };
        assert!(text(&request(way, Via::Itself, None)).contains("## After an appeal\n"));
    }
}
