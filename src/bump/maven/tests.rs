//! Whole plans from small poms, with a repository in memory.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use tokio_util::bytes::Bytes;

use super::*;
use crate::advisory::Severity;
use crate::change::{Ecosystem, Step};

/// A Maven repository in memory.
#[derive(Default)]
pub(super) struct Central(BTreeMap<String, Vec<u8>>);

impl Packages for Central {
    fn address(&self, _ecosystem: Ecosystem) -> Option<String> {
        None
    }

    fn fetch<'a>(
        &'a self,
        document: &'a Document,
        _fixing: bool,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Failure>> {
        let Document::MavenFile { path } = document else { panic!("{document:?} is not Maven's") };
        Box::pin(async move { Ok(self.0.get(path).cloned().map(Bytes::from)) })
    }
}

impl Central {
    /// Publishes `g:a:v`, with more of its pom.
    pub(super) fn with(mut self, name: &str, more: &str) -> Self {
        let gav = gav(name);
        let dir = format!("{}/{}", gav.group.replace('.', "/"), gav.artifact);
        let pom = format!("<project>{}{more}</project>", coordinates(name));
        let file = format!("{dir}/{0}/{1}-{0}.pom", gav.version, gav.artifact);
        self.0.insert(file, pom.into_bytes());
        let listing = self.0.entry(format!("{dir}/maven-metadata.xml")).or_insert_with(|| {
            b"<metadata><versioning><versions></versions></versioning></metadata>".to_vec()
        });
        let entry = format!("<version>{}</version></versions>", gav.version);
        *listing = String::from_utf8(listing.clone()).unwrap().replace("</versions>", &entry).into_bytes();
        self
    }

    pub(super) fn all(names: &[&str]) -> Self {
        names.iter().fold(Self::default(), |central, name| central.with(name, ""))
    }

    /// Gives the artifact a jar whose classes need this Java.
    fn jar(mut self, name: &str, java: u8) -> Self {
        let gav = gav(name);
        let bytes = class_file::tests::jar(&[("a/A.class", &class_file::tests::class(java))]);
        let dir = format!("{}/{}/{}", gav.group.replace('.', "/"), gav.artifact, gav.version);
        self.0.insert(format!("{dir}/{}-{}.jar", gav.artifact, gav.version), bytes);
        self
    }
}

fn gav(name: &str) -> model::Gav {
    let mut parts = name.split(':');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    model::Gav { group: part(), artifact: part(), version: part() }
}

fn coordinates(name: &str) -> String {
    let gav = gav(name);
    let version =
        if gav.version.is_empty() { String::new() } else { format!("<version>{}</version>", gav.version) };
    format!("<groupId>{}</groupId><artifactId>{}</artifactId>{version}", gav.group, gav.artifact)
}

pub(super) fn dependencies(names: &[&str]) -> String {
    let entry = |name: &&str| {
        let (name, more) = name.split_once(' ').unwrap_or((name, ""));
        format!("<dependency>{}{more}</dependency>", coordinates(name))
    };
    format!("<dependencies>{}</dependencies>", names.iter().map(entry).collect::<String>())
}

fn management(names: &[&str]) -> String {
    format!("<dependencyManagement>{}</dependencyManagement>", dependencies(names))
}

fn parent(name: &str) -> String {
    format!("<parent>{}</parent>", coordinates(name))
}

const BOM: &str = "<type>pom</type><scope>import</scope>";

pub(super) fn pom(name: &str, more: &str) -> String {
    format!("<project>{}{more}</project>", coordinates(name))
}

pub(super) fn files(poms: &[(&str, String)]) -> Texts {
    poms.iter().map(|(path, text)| ((*path).to_owned(), text.clone())).collect()
}

pub(super) fn advisory(package: &str, vulnerable: &[&str]) -> Advisory {
    Advisory {
        alert: None,
        ghsa: "GHSA-xxxx".to_owned(),
        ecosystem: Ecosystem::Maven,
        package: package.to_owned(),
        manifest: String::new(),
        scope: None,
        severity: Severity::High,
        summary: String::new(),
        vulnerable: vulnerable.iter().map(|range| (*range).to_owned()).collect(),
        patched: vec![],
    }
}

struct Asked<'a> {
    files: Texts,
    central: Central,
    package: &'a str,
    vulnerable: &'a [&'a str],
    release: u64,
}

impl Asked<'_> {
    async fn plan(&self) -> Result<Plan, Failure> {
        let (package, version) = match self.package.split_once('@') {
            Some((package, version)) => (package, Some(version.to_owned())),
            None => (self.package, None),
        };
        let advisories: Vec<Advisory> =
            if self.vulnerable.is_empty() { vec![] } else { vec![advisory(package, self.vulnerable)] };
        let bumps = [Bump { package: package.to_owned(), version }];
        let runtime = Runtime::Jdk { major: 17, release: Some(self.release) };
        let question =
            Question { files: &self.files, bumps: &bumps, advisories: &advisories, runtime: &runtime };
        plan(&question, &self.central).await
    }
}

async fn planned(
    files: Texts,
    central: Central,
    package: &str,
    vulnerable: &[&str],
) -> Result<Plan, Failure> {
    Asked { files, central, package, vulnerable, release: 11 }.plan().await
}

fn one(more: &str) -> Texts {
    files(&[("pom.xml", pom("com.example:app:1", more))])
}

fn told(plan: &Plan) -> (Step, &str, &str) {
    (plan.resolved.step, &plan.resolved.from, &plan.resolved.to)
}

#[tokio::test]
async fn an_ordinary_bump_goes_to_the_newest_release_of_its_flavour() {
    for (current, published, to) in [
        ("1.0", &["1.1", "2.0", "3.0-rc-1", "4.0-SNAPSHOT"][..], "2.0"),
        ("30.0-jre", &["31.0-jre", "32.0-android"], "31.0-jre"),
        ("9.2.0.jre8", &["9.3.0.jre8", "9.4.0.jre11"], "9.3.0.jre8"),
        ("1.0-beta-1", &["1.0-beta-2", "1.0"], "1.0"),
    ] {
        let mut names = vec![format!("g:a:{current}")];
        names.extend(published.iter().map(|version| format!("g:a:{version}")));
        let central = Central::all(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let plan = planned(one(&dependencies(&[&names[0]])), central, "g:a", &[]).await.unwrap();
        assert_eq!(told(&plan), (Step::Direct, current, to));
        assert!(plan.manifests["pom.xml"].contains(&format!("<version>{to}</version>")), "{to}");
    }
}

#[tokio::test]
async fn every_request_that_cannot_be_met_has_its_outcome() {
    let declared = one(&dependencies(&["g:a:1.5", "g:s:1-SNAPSHOT", "g:local:1 <scope>system</scope>"]));
    for (asked, outcome) in [
        ("g:a@1.5", Outcome::AlreadyCurrent),
        ("g:a@1.0", Outcome::DeclinedPolicy),
        ("g:a@9", Outcome::NoSafeVersion),
        ("g:s", Outcome::DeclinedPolicy),
        ("g:local", Outcome::DeclinedPolicy),
        ("g:missing", Outcome::DeclinedPolicy),
        ("missing", Outcome::DeclinedPolicy),
    ] {
        let central = Central::all(&["g:a:1.0", "g:a:1.5"]);
        let failure = planned(declared.clone(), central, asked, &[]).await.unwrap_err();
        assert_eq!(failure.outcome(), outcome, "{asked}: {failure}");
    }
    let failure = planned(declared, Central::default(), "g:a", &[]).await.unwrap_err();
    assert_eq!(failure.outcome(), Outcome::NoSafeVersion, "an artifact that no repository has");
}

#[tokio::test]
async fn poms_that_cannot_be_read_are_told_by_name() {
    let circle = "<properties><a>${b}</a><b>${a}</b></properties>";
    for (more, central, words) in [
        (format!("{circle}{}", dependencies(&["g:a:${a}"])), Central::all(&["g:a:1"]), "a → b → a"),
        (
            parent("no:where:1") + &dependencies(&["g:a:1"]),
            Central::all(&["g:a:1"]),
            "the parent no:where:1 of pom.xml",
        ),
        (
            management(&[&format!("no:bom:1 {BOM}")]) + &dependencies(&["g:a:1"]),
            Central::all(&["g:a:1"]),
            "bill of materials no:bom:1 of pom.xml",
        ),
    ] {
        let failure = planned(one(&more), central, "g:a", &[]).await.unwrap_err();
        assert!(failure.public().contains(words), "{failure}");
    }
    let failure = planned(Texts::new(), Central::default(), "g:a", &[]).await.unwrap_err();
    assert_eq!(failure.outcome(), Outcome::EditFailed);
    let broken = files(&[("pom.xml", "<project>".to_owned())]);
    assert!(planned(broken, Central::default(), "g:a", &[]).await.unwrap_err().public().contains("pom.xml"));
}

#[tokio::test]
async fn what_shares_a_property_moves_together_or_not_at_all() {
    let declared =
        one(&("<properties><v>1.0</v></properties>".to_owned() + &dependencies(&["g:a:${v}", "h:b:${v}"])));
    let published = ["g:a:1.0", "g:a:1.1", "g:a:1.2", "h:b:1.0", "h:b:1.1"];
    let plan = planned(declared.clone(), Central::all(&published), "g:a", &[]).await.unwrap();
    assert_eq!(plan.resolved.to, "1.1", "the newest one that both have");
    assert_eq!(plan.resolved.others[0].package, "h:b");
    assert!(plan.manifests["pom.xml"].contains("<v>1.1</v>"));
    let failure = planned(declared, Central::all(&published), "g:a@1.2", &[]).await.unwrap_err();
    assert!(failure.public().contains("h:b shares its property"), "{failure}");
}

#[tokio::test]
async fn a_jar_that_needs_a_newer_java_lowers_the_bump_or_declines_it() {
    let central = || {
        Central::all(&["g:a:1", "g:a:2", "g:a:3", "g:a:4", "g:a:5"])
            .jar("g:a:1", 8)
            .jar("g:a:2", 8)
            .jar("g:a:3", 11)
            .jar("g:a:4", 17)
            .jar("g:a:5", 17)
    };
    for (release, asked, expected) in [
        (17, "g:a", Ok("5")),
        (11, "g:a", Ok("3")),
        (8, "g:a", Ok("2")),
        (11, "g:a@4", Err("a 4 needs Java 17; this repository compiles for 11")),
    ] {
        let files = one(&dependencies(&["g:a:1"]));
        let asked = Asked { files, central: central(), package: asked, vulnerable: &[], release };
        let found = asked.plan().await;
        match expected {
            Ok(version) => assert_eq!(found.unwrap().resolved.to, version, "{release}"),
            Err(why) => assert!(found.unwrap_err().public().contains(why), "{release}"),
        }
    }
}

#[tokio::test]
async fn families_move_together() {
    let jackson = ["com.fasterxml.jackson.core:core:2.1", "com.fasterxml.jackson.datatype:time:2.1"];
    let central = Central::all(&jackson)
        .with("com.fasterxml.jackson.core:core:2.2", "")
        .with("com.fasterxml.jackson.datatype:time:2.2", "");
    let plan = planned(one(&dependencies(&jackson)), central, "core", &[]).await.unwrap();
    assert_eq!(plan.resolved.others[0].package, "com.fasterxml.jackson.datatype:time");
    assert_eq!(plan.manifests["pom.xml"].matches("2.2").count(), 2);

    let logging = ["org.slf4j:slf4j-api:1.7.36", "ch.qos.logback:logback-classic:1.2.3"];
    for (release, logback) in [(8, "1.3.9"), (11, "1.5.6")] {
        let central = Central::all(&logging)
            .with("org.slf4j:slf4j-api:2.0.9", "")
            .with("ch.qos.logback:logback-classic:1.3.9", "")
            .with("ch.qos.logback:logback-classic:1.5.6", "");
        let files = one(&dependencies(&logging));
        let asked = Asked { files, central, package: "slf4j-api", vulnerable: &[], release };
        assert_eq!(asked.plan().await.unwrap().resolved.others[0].to, logback, "Java {release}");
    }
}

#[tokio::test]
async fn what_a_parent_sets_is_bumped_by_its_property_or_at_the_parent() {
    let settable =
        "<properties><a.version>1</a.version></properties>".to_owned() + &management(&["g:a:${a.version}"]);
    let fixed = management(&["g:a:1"]);
    for (managed, expected) in
        [(settable, Ok("<a.version>2</a.version>")), (fixed, Err("comes from p:parent:1"))]
    {
        let central = Central::all(&["g:a:1", "g:a:2"]).with("p:parent:1", &managed);
        let child = one(&(parent("p:parent:1") + &dependencies(&["g:a:"])));
        let found = planned(child, central, "g:a", &[]).await;
        match expected {
            Ok(text) => assert!(found.unwrap().manifests["pom.xml"].contains(text), "{text}"),
            Err(why) => assert!(found.unwrap_err().public().contains(why), "{why}"),
        }
    }
}

const BAD: &[&str] = &["< 1.5"];

/// `g:bad` at 1.0 is vulnerable; 1.5 and 2.0 are not.
fn faulty() -> Central {
    Central::all(&["g:bad:1.0", "g:bad:1.4", "g:bad:1.5", "g:bad:1.6", "g:bad:2.0"])
}

#[tokio::test]
async fn a_declared_vulnerable_artifact_goes_to_the_lowest_safe_release() {
    for (vulnerable, to) in [(&["< 1.5"][..], "1.5"), (&["< 1.5", "= 1.5"], "1.6"), (&["< 2"], "2.0")] {
        let plan = planned(one(&dependencies(&["g:bad:1.0"])), faulty(), "g:bad", vulnerable).await.unwrap();
        assert_eq!(told(&plan), (Step::Direct, "1.0", to));
    }
    let failure =
        planned(one(&dependencies(&["g:bad:1.0"])), faulty(), "g:bad", &[">= 0"]).await.unwrap_err();
    assert_eq!(failure.outcome(), Outcome::NoSafeVersion);
    assert!(failure.public().contains("no fixed version was published"));
    let safe = planned(one(&dependencies(&["g:bad:1.6"])), faulty(), "g:bad", BAD).await.unwrap_err();
    assert_eq!(safe.outcome(), Outcome::AlreadyCurrent);
}

#[tokio::test]
async fn the_lightest_step_that_is_proven_is_taken() {
    let bom = |version: &str| management(&[&format!("g:bad:{version}")]);
    let boms = || {
        faulty()
            .with("g:bom:1.0", &bom("1.0"))
            .with("g:bom:1.1", &bom("1.4"))
            .with("g:bom:1.2", &bom("1.5"))
            .with("g:bom:1.3", &bom("1.6"))
    };
    let lib = |central: Central, version: &str, bad: &str| {
        central.with(&format!("g:lib:{version}"), &dependencies(&[&format!("g:bad:{bad}")]))
    };
    let property = |bad: &str| {
        format!(
            "<properties><bad.version>{bad}</bad.version></properties>{}",
            management(&["g:bad:${bad.version}"])
        )
    };
    let uses = dependencies(&["g:lib:1.0"]);
    let imports = management(&[&format!("g:bom:1.0 {BOM}")]) + &dependencies(&["g:bad:"]);
    for (files, central, step, to, text) in [
        (one(&imports), boms(), Step::BomBump, "1.5", "<artifactId>bom</artifactId><version>1.2<"),
        (
            one(&(parent("g:par:1.0") + &dependencies(&["g:bad:"]))),
            faulty().with("g:par:1.0", &property("1.0")),
            Step::BomProperty,
            "1.5",
            "<bad.version>1.5</bad.version>",
        ),
        (
            one(&uses),
            lib(lib(lib(faulty(), "1.0", "1.0"), "1.1", "1.4"), "1.2", "1.6"),
            Step::AncestorBump,
            "1.6",
            "<artifactId>lib</artifactId><version>1.2<",
        ),
        (
            one(&uses),
            lib(lib(faulty(), "1.0", "1.0"), "2.0", "1.6"),
            Step::ManagedPin,
            "1.5",
            "<artifactId>bad</artifactId><version>1.5<",
        ),
    ] {
        let plan = planned(files, central, "g:bad", BAD).await.unwrap();
        assert_eq!(told(&plan), (step, "1.0", to));
        assert!(plan.manifests["pom.xml"].contains(text), "{step:?}: {}", plan.manifests["pom.xml"]);
    }
}

#[tokio::test]
async fn a_pin_goes_into_the_pom_that_owns_the_management_of_all_affected_modules() {
    let module = |name: &str, uses: &[&str]| {
        pom(&format!("com.example:{name}:"), &(parent("com.example:root:1") + &dependencies(uses)))
    };
    let root = pom(
        "com.example:root:1",
        &("<packaging>pom</packaging><modules><module>a</module><module>b</module></modules>".to_owned()
            + &management(&["g:other:1"])),
    );
    let files = files(&[
        ("pom.xml", root),
        ("a/pom.xml", module("a", &["g:lib:1.0"])),
        ("b/pom.xml", module("b", &["com.example:a:1"])),
        ("a/src/test/resources/pom.xml", "<project><broken".to_owned()),
    ]);
    let central = faulty().with("g:lib:1.0", &dependencies(&["g:bad:1.0"])).with("g:other:1", "");
    let plan = planned(files, central, "g:bad", BAD).await.unwrap();
    assert_eq!(told(&plan), (Step::ManagedPin, "1.0", "1.5"));
    assert_eq!(plan.manifests.keys().collect::<Vec<_>>(), ["pom.xml"]);
    assert!(plan.resolved.reasons.iter().any(|reason| reason.contains("b > a:1 > lib:1.0 > bad:1.0")));
}

#[tokio::test]
async fn a_direct_bump_is_completed_where_another_module_uses_a_vulnerable_copy() {
    let module = |name: &str, uses: &[&str]| {
        pom(&format!("com.example:{name}:"), &(parent("com.example:root:1") + &dependencies(uses)))
    };
    let root = pom(
        "com.example:root:1",
        "<packaging>pom</packaging><modules><module>a</module><module>b</module></modules>",
    );
    let files = files(&[
        ("pom.xml", root),
        ("a/pom.xml", module("a", &["g:bad:1.0"])),
        ("b/pom.xml", module("b", &["g:lib:1.0"])),
    ]);
    let central = faulty().with("g:lib:1.0", &dependencies(&["g:bad:1.0"]));
    let plan = planned(files, central, "g:bad", BAD).await.unwrap();
    assert_eq!(told(&plan), (Step::Direct, "1.0", "1.5"));
    assert_eq!(plan.manifests.keys().collect::<Vec<_>>(), ["a/pom.xml", "pom.xml"]);
}

#[tokio::test]
async fn several_packages_are_one_plan() {
    let files = one(&dependencies(&["g:a:1", "h:b:1", "i:c:1"]));
    let central = Central::all(&["g:a:1", "g:a:2", "h:b:1", "i:c:1", "i:c:3"]);
    let bumps = ["g:a", "h:b", "c"].map(|package| Bump { package: package.to_owned(), version: None });
    let runtime = Runtime::Jdk { major: 17, release: None };
    let question = Question { files: &files, bumps: &bumps, advisories: &[], runtime: &runtime };
    let plan = plan(&question, &central).await.unwrap();
    assert_eq!((plan.resolved.package.as_str(), plan.resolved.to.as_str()), ("g:a", "2"));
    let others: Vec<&str> = plan.resolved.others.iter().map(|other| other.package.as_str()).collect();
    assert_eq!(others, ["i:c"], "what is in place already is left out");
}

#[tokio::test]
async fn a_version_may_come_through_a_parent_and_the_command_line() {
    let root = pom(
        "com.example:root:${revision}",
        "<packaging>pom</packaging><modules><module>a</module></modules><properties><v>1</v></properties>",
    );
    let child =
        pom("com.example:a:", &(parent("com.example:root:${revision}") + &dependencies(&["g:a:${v}"])));
    let files =
        files(&[("pom.xml", root), ("a/pom.xml", child), (".mvn/maven.config", "-Drevision=5\n".to_owned())]);
    let plan = planned(files, Central::all(&["g:a:1", "g:a:2"]), "g:a", &[]).await.unwrap();
    assert!(plan.manifests["pom.xml"].contains("<v>2</v>"));
}

#[tokio::test]
async fn a_parent_that_drops_what_is_used_is_not_taken() {
    let central = Central::all(&["g:a:1"]).with("p:parent:1", &management(&["g:a:1"])).with("p:parent:2", "");
    let child = one(&(parent("p:parent:1") + &dependencies(&["g:a:"])));
    let failure = planned(child, central, "p:parent", &[]).await.unwrap_err();
    assert!(failure.public().contains("nothing sets the version of g:a of pom.xml"), "{failure}");
}

#[tokio::test]
async fn a_major_of_the_ancestor_is_the_last_resort_and_a_downgrade_is_none() {
    let holds =
        |version: &str, bad: &str| (format!("g:lib:{version}"), dependencies(&[&format!("g:bad:{bad}")]));
    // A pin is possible here, so the major is not taken.
    let (one_name, one_uses) = holds("1.0", "1.0");
    let (two_name, two_uses) = holds("2.0", "1.5");
    let central = faulty().with(&one_name, &one_uses).with(&two_name, &two_uses);
    let plan = planned(one(&dependencies(&["g:lib:1.0"])), central, "g:bad", BAD).await.unwrap();
    assert_eq!(plan.resolved.step, Step::ManagedPin);
    // A release that brings in a lower version of something else is passed over.
    let central = Central::all(&["g:bad:1.0", "g:bad:1.5", "g:x:1", "g:x:2"])
        .with("g:lib:1.0", &dependencies(&["g:bad:1.0", "g:x:2"]))
        .with("g:lib:1.1", &dependencies(&["g:bad:1.5", "g:x:1"]));
    let plan = planned(one(&dependencies(&["g:lib:1.0"])), central, "g:bad", BAD).await.unwrap();
    assert_eq!(plan.resolved.step, Step::ManagedPin);
}

#[tokio::test]
async fn a_copy_that_a_range_holds_back_is_lifted_by_a_pin() {
    let central = faulty().with("g:lib:1.0", &dependencies(&["g:bad:[1.0,1.5)"]));
    let plan = planned(one(&dependencies(&["g:lib:1.0"])), central, "g:bad", BAD).await.unwrap();
    assert_eq!(told(&plan), (Step::ManagedPin, "1.4", "1.5"));
}

#[tokio::test]
async fn only_poms_that_the_build_reaches_are_edited() {
    let files = files(&[
        ("pom.xml", pom("com.example:app:1", &dependencies(&["g:a:1"]))),
        ("src/test/resources/fixture/pom.xml", pom("com.example:fixture:1", &dependencies(&["g:a:1"]))),
        ("src/test/resources/broken/pom.xml", "<project><broken".to_owned()),
    ]);
    let plan = planned(files, Central::all(&["g:a:1", "g:a:2"]), "g:a", &[]).await.unwrap();
    assert_eq!(plan.manifests.keys().collect::<Vec<_>>(), ["pom.xml"]);
}

#[tokio::test]
async fn a_profile_of_this_system_counts_and_one_of_another_does_not() {
    let profile = |os: &str, uses: &str| {
        format!("<profile><activation><os>{os}</os></activation>{}</profile>", dependencies(&[uses]))
    };
    let lib = format!(
        "<profiles>{}{}</profiles>",
        profile("<name>linux</name>", "g:bad:1.0"),
        profile("<family>windows</family>", "g:worse:1.0")
    );
    let central = faulty().with("g:lib:1.0", &lib).with("g:worse:1.0", "");
    let uses = one(&dependencies(&["g:lib:1.0"]));
    let plan = planned(uses.clone(), central, "g:bad", BAD).await.unwrap();
    assert_eq!(plan.resolved.step, Step::ManagedPin);
    let central = faulty().with("g:lib:1.0", &lib).with("g:worse:1.0", "");
    let failure = planned(uses, central, "g:worse", &["< 2"]).await.unwrap_err();
    assert!(failure.public().contains("find g:worse among the dependencies of any module"), "{failure}");
}
