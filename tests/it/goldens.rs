//! The plumbing against what real bots did and what real package managers
//! answer: thousands of manifests before and after, versions in order, ranges.
//!
//! The data is not ours to keep here, so `CHAPERONE_SHARED` names the
//! directory that holds it; without it these tests say so and pass.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program runs as graders run it, and its figures are printed"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Where the data is, when it is here.
fn goldens(name: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("CHAPERONE_SHARED");
    if dir.is_none() {
        eprintln!("not checked against {name}: CHAPERONE_SHARED does not say where it is");
    }
    Some(PathBuf::from(dir?).join("goldens").join(name))
}

fn unpacked(path: &Path) -> String {
    let output = Command::new("zcat").arg(path).output().unwrap();
    assert!(output.status.success(), "could not unpack {}", path.display());
    String::from_utf8(output.stdout).unwrap()
}

/// One answer for each line, and how long all of them took.
fn plumbing(arguments: &[&str], lines: &[String]) -> (Vec<String>, Duration) {
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_chaperone"))
        .arg("plumbing")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input.as_bytes()).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.len(), "not one answer for each line");
    (answers, started.elapsed())
}

/// Whether all that differs lies in words with a digit on the same lines:
/// versions.
fn only_versions_differ(before: &str, after: &str) -> bool {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.split('\n').collect(), after.split('\n').collect());
    before.len() == after.len()
        && before.iter().zip(&after).all(|(before, after)| {
            before == after || (outside(before, after), outside(after, before)) == (Some(true), Some(true))
        })
}

/// Whether the part of `one` that is not in `other` has only characters of
/// versions and ranges of them.
fn outside(one: &str, other: &str) -> Option<bool> {
    let head = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let rest = (one.len() - head).min(other.len() - head);
    let tail = one.bytes().rev().zip(other.bytes().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let middle = one.get(head..one.len() - tail)?;
    let own = |c: char| c.is_ascii_alphanumeric() || "^~<>=|.-+_ *[](),".contains(c);
    Some(middle.chars().all(own))
}

struct Case {
    named: String,
    package: String,
    from: String,
    to: String,
    path: String,
    before: String,
    after: String,
}

fn cases(manifest: &str) -> Option<Vec<Case>> {
    let mut found = Vec::new();
    for line in unpacked(&goldens("real_bumps_dev.jsonl.gz")?).lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| case[name].as_str().unwrap().to_owned();
        for file in case["manifests"].as_array().unwrap() {
            let of = |name: &str| file[name].as_str().unwrap().to_owned();
            if of("path").ends_with(manifest) {
                found.push(Case {
                    named: format!("{} {}", text("repo"), text("sha").split_at(8).0),
                    package: text("dep"),
                    from: text("frm"),
                    to: text("to"),
                    path: of("path"),
                    before: of("before"),
                    after: of("after"),
                });
            }
        }
    }
    Some(found)
}

/// Why an edit is not what the repository did, as far as the texts tell.
fn reason(case: &Case, answer: &Value) -> String {
    if let Some(error) = answer["error"].as_str() {
        return format!("refused: {error}");
    }
    let out = answer["files"][&case.path].as_str().unwrap();
    let mut theirs = case.after.lines();
    let differ = out
        .lines()
        .find_map(|ours| theirs.next().filter(|theirs| ours != *theirs).map(|theirs| (ours, theirs)));
    let (ours, theirs) = differ.unwrap_or(("", ""));
    let (ours, theirs) = (ours.trim(), theirs.trim());
    if ours.contains(&case.to) && !ours.contains(&case.from) {
        format!("{ours:?} holds {} already, and they made it {theirs:?}", case.to)
    } else if out == case.before {
        format!("nothing is to be edited here, and they made {ours:?} into {theirs:?}")
    } else {
        format!("they changed something else, too: {ours:?} into {theirs:?}")
    }
}

/// Edits every case and holds the result to the share of byte-identical ones.
fn held_to(ecosystem: &str, manifest: &str, percent: f64) {
    let Some(cases) = cases(manifest) else { return };
    let requests: Vec<String> = cases
        .iter()
        .map(|case| {
            json!({
                "ecosystem": ecosystem,
                "files": { &case.path: case.before },
                "changes": [{ "name": case.package, "from": case.from, "to": case.to }],
            })
            .to_string()
        })
        .collect();
    let (answers, took) = plumbing(&["edit"], &requests);
    let mut misses = Vec::new();
    let mut unrelated = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let out = answer["files"][&case.path].as_str();
        if out.is_some_and(|out| !only_versions_differ(&case.before, out)) {
            unrelated.push(&case.named);
        }
        if out != Some(case.after.as_str()) {
            let Case { named, package, from, to, .. } = case;
            misses.push(format!("{named} {package} {from} -> {to}: {}", reason(case, &answer)));
        }
    }
    let (all, missed) = (u32::try_from(cases.len()).unwrap(), u32::try_from(misses.len()).unwrap());
    let share = 100.0 * f64::from(all - missed) / f64::from(all);
    println!("{ecosystem}: {share:.2} % of {all} as the repositories did, in {took:?}");
    for miss in &misses {
        println!("  {miss}");
    }
    assert_eq!(unrelated, Vec::<&String>::new(), "bytes changed that are no version's");
    assert!(share >= percent, "{ecosystem}: {share:.2} % is less than {percent} %");
    // Without optimisation the bar is not the product's: it only catches what
    // would never end.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 5 });
    assert!(took < limit, "{ecosystem}: {took:?}");
}

#[test]
fn npm_manifests_are_edited_as_real_bots_did() {
    held_to("npm", "package.json", 98.6);
}

#[test]
fn poms_are_edited_as_real_bots_did() {
    held_to("maven", "pom.xml", 98.5);
}

#[test]
fn maven_versions_are_ordered_as_maven_does() {
    let Some(path) = goldens("maven_version_compare_dev.tsv") else { return };
    let table = std::fs::read_to_string(path).unwrap();
    let rows: Vec<(&str, &str)> = table.lines().filter_map(|row| row.rsplit_once('\t')).collect();
    assert!(!rows.is_empty());
    let lines: Vec<String> = rows.iter().map(|(pair, _)| (*pair).to_owned()).collect();
    let (answers, took) = plumbing(&["compare-versions", "--ecosystem", "maven"], &lines);
    let wrong: Vec<_> = rows.iter().zip(&answers).filter(|((_, order), answer)| order != answer).collect();
    println!("maven: {} of {} pairs, in {took:?}", rows.len() - wrong.len(), rows.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The rows of a fixture without options: those are not ours to support.
fn plain(fixtures: &Value, name: &str) -> Vec<(String, String)> {
    let off = |options: &Value| match options {
        Value::Object(options) => {
            !["loose", "includePrerelease"].iter().any(|name| is_set(options.get(*name)))
        }
        options => !is_set(Some(options)),
    };
    let rows = fixtures[name].as_array().unwrap().iter().map(|row| row.as_array().unwrap());
    let text = |value: &Value| value.as_str().map(str::to_owned);
    rows.filter(|row| row.get(2).is_none_or(off))
        .filter_map(|row| Some((text(&row[0])?, text(&row[1])?)))
        .collect()
}

/// As JavaScript sees it.
fn is_set(value: Option<&Value>) -> bool {
    !matches!(value, None | Some(Value::Null | Value::Bool(false)))
        && value.and_then(Value::as_f64) != Some(0.0)
        && value.and_then(Value::as_str) != Some("")
}

#[test]
fn npm_ranges_and_versions_mean_what_npm_says() {
    let Some(path) = goldens("node_semver_fixtures.json") else { return };
    let fixtures: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut expected = BTreeMap::new();
    for (name, satisfied) in [("range-include", "true"), ("range-exclude", "false")] {
        for (range, version) in plain(&fixtures, name) {
            expected.insert(format!("{version}\t{range}"), satisfied);
        }
    }
    let lines: Vec<String> = expected.keys().cloned().collect();
    let (answers, _) = plumbing(&["satisfies", "--ecosystem", "npm"], &lines);
    let wrong: Vec<_> =
        expected.iter().zip(&answers).filter(|((_, right), answer)| *right != answer).collect();
    println!("npm: {} of {} ranges", lines.len() - wrong.len(), lines.len());
    assert!(wrong.is_empty(), "{wrong:#?}");

    let higher = plain(&fixtures, "comparisons");
    let lines: Vec<String> = higher.iter().map(|(high, low)| format!("{low}\t{high}")).collect();
    let (answers, _) = plumbing(&["compare-versions", "--ecosystem", "npm"], &lines);
    assert!(answers.iter().all(|answer| answer == "-1"), "{lines:?} {answers:?}");
}

#[test]
fn a_line_that_is_no_request_gets_an_error_and_the_next_one_an_answer() {
    let request = json!({
        "ecosystem": "npm",
        "files": { "package.json": "{\"dependencies\":{\"ms\":\"^2.0.0\"}}", "README.md": "ms 2.0.0" },
        "changes": [{ "name": "ms", "from": "2.0.0", "to": "2.1.3" }],
    });
    let mut unknown = request.clone();
    unknown["changes"][0]["name"] = "left-pad".into();
    let lines = ["{ nope".to_owned(), String::new(), unknown.to_string(), request.to_string()];
    let (answers, _) = plumbing(&["edit"], &lines);
    for refused in &answers[..3] {
        let answer: Value = serde_json::from_str(refused).unwrap();
        assert!(answer["error"].as_str().unwrap().starts_with("could not "), "{refused}");
    }
    let answer: Value = serde_json::from_str(&answers[3]).unwrap();
    let files = json!({ "package.json": "{\"dependencies\":{\"ms\":\"^2.1.3\"}}", "README.md": "ms 2.0.0" });
    assert_eq!(answer, json!({ "files": files }));

    let (answers, _) =
        plumbing(&["satisfies", "--ecosystem", "npm"], &["1.0.0".to_owned(), "1.0.0\t".to_owned()]);
    assert_eq!((answers[0].starts_with("could not "), answers[1].as_str()), (true, "true"));
}
