//! Advisories out of GitHub's JSON: an alert, an alert's delivery, a
//! security advisory, or our own form.
//!
//! Everything is capped and checked here, because names and ranges go on
//! into keys, addresses and pull requests. What is not a package of npm or
//! Maven, or was withdrawn, is refused with the reason.

use serde_json::{Value, json};

use super::{Advisory, Scope, Severity};
use crate::change::Ecosystem;
use crate::text;

/// Branches of one advisory; the largest known ones have a few dozen.
const BRANCHES: usize = 200;
/// Bytes of a name, a path or a range.
const LENGTH: usize = 500;
/// Bytes of the summary.
const SUMMARY: usize = 300;

/// Why JSON is no advisory that anybody here can answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("could not read the advisory: {0} is missing or malformed")]
    Field(&'static str),
    #[error("could not answer an advisory for the ecosystem {0:?}: only npm and maven are known")]
    Ecosystem(String),
    #[error("could not answer the advisory: it was withdrawn")]
    Withdrawn,
    #[error("could not read the advisory: {0}")]
    Form(String),
}

/// Reads an alert (`{"alert": {…}}` or the alert itself), a repository's or
/// global security advisory, one branch of one, a record of the Open Source
/// Vulnerability format, or the plain form of [`Advisory`], in which the
/// package and a range are enough.
///
/// # Errors
/// It is none of these, it is withdrawn, or no package of npm or Maven is in
/// it.
pub fn parse_advisory(json: &Value) -> Result<Advisory, Unreadable> {
    let alert = json.get("alert").filter(|alert| alert.is_object()).unwrap_or(json);
    if alert.get("security_advisory").is_some() {
        return from_alert(alert);
    }
    if json.get("vulnerabilities").is_some() {
        return from_advisory(json);
    }
    if let Some(affected) = json.get("affected").and_then(Value::as_array) {
        return from_advisory(&of_osv(json, affected));
    }
    if json.get("package").is_some_and(Value::is_object) {
        return from_advisory(&json!({
            "ghsa_id": json.get("ghsa_id"), "severity": json.get("severity"), "vulnerabilities": [json],
        }));
    }
    let plain: Advisory =
        serde_json::from_value(whole(json)).map_err(|error| Unreadable::Form(error.to_string()))?;
    checked(plain)
}

/// The plain form with what can be told from the rest of it.
fn whole(plain: &Value) -> Value {
    let mut plain = plain.clone();
    let Some(fields) = plain.as_object_mut() else { return plain };
    // Only Maven's packages have a colon in their names.
    let is_maven = fields.get("package").and_then(Value::as_str).is_some_and(|name| name.contains(':'));
    let ecosystem = if is_maven { "maven" } else { "npm" };
    fields.entry("ecosystem").or_insert_with(|| json!(ecosystem));
    fields.entry("severity").or_insert_with(|| json!("low"));
    for (name, other) in [("vulnerable", "vulnerable_version_range"), ("patched", "first_patched_version")] {
        if let (None, Some(text)) = (fields.get(name), fields.get(other).and_then(Value::as_str)) {
            let text = json!([text]);
            fields.insert(name.to_owned(), text);
        }
    }
    plain
}

/// A record of the Open Source Vulnerability format (its schema 1.7, field
/// `affected[].ranges[].events`) in GitHub's words.
fn of_osv(record: &Value, affected: &[Value]) -> Value {
    let mut branches = Vec::new();
    for package in affected.iter().take(BRANCHES) {
        let name = package.pointer("/package/name");
        let ecosystem = package.pointer("/package/ecosystem").and_then(Value::as_str).unwrap_or_default();
        let ranges = package.get("ranges").and_then(Value::as_array);
        for range in ranges.into_iter().flatten().filter(|range| range.get("type") != Some(&json!("GIT"))) {
            let mut from = String::new();
            for event in range.get("events").and_then(Value::as_array).into_iter().flatten() {
                let text = |key: &str| event.get(key).and_then(Value::as_str);
                let end = text("fixed").map(|fixed| ("<", fixed));
                let end = end.or_else(|| text("last_affected").map(|last| ("<=", last)));
                if let Some(introduced) = text("introduced") {
                    from = format!(">= {introduced}");
                } else if let Some((sign, version)) = end {
                    branches.push(json!({
                        "package": { "name": name, "ecosystem": ecosystem.to_lowercase() },
                        "vulnerable_version_range": format!("{from}, {sign} {version}").trim_start_matches(", "),
                        "first_patched_version": text("fixed"),
                    }));
                    from.clear();
                }
            }
            if !from.is_empty() {
                branches.push(json!({
                    "package": { "name": name, "ecosystem": ecosystem.to_lowercase() },
                    "vulnerable_version_range": from,
                }));
            }
        }
    }
    let id = record.get("id").and_then(Value::as_str).filter(|id| id.starts_with("GHSA-"));
    json!({
        "ghsa_id": id, "withdrawn_at": record.get("withdrawn"), "summary": record.get("summary"),
        "severity": record.pointer("/database_specific/severity").and_then(Value::as_str).map(str::to_lowercase),
        "vulnerabilities": branches,
    })
}

fn from_alert(alert: &Value) -> Result<Advisory, Unreadable> {
    let of_branch = alert.get("security_vulnerability").ok_or(Unreadable::Field("security_vulnerability"))?;
    let package = alert.pointer("/dependency/package").or_else(|| of_branch.get("package"));
    let (ecosystem, package) = package_of(package.ok_or(Unreadable::Field("dependency.package"))?)?;
    let about = alert.get("security_advisory").ok_or(Unreadable::Field("security_advisory"))?;
    let severity = of_branch.get("severity").or_else(|| about.get("severity"));
    // The alert is about one branch; the others count too, or the target
    // could be a version that another branch calls vulnerable.
    let branches = std::iter::once(of_branch).chain(same_package(about, ecosystem, &package));
    let (vulnerable, patched) = ranges(branches);
    let text = |path: &str| alert.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let alert_number = alert.get("number").and_then(Value::as_u64).ok_or(Unreadable::Field("number"))?;
    checked(Advisory {
        alert: Some(alert_number),
        ghsa: ghsa(about)?,
        ecosystem,
        package,
        manifest: text("/dependency/manifest_path"),
        scope: match text("/dependency/scope").as_str() {
            "runtime" => Some(Scope::Runtime),
            "development" => Some(Scope::Development),
            _ => None,
        },
        severity: severity_of(severity),
        summary: summary(about),
        vulnerable,
        patched,
    })
}

/// A security advisory names no place: the first package that is known here
/// is the one.
fn from_advisory(about: &Value) -> Result<Advisory, Unreadable> {
    let all = branches(about);
    let packages = all.iter().map(|branch| package_of(branch.get("package").unwrap_or(&Value::Null)));
    let mut refused = Unreadable::Field("vulnerabilities");
    let mut known = None;
    for package in packages {
        match package {
            Ok(package) => {
                known = Some(package);
                break;
            }
            Err(why) => refused = why,
        }
    }
    let (ecosystem, package) = known.ok_or(refused)?;
    let (vulnerable, patched) = ranges(same_package(about, ecosystem, &package));
    checked(Advisory {
        alert: None,
        ghsa: ghsa(about)?,
        ecosystem,
        package,
        manifest: String::new(),
        scope: None,
        severity: severity_of(about.get("severity")),
        summary: summary(about),
        vulnerable,
        patched,
    })
}

fn branches(about: &Value) -> &[Value] {
    about.get("vulnerabilities").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn same_package<'a>(
    about: &'a Value,
    ecosystem: Ecosystem,
    package: &'a str,
) -> impl Iterator<Item = &'a Value> {
    branches(about).iter().take(BRANCHES).filter(move |branch| {
        branch
            .get("package")
            .and_then(|named| package_of(named).ok())
            .is_some_and(|(other, name)| other == ecosystem && name == package)
    })
}

fn package_of(package: &Value) -> Result<(Ecosystem, String), Unreadable> {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let ecosystem = match text("ecosystem").ok_or(Unreadable::Field("ecosystem"))? {
        "npm" => Ecosystem::Npm,
        "maven" => Ecosystem::Maven,
        other => return Err(Unreadable::Ecosystem(text::head(&text::plain(other), 40))),
    };
    Ok((ecosystem, text("name").ok_or(Unreadable::Field("package name"))?.to_owned()))
}

/// Vulnerable ranges and first fixed versions, each once, in their order.
fn ranges<'a>(branches: impl Iterator<Item = &'a Value>) -> (Vec<String>, Vec<String>) {
    let (mut vulnerable, mut patched) = (Vec::new(), Vec::new());
    let add = |list: &mut Vec<String>, text: &str| {
        let text = text.trim();
        if !text.is_empty() && !list.iter().any(|known| known == text) {
            list.push(text.to_owned());
        }
    };
    for branch in branches {
        if let Some(range) = branch.get("vulnerable_version_range").and_then(Value::as_str) {
            add(&mut vulnerable, range);
        }
        let fixed = branch.get("first_patched_version").unwrap_or(&Value::Null);
        let fixed = fixed.get("identifier").unwrap_or(fixed);
        match fixed.as_str() {
            Some(version) => add(&mut patched, version),
            // A repository's own advisory has a list, often written as a range.
            None => {
                let listed = branch.get("patched_versions").and_then(Value::as_str).unwrap_or_default();
                for version in listed.split(',') {
                    add(&mut patched, version.trim().trim_start_matches(['>', '=', '^', '~']));
                }
            }
        }
    }
    (vulnerable, patched)
}

/// A severity that nobody has settled yet counts as the mildest.
fn severity_of(severity: Option<&Value>) -> Severity {
    severity.and_then(|severity| serde_json::from_value(severity.clone()).ok()).unwrap_or(Severity::Low)
}

fn summary(about: &Value) -> String {
    text::head(&text::plain(about.get("summary").and_then(Value::as_str).unwrap_or_default()), SUMMARY)
}

/// The advisory's id, unless the advisory was taken back.
fn ghsa(about: &Value) -> Result<String, Unreadable> {
    if about.get("withdrawn_at").is_some_and(|at| !at.is_null()) {
        return Err(Unreadable::Withdrawn);
    }
    Ok(about.get("ghsa_id").and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn checked(mut advisory: Advisory) -> Result<Advisory, Unreadable> {
    let name = |c: char| c.is_ascii_alphanumeric() || "@/._-~:".contains(c);
    let package = &advisory.package;
    if package.is_empty() || package.len() > LENGTH || !package.chars().all(name) {
        return Err(Unreadable::Field("package name"));
    }
    let id = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if advisory.ghsa.len() > 64 || !advisory.ghsa.chars().all(id) {
        return Err(Unreadable::Field("ghsa_id"));
    }
    if !is_relative(&advisory.manifest) {
        return Err(Unreadable::Field("manifest_path"));
    }
    let plain = |text: &String| text.len() <= LENGTH && !text.chars().any(char::is_control);
    if advisory.vulnerable.is_empty() || !advisory.vulnerable.iter().all(plain) {
        return Err(Unreadable::Field("vulnerable_version_range"));
    }
    if !advisory.patched.iter().all(plain) {
        return Err(Unreadable::Field("first_patched_version"));
    }
    advisory.vulnerable.truncate(BRANCHES);
    advisory.patched.truncate(BRANCHES);
    advisory.summary = text::head(&text::plain(&advisory.summary), SUMMARY);
    Ok(advisory)
}

/// Empty, or a path below the repository's root.
fn is_relative(path: &str) -> bool {
    path.len() <= LENGTH
        && !path.starts_with('/')
        && !path.chars().any(char::is_control)
        && !path.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_and_other_forms_are_read_too() {
        let branch = branch("npm", "qs", "< 6.5.3", &json!("6.5.3"));
        let plain = json!({ "package": "qs", "vulnerable_version_range": "< 6.5.3" });
        let events = json!([{ "introduced": "0" }, { "fixed": "6.5.3" }, { "introduced": "7.0.0" }]);
        let osv = json!({
            "id": "GHSA-aaaa", "affected": [{
                "package": { "ecosystem": "npm", "name": "qs" },
                "ranges": [{ "type": "SEMVER", "events": events }],
            }],
        });
        for (json, ranges) in
            [(branch, vec!["< 6.5.3"]), (plain, vec!["< 6.5.3"]), (osv, vec![">= 0, < 6.5.3", ">= 7.0.0"])]
        {
            let read = parse_advisory(&json).unwrap();
            assert_eq!((read.package.as_str(), read.ecosystem), ("qs", Ecosystem::Npm));
            assert_eq!(read.vulnerable, ranges);
        }
        let maven = json!({ "package": "g:a", "vulnerable": ["< 2"] });
        assert_eq!(parse_advisory(&maven).unwrap().ecosystem, Ecosystem::Maven);
    }

    fn branch(ecosystem: &str, name: &str, range: &str, patched: &Value) -> Value {
        json!({
            "package": { "ecosystem": ecosystem, "name": name }, "severity": "high",
            "vulnerable_version_range": range, "first_patched_version": patched,
        })
    }

    fn alert() -> Value {
        let old = branch("npm", "qs", "< 6.5.3", &json!({ "identifier": "6.5.3" }));
        json!({
            "number": 3, "state": "open",
            "dependency": {
                "package": { "ecosystem": "npm", "name": "qs" }, "manifest_path": "package-lock.json",
                "scope": "runtime", "relationship": "transitive",
            },
            "security_advisory": {
                "ghsa_id": "GHSA-aaaa-bbbb-cccc", "summary": "bad\u{1b}[31m", "severity": "medium", "withdrawn_at": null,
                "vulnerabilities": [
                    branch("npm", "qs", ">= 6.7.0, < 6.7.3", &json!({ "identifier": "6.7.3" })),
                    old.clone(),
                    branch("npm", "other", "< 1", &json!({ "identifier": "1.0.0" })),
                    branch("npm", "qs", "= 6.8.0", &Value::Null),
                ],
            },
            "security_vulnerability": old,
        })
    }

    #[test]
    fn an_alert_has_every_branch_of_its_package_and_its_own_comes_first() {
        for json in [alert(), json!({ "action": "created", "alert": alert() })] {
            let read = parse_advisory(&json).unwrap();
            assert_eq!((read.alert, read.ghsa.as_str()), (Some(3), "GHSA-aaaa-bbbb-cccc"));
            assert_eq!((read.package.as_str(), read.manifest.as_str()), ("qs", "package-lock.json"));
            assert_eq!((read.severity, read.scope), (Severity::High, Some(Scope::Runtime)));
            assert_eq!(read.vulnerable, ["< 6.5.3", ">= 6.7.0, < 6.7.3", "= 6.8.0"]);
            assert_eq!(read.patched, ["6.5.3", "6.7.3"]);
            assert_eq!(read.summary, "bad");
        }
    }

    #[test]
    fn an_advisory_without_an_alert_is_read_in_each_of_its_forms() {
        let global = json!({
            "ghsa_id": "GHSA-x", "severity": "moderate",
            "vulnerabilities": [
                branch("pip", "qs", "< 9", &json!("9")),
                branch("maven", "a.b:c", "< 2", &json!("2.0")),
                { "package": { "ecosystem": "maven", "name": "a.b:c" }, "vulnerable_version_range": "= 3", "patched_versions": ">= 3.1, 4.0" },
            ],
        });
        let read = parse_advisory(&global).unwrap();
        assert_eq!((read.ecosystem, read.package.as_str(), read.alert), (Ecosystem::Maven, "a.b:c", None));
        assert_eq!(read.vulnerable, ["< 2", "= 3"]);
        assert_eq!(read.patched, ["2.0", "3.1", "4.0"]);
        assert_eq!(read.severity, Severity::Medium);
        assert_eq!(parse_advisory(&serde_json::to_value(&read).unwrap()).unwrap(), read);
    }

    #[test]
    fn what_nobody_here_can_answer_is_refused_with_the_reason() {
        let change = |path: &str, value: Value| {
            let mut alert = alert();
            *alert.pointer_mut(path).unwrap() = value;
            parse_advisory(&alert).unwrap_err()
        };
        for (path, value, why) in [
            ("/dependency/package/ecosystem", json!("pip"), Unreadable::Ecosystem("pip".into())),
            ("/security_advisory/withdrawn_at", json!("2026-01-01T00:00:00Z"), Unreadable::Withdrawn),
            ("/dependency/package/name", json!("a b"), Unreadable::Field("package name")),
            ("/dependency/manifest_path", json!("../x"), Unreadable::Field("manifest_path")),
            ("/security_advisory/ghsa_id", json!("](http://x)"), Unreadable::Field("ghsa_id")),
            ("/number", json!("3"), Unreadable::Field("number")),
        ] {
            assert_eq!(change(path, value), why, "{path}");
        }
        for bad in [json!(null), json!({}), json!({ "vulnerabilities": [] }), json!({ "alert": 3 })] {
            assert!(parse_advisory(&bad).is_err(), "{bad}");
        }
    }
}
