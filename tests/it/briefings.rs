//! Briefings of real packages, through the real gateway: what broke in well
//! known releases is in them, and who does not use it is told so.

use std::path::Path;

use chaperone::briefing::{self, Affected, Briefing, Question, Source};
use chaperone::change::{Ecosystem, Resolved};
use chaperone::registry::{Caps, Registry, Settings, Source as Upstream};

use super::world::registries;

/// The gateway to the registries of the sessions, with the packages that all
/// tests share.
async fn gateway() -> Registry {
    let lines = registries().await;
    let url = |key: &str| {
        let line = lines.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim_matches([' ', '=', '"']).to_owned()
    };
    let source = |key: &str| Upstream { url: url(key), credentials: None };
    Registry::new(Settings {
        cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages"),
        npm: source("npm"),
        maven: source("maven"),
        min_age: None,
        caps: Caps::default(),
    })
    .unwrap()
}

async fn brief(registry: &Registry, bump: [&str; 3], files: &[(&str, &str)]) -> Briefing {
    let [package, from, to] = bump;
    let ecosystem = if package.contains(':') { Ecosystem::Maven } else { Ecosystem::Npm };
    let resolved = Resolved {
        ecosystem,
        package: package.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        ..Resolved::default()
    };
    let source = |(path, text): &(&str, &str)| Source { path: (*path).to_owned(), text: (*text).to_owned() };
    let sources = files.iter().map(source).collect();
    let question = Question { resolved: &resolved, sources, failing: Vec::new() };
    briefing::brief(registry, question).await.unwrap()
}

/// What a repository must be told.
enum Told<'a> {
    /// It is touched, and this is said.
    Touched(&'a [&'a str]),
    Untouched,
    /// For this reason it cannot be told.
    Unknown(&'a str),
}

use Told::{Touched, Unknown, Untouched};

/// The bump, the repository's file, and what it must be told.
type Case<'a> = ([&'a str; 3], (&'a str, &'a str), Told<'a>);

async fn check(cases: &[Case<'_>]) {
    let registry = gateway().await;
    let mut failed = Vec::new();
    for (bump, file, expected) in cases {
        let briefing = brief(&registry, *bump, &[*file]).await;
        let (affected, text) = (briefing.affected(), briefing.render(briefing::BUDGET));
        let right = match (expected, &affected) {
            (Touched(said), Affected::Some { .. }) => said.iter().all(|said| text.contains(said)),
            (Untouched, Affected::None) => true,
            (Unknown(why), Affected::Unknown { reasons }) => reasons.iter().any(|said| said.contains(why)),
            _ => false,
        };
        if !right || text.len() > briefing::BUDGET {
            failed.push(format!("{bump:?} {} is {affected:?}:\n{text}", file.1));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_broke_in_npm_packages_is_told_to_whom_it_breaks() {
    let chalk = ["chalk", "4.1.2", "5.3.0"];
    let marked = ["marked", "0.8.2", "4.3.0"];
    let uuid = ["uuid", "3.4.0", "9.0.1"];
    let immer = ["immer", "9.0.21", "10.1.1"];
    let express = ["express", "4.18.2", "5.0.0"];
    check(&[
        (
            chalk,
            ("a.js", "const chalk = require('chalk');\nconsole.log(chalk.red('x'));\n"),
            Touched(&["an ES module only", "used: a.js:1", "removed export =", "used: a.js:2"]),
        ),
        (
            marked,
            ("a.js", "const marked = require('marked');\nmodule.exports = (x) => marked(x);\n"),
            Touched(&["removed export =", "used: a.js:2", "added marked"]),
        ),
        (
            uuid,
            ("a.js", "const v4 = require('uuid/v4');\nv4();\n"),
            Touched(&["removed ./v4: *", "used: a.js:1", "BREAKING"]),
        ),
        (
            immer,
            ("a.ts", "import produce from 'immer';\nexport const next = produce({}, (d) => d);\n"),
            Touched(&["removed default", "used: a.ts:2"]),
        ),
        (immer, ("a.ts", "import { isDraft } from 'immer';\nisDraft({});\n"), Untouched),
        (
            express,
            ("a.js", "const express = require('express');\nexpress().del('/x', handle);\n"),
            Touched(&["removed del", "perhaps used: a.js:2", "`app.del` - use `app.delete`"]),
        ),
        (uuid, ("a.js", "const { v4 } = require('uuid');\nv4();\n"), Unknown("has no types")),
        (marked, (".remarkrc", "plugins: [marked]"), Unknown("marked is named in .remarkrc")),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_broke_in_jars_is_told_to_whom_it_breaks() {
    let io = ["commons-io:commons-io", "1.4", "2.11.0"];
    let servlet = ["jakarta.servlet:jakarta.servlet-api", "4.0.4", "5.0.0"];
    let class = |body: &str| format!("package app;\n{body}\n");
    let filter = class("import javax.servlet.Filter;\nabstract class F implements Filter {}");
    let yaml = class(
        "import org.yaml.snakeyaml.constructor.Constructor;\nclass Y { Object c = new Constructor(Y.class); }",
    );
    let reader = class(
        "import org.apache.commons.io.FilenameUtils;\nclass A { String b = FilenameUtils.getName(\"x\"); }",
    );
    check(&[
        (
            servlet,
            ("src/main/java/app/F.java", &filter),
            Touched(&["moved javax.servlet.Filter to jakarta.servlet.Filter", "src/main/java/app/F.java:3"]),
        ),
        (io, ("src/main/java/app/A.java", &reader), Untouched),
        (
            ["junit:junit", "4.8.2", "4.13.2"],
            ("A.java", "import org.junit.Assert;\nclass A { void m() { Assert.assertThat(null, null); } }"),
            Untouched,
        ),
        (
            ["org.yaml:snakeyaml", "1.33", "2.0"],
            ("src/main/java/app/Y.java", &yaml),
            Touched(&[
                "changed org.yaml.snakeyaml.constructor.Constructor.<init>",
                "Constructor(Class, LoaderOptions)",
                "Y.java:3",
                "brings no changelog",
            ]),
        ),
    ])
    .await;
}
