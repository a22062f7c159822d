//! Which advisories a pull request answers, why it takes this version, and
//! the proof that no vulnerable copy is left; or why there is no pull request.
//!
//! Advisories are written by strangers: all of their text is made plain.

use std::fmt::Write as _;

use crate::advisory::{Advisory, Proof};
use crate::change::{Resolved, Step};
use crate::outcome::Outcome;
use crate::record::Breaking;
use crate::summary::Summary;
use crate::text;
use crate::text::markdown::{code, inline, quote};

/// Advisories, copies and other packages that are shown; the rest is counted.
const SHOWN: usize = 20;
/// Bytes of one advisory's ranges, or of one copy's path.
const LINE: usize = 300;
/// Places of one breaking change.
const PLACES: usize = 8;
/// Bytes of a reason.
const QUOTED: usize = 1500;

/// A check run on the base commit.
pub(super) struct NoPull {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) summary: String,
}

fn ecosystem_word(advisory: &Advisory) -> &'static str {
    match advisory.ecosystem {
        crate::change::Ecosystem::Npm => "npm",
        crate::change::Ecosystem::Maven => "Maven",
    }
}

fn rest(out: &mut String, all: usize, what: &str) {
    if all > SHOWN {
        writeln!(out, "- and {} more {what}", all - SHOWN).ok();
    }
}

/// One line for each advisory: id, severity, ranges, where and what.
pub(super) fn advisories(advisories: &[Advisory]) -> String {
    if advisories.is_empty() {
        return String::new();
    }
    let mut out = String::from("Answers these security advisories:\n\n");
    for advisory in advisories.iter().take(SHOWN) {
        out.push_str(&line(advisory));
    }
    rest(&mut out, advisories.len(), "advisories");
    out.push('\n');
    out
}

fn line(advisory: &Advisory) -> String {
    let id = if advisory.ghsa.is_empty() { "An advisory" } else { &advisory.ghsa };
    let mut out = format!("- **{}** ({})", inline(id, LINE), advisory.severity.name());
    if let Some(number) = advisory.alert {
        write!(out, ", alert {number}").ok();
    }
    let ranges = inline(&advisory.vulnerable.join(" or "), LINE);
    let package = inline(&advisory.package, LINE);
    write!(out, ": {} package {package} {ranges}", ecosystem_word(advisory)).ok();
    if !advisory.manifest.is_empty() {
        write!(out, ", seen in {}", inline(&advisory.manifest, LINE)).ok();
    }
    if !advisory.summary.is_empty() {
        write!(out, ". {}", inline(&advisory.summary, LINE)).ok();
    }
    out.push('\n');
    out
}

/// The package, and what moves along.
pub(super) fn changed(resolved: &Resolved) -> String {
    let mut out = format!(
        "## What changed\n{} {} → {}{}\n",
        code(&resolved.package, LINE),
        inline(&resolved.from, LINE),
        inline(&resolved.to, LINE),
        way(resolved.step)
    );
    for moved in resolved.others.iter().take(SHOWN) {
        let (package, why) = (code(&moved.package, LINE), inline(&moved.why, LINE));
        let (from, to) = (inline(&moved.from, LINE), inline(&moved.to, LINE));
        writeln!(out, "- {package} {from} → {to}: {why}").ok();
    }
    rest(&mut out, resolved.others.len(), "packages");
    out
}

/// How it gets there, where that is not plain from the manifest's diff.
fn way(step: Step) -> &'static str {
    match step {
        Step::Direct => "",
        Step::InRangeRefresh => ", by a refresh of the lockfile within the ranges in place",
        Step::AncestorBump => ", by a bump of what pulls it in",
        Step::AncestorMajor => ", by a new major version of what pulls it in",
        Step::Override => ", by an override below the parent that pulls it in",
        Step::BomBump => ", by a bump of the bill of materials that manages it",
        Step::BomProperty => ", by the property that its bill of materials reads",
        Step::ManagedPin => ", by an entry in dependency management",
    }
}

/// The bump room's reasons.
pub(super) fn version(resolved: &Resolved) -> String {
    if resolved.reasons.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n## Why this version\n");
    for reason in resolved.reasons.iter().take(SHOWN) {
        writeln!(out, "- {}", inline(reason, LINE)).ok();
    }
    rest(&mut out, resolved.reasons.len(), "reasons");
    out
}

/// What the new version changes that this repository uses, with the places.
pub(super) fn breaking(changes: &[Breaking]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let mut out = String::from("## Breaking changes found, and where they touch this code\n");
    for change in changes.iter().take(SHOWN) {
        let places: Vec<String> = change.places.iter().take(PLACES).map(|place| code(place, LINE)).collect();
        let mut places = places.join(", ");
        if change.places.len() > PLACES {
            write!(places, " and {} more", change.places.len() - PLACES).ok();
        }
        let at = match (change.sure, places.is_empty()) {
            (_, true) => String::new(),
            (true, false) => format!(": used at {places}"),
            (false, false) => format!(": something of this name is at {places}"),
        };
        writeln!(out, "- {} {}{at}", code(&change.package, LINE), inline(&change.what, LINE)).ok();
    }
    rest(&mut out, changes.len(), "changes");
    out.push('\n');
    out
}

/// Every installed copy with its path, as the engine found it in the changed
/// tree.
pub(super) fn proofs(proofs: &[Proof]) -> String {
    let mut out = String::new();
    for proof in proofs {
        let copies = proof.copies.len();
        let bad = proof.copies.iter().filter(|copy| copy.vulnerable).count();
        let package = inline(&proof.package, LINE);
        writeln!(out, "### Every installed copy of {package}\n").ok();
        let ranges = inline(&proof.ranges.join(" or "), LINE);
        writeln!(out, "Resolved again after the change: {bad} of {copies} copies are in {ranges}.\n").ok();
        if copies > 0 {
            out.push_str("| Version | Comes in by | Vulnerable |\n|---|---|---|\n");
        }
        // A copy that is still vulnerable must not hide behind the cap.
        let mut shown: Vec<_> = proof.copies.iter().collect();
        shown.sort_by_key(|copy| !copy.vulnerable);
        for copy in shown.iter().take(SHOWN) {
            let (version, path) = (inline(&copy.version, LINE), inline(&copy.path, LINE));
            writeln!(out, "| {version} | {path} | {} |", if copy.vulnerable { "**yes**" } else { "no" }).ok();
        }
        if copies > SHOWN {
            writeln!(out, "\nand {} more copies", copies - SHOWN).ok();
        }
        out.push('\n');
    }
    out
}

/// Does this ending leave a person something to do about the alerts? What a
/// person or a newer run decided needs no repeating, and neither does a
/// policy that left no advisory to answer.
pub(super) fn needs_a_person(summary: &Summary, outcome: Outcome) -> bool {
    let decided = matches!(outcome, Outcome::DeclinedUnauthorized | Outcome::Cancelled | Outcome::Superseded);
    !summary.advisories.is_empty() && !outcome.is_success() && !decided
}

/// The sentence, the reason and the next step.
pub(super) fn no_pull(package: &str, summary: &Summary, outcome: Outcome, detail: &str) -> NoPull {
    let mut body = format!("**{}** {}\n\n", outcome.sentence(), outcome.next_step());
    if !detail.is_empty() {
        writeln!(body, "{}\n", quote(detail, QUOTED)).ok();
    }
    body.push_str(&match advisories(&summary.advisories) {
        open if open.is_empty() => String::new(),
        open => open.replace("Answers these security advisories:", "These security advisories stay open:"),
    });
    NoPull {
        name: format!("agent / security ({})", text::head(&text::plain(package), 100)),
        title: outcome.sentence().to_owned(),
        summary: body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::{InstalledCopy, Severity};
    use crate::change::{Ecosystem, Moved};

    fn advisory(ghsa: &str, summary: &str) -> Advisory {
        Advisory {
            alert: Some(3),
            ghsa: ghsa.into(),
            ecosystem: Ecosystem::Npm,
            package: "qs".into(),
            manifest: "package-lock.json".into(),
            scope: None,
            severity: Severity::High,
            summary: summary.into(),
            vulnerable: vec!["< 6.5.3".into(), ">= 6.7.0, < 6.7.3".into()],
            patched: vec![],
        }
    }

    #[test]
    fn an_advisory_is_named_and_its_text_stays_text() {
        assert_eq!(
            advisories(&[advisory("GHSA-a", "See @ann at https://evil.test <b> #1")]),
            "Answers these security advisories:\n\n\
             - **GHSA-a** (high), alert 3: npm package qs &lt; 6.5.3 or >= 6.7.0, &lt; 6.7.3, seen in package-lock.json. \
             See @\u{200b}ann at https:\u{200b}//evil.test &lt;b> #\u{200b}1\n\n"
        );
        assert_eq!(advisories(&[]), "");
        let many: Vec<Advisory> = (0..25).map(|n| advisory(&format!("GHSA-{n}"), "")).collect();
        let shown = advisories(&many);
        assert!(shown.contains("GHSA-19") && !shown.contains("GHSA-20"));
        assert!(shown.contains("and 5 more advisories"));
    }

    #[test]
    fn a_breaking_change_is_named_with_the_places_that_it_touches() {
        let change = |sure, places: &[&str]| Breaking {
            package: "@scope/marked".into(),
            what: "removed `parse` <b>@all</b>".into(),
            places: places.iter().map(|place| (*place).to_owned()).collect(),
            sure,
        };
        assert_eq!(breaking(&[]), "");
        let nine = ["a.js:1"; 9];
        assert_eq!(
            breaking(&[
                change(true, &["src/render.js:3", "b.js:1"]),
                change(false, &["c.js:1"]),
                change(true, &[])
            ]),
            "## Breaking changes found, and where they touch this code\n\
             - `@scope/marked` removed 'parse' &lt;b>@\u{200b}all&lt;/b>: used at `src/render.js:3`, `b.js:1`\n\
             - `@scope/marked` removed 'parse' &lt;b>@\u{200b}all&lt;/b>: something of this name is at `c.js:1`\n\
             - `@scope/marked` removed 'parse' &lt;b>@\u{200b}all&lt;/b>\n\n"
        );
        assert!(breaking(&[change(true, &nine)]).contains("`a.js:1` and 1 more\n"));
    }

    #[test]
    fn what_moves_along_and_why_is_said() {
        let resolved = Resolved {
            ecosystem: Ecosystem::Npm,
            package: "qs".into(),
            from: "6.5.1".into(),
            to: "6.5.3".into(),
            step: Step::Override,
            reasons: vec!["6.5.3 is the lowest version outside every range".into()],
            others: vec![Moved {
                package: "@types/qs".into(),
                from: "1".into(),
                to: "2".into(),
                why: "its types".into(),
            }],
        };
        assert_eq!(
            changed(&resolved),
            "## What changed\n`qs` 6.5.1 → 6.5.3, by an override below the parent that pulls it in\n\
             - `@types/qs` 1 → 2: its types\n"
        );
        assert_eq!(
            version(&resolved),
            "\n## Why this version\n- 6.5.3 is the lowest version outside every range\n"
        );
        assert_eq!(version(&Resolved::default()), "");
    }

    #[test]
    fn the_proof_shows_twenty_copies_and_the_vulnerable_ones_first() {
        let copy = |n: usize| InstalledCopy {
            version: format!("1.0.{n}"),
            path: format!("app > p{n} | x > qs"),
            vulnerable: n == 24,
        };
        let proof =
            Proof { package: "qs".into(), ranges: vec!["< 1".into()], copies: (0..25).map(copy).collect() };
        let shown = proofs(&[proof]);
        assert!(shown.contains("1 of 25 copies are in &lt; 1"), "{shown}");
        assert!(
            shown.contains("|---|---|---|\n| 1.0.24 | app > p24 \\| x > qs | **yes** |\n| 1.0.0 "),
            "{shown}"
        );
        assert_eq!(shown.matches("| no |").count(), 19);
        assert!(shown.contains("and 5 more copies"));
    }

    #[test]
    fn only_an_ending_that_leaves_something_to_do_is_posted() {
        let nothing_left = Summary::new("01J00000000000000000000000".parse().unwrap());
        let summary = Summary { advisories: vec![advisory("GHSA-a", "")], ..nothing_left.clone() };
        for (outcome, posted) in [
            (Outcome::NoSafeVersion, true),
            (Outcome::BlockedByParent, true),
            (Outcome::VerifyFailed, true),
            (Outcome::InternalError, true),
            (Outcome::PrOpened, false),
            (Outcome::AlreadyOpen, false),
            (Outcome::DeclinedPolicy, true),
            (Outcome::Cancelled, false),
        ] {
            assert_eq!(needs_a_person(&summary, outcome), posted, "{outcome}");
            assert!(!needs_a_person(&nothing_left, outcome), "{outcome}");
        }
        let check = no_pull("qs", &summary, Outcome::BlockedByParent, "could not @raise it");
        assert_eq!(check.name, "agent / security (qs)");
        for part in ["Bump that dependency first.", "> could not @\u{200b}raise it", "stay open", "GHSA-a"] {
            assert!(check.summary.contains(part), "{part}: {}", check.summary);
        }
    }
}
