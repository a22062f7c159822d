//! Briefings of real packages, through the real gateway: what broke in well
//! known releases is in them, and who does not use it is told so.

use std::path::Path;
use std::time::Instant;

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
    let started = Instant::now();
    let question = Question { resolved: &resolved, sources, failing: Vec::new() };
    let briefing = briefing::brief(registry, question).await.unwrap();
    let bytes = briefing.render(briefing::BUDGET).len();
    println!("{package} {from} to {to}: {} ms, {bytes} bytes", started.elapsed().as_millis());
    briefing
}

/// The bump, the repository's file, whether it is touched, and what must be
/// said; a repository that is not touched is told `None`.
type Case<'a> = ([&'a str; 3], (&'a str, &'a str), Option<&'a [&'a str]>);

async fn check(cases: &[Case<'_>]) {
    let registry = gateway().await;
    let mut failed = Vec::new();
    for (bump, file, expected) in cases {
        let briefing = brief(&registry, *bump, &[*file]).await;
        let (affected, text) = (briefing.affected(), briefing.render(briefing::BUDGET));
        let right = match expected {
            Some(said) => {
                matches!(affected, Affected::Some { .. }) && said.iter().all(|said| text.contains(said))
            }
            None => affected == Affected::None,
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
    check(&[
        (
            chalk,
            ("a.js", "const chalk = require('chalk');\nconsole.log(chalk.red('x'));\n"),
            Some(&["an ES module only", "used: a.js:1", "removed export =", "used: a.js:2"]),
        ),
        (
            marked,
            ("a.js", "const marked = require('marked');\nmodule.exports = (x) => marked(x);\n"),
            Some(&["removed export =", "used: a.js:2", "added marked"]),
        ),
        (
            uuid,
            ("a.js", "const v4 = require('uuid/v4');\nv4();\n"),
            Some(&["removed ./v4: *", "used: a.js:1", "BREAKING"]),
        ),
        (uuid, ("a.js", "const { v4 } = require('uuid');\nv4();\n"), None),
        (marked, ("a.js", "const { Lexer } = require('marked');\nLexer.lex('x');\n"), None),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_broke_in_jars_is_told_to_whom_it_breaks() {
    let io = ["commons-io:commons-io", "1.4", "2.11.0"];
    let servlet = ["jakarta.servlet:jakarta.servlet-api", "4.0.4", "5.0.0"];
    let class = |body: &str| format!("package app;\n{body}\n");
    let filter = class("import javax.servlet.Filter;\nabstract class F implements Filter {}");
    let cleaner = class(
        "import org.apache.commons.io.FileCleaner;\nclass A { void m() { FileCleaner.track(null, null); } }",
    );
    let reader = class(
        "import org.apache.commons.io.FilenameUtils;\nclass A { String b = FilenameUtils.getName(\"x\"); }",
    );
    check(&[
        (
            servlet,
            ("src/main/java/app/F.java", &filter),
            Some(&["moved javax.servlet.Filter to jakarta.servlet.Filter", "src/main/java/app/F.java:3"]),
        ),
        (io, ("src/main/java/app/A.java", &reader), None),
        (
            ["junit:junit", "4.8.2", "4.13.2"],
            ("A.java", "import org.junit.Assert;\nclass A { void m() { Assert.assertThat(null, null); } }"),
            None,
        ),
        (io, ("src/main/java/app/A.java", &cleaner), None),
    ])
    .await;
}
