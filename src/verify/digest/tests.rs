//! Logs in, causes out: every tool in short.

mod maven;
mod npm;

use std::collections::HashMap;

use futures_util::future::BoxFuture;

use super::*;
use crate::exec::{Command, Exec, Output};
use crate::failure::Failure;

/// A log must get a category, and its first line must hold some words.
pub(super) fn check(tool: Tool, log: &str, category: Category, first: &str) -> Summary {
    let summary = summarize(tool, log);
    assert_eq!(summary.category, category, "{:#?}\n{log}", summary.lines);
    assert!(summary.lines[0].contains(first), "{first:?} is not first: {:#?}\n{log}", summary.lines);
    assert!(summary.lines.len() <= LINES, "{}", summary.lines.len());
    summary
}

fn cause(kind: Category, message: &str) -> Cause {
    Cause::new(kind, message)
}

#[test]
fn what_differs_in_its_names_only_is_one_cause() {
    let causes = distinct([
        cause(Category::Compilation, "package com.acme.old does not exist").at("a/A.java", Some(3)),
        cause(Category::Compilation, "package com.acme.io does not exist").at("a/B.java", Some(4)),
        cause(Category::Compilation, "TS2339: Property 'a' does not exist on type 'T'."),
        cause(Category::Compilation, "TS2304: Cannot find name 'a'."),
        cause(Category::Compilation, "TS2339: Property 'b' does not exist on type 'U'."),
    ]);
    let lines = render(&causes);
    assert_eq!(
        lines,
        [
            "a/A.java:3 package com.acme.old does not exist; also com.acme.io; also at a/B.java:4 (×2)",
            "TS2339: Property 'a' does not exist on type 'T'.; also b, U (×2)",
            "TS2304: Cannot find name 'a'.",
        ]
    );
}

#[test]
fn what_throws_is_no_name() {
    let one = mask::mask("NoSuchMethodError: 'int a.B.c()'");
    assert_eq!(one, mask::mask("NoSuchMethodError: 'void d.E.f(int)'"));
    assert_ne!(one, mask::mask("NoClassDefFoundError: 'int a.B.c()'"));
    assert_ne!(mask::mask("TS2339: no"), mask::mask("TS2304: no"));
    assert_ne!(mask::mask("cannot find symbol"), mask::mask("incompatible types"));
}

#[test]
fn the_deepest_cause_stands_first() {
    use Category::{ClassVersion, Compilation, DependencyResolution, Enforcer, Lint, Test};
    let kinds = [Lint, Test, Compilation, Enforcer, DependencyResolution, ClassVersion];
    let causes = distinct(kinds.map(|kind| cause(kind, "said")));
    let order: Vec<Category> = causes.iter().map(|cause| cause.kind).collect();
    assert_eq!(order, [ClassVersion, DependencyResolution, Enforcer, Compilation, Test, Lint]);
}

#[test]
fn a_summary_has_an_end() {
    let words = ["alpha", "beta", "gamma", "delta", "zeta"];
    let said = |n: usize| format!("{} {} failed badly", words[n % 5], words[n / 5]);
    let causes: Vec<Cause> = (0..20).map(|n| cause(Category::Lint, &said(n))).collect();
    let lines = render(&causes);
    assert_eq!(lines.len(), CAUSES + 1);
    assert_eq!(lines.last().unwrap(), "and 8 more distinct causes");
    let long = cause(Category::Test, &"long ".repeat(500));
    assert!(render(&[long])[0].len() <= LINE + 4);
    let deep = format!("head{}", "\nbelow".repeat(50));
    let deep: Vec<Cause> = words.map(|word| cause(Category::Enforcer, &format!("{word} {deep}"))).to_vec();
    assert!(render(&[deep.clone(), deep.clone(), deep].concat()).len() <= LINES);
}

#[test]
fn paths_into_packages_and_the_local_repository_are_short() {
    for (said, expected) in [
        ("in /work/node_modules/chalk/source/index.js:3", "in node_modules/chalk/…"),
        ("/work/node_modules/.pnpm/@a+b@1/node_modules/@a/b/c.js broke", "node_modules/@a/b/… broke"),
        (
            "bad class file: /root/.m2/repository/a/b/1/b-1.jar(/a/B.class)",
            "bad class file: b-1.jar(/a/B.class)",
        ),
        ("open '/work/src/a.js'", "open 'src/a.js'"),
    ] {
        assert_eq!(cause(Category::Test, said).message, expected);
    }
    let inside = cause(Category::Test, "x").at("/work/node_modules/a/b.js", Some(1));
    assert_eq!((inside.file, inside.line), (None, None));
}

#[test]
fn nothing_that_moves_a_cursor_gets_through() {
    let log = "\u{1b}[31merror\u{1b}[0m\nsrc/a.ts(1,2): error TS1: \u{1b}]0;x\u{7}\u{1b}[2Jsaid\u{8}\u{202e} this\r\n";
    let summary = summarize(Tool::Npm, log);
    assert_eq!(summary.lines, ["src/a.ts:1 TS1: said this"]);
}

#[test]
fn a_log_of_ten_megabytes_is_read_in_time() {
    let noise = "2026-01-01 12:00:00 INFO some.Service - handled request in 15 ms\n";
    let mut log = noise.repeat(160_000);
    log.push_str("[ERROR] /work/A.java:[1,2] cannot find symbol\n  symbol: class B\n");
    let started = std::time::Instant::now();
    let summary = summarize(Tool::Maven, &log);
    assert_eq!(summary.lines[0], "A.java:1 cannot find symbol: class B");
    // Without optimisation this only catches what grows faster than the log.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

/// A tree of files, and nothing that runs.
struct Files(HashMap<&'static str, &'static str>);

impl Exec for Files {
    fn run(&self, _: Command) -> BoxFuture<'_, Result<Output, Failure>> {
        panic!("nothing is run to quote a file")
    }

    fn write<'a>(&'a self, _: &'a str, _: &'a [u8]) -> BoxFuture<'a, Result<(), Failure>> {
        panic!("nothing is written to quote a file")
    }

    fn read<'a>(&'a self, path: &'a str, _: usize) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        assert!(!path.contains("..") && !path.starts_with('/'), "{path} is outside");
        let file = self.0.get(path).map(|text| text.as_bytes().to_vec());
        Box::pin(async move { Ok(file) })
    }
}

#[tokio::test]
async fn two_lines_of_source_stand_below_a_cause() {
    let files = Files(HashMap::from([
        ("src/a.ts", "one\nt\u{1b}[31mwo\nthree\nfour\n"),
        ("src/test/java/app/ATest.java", "class ATest {\n}\n"),
    ]));
    let log = "src/a.ts(2,1): error TS2304: Cannot find name 'x'.\n../b.ts(1,1): error TS2305: no.\n/etc/c.ts(1,1): error TS2306: no, never.\n";
    let quoted = quote(&files, summarize(Tool::Npm, log)).await.unwrap();
    assert_eq!(
        quoted.lines[..3],
        ["src/a.ts:2 TS2304: Cannot find name 'x'.", "    2 | two", "    3 | three"]
    );
    assert_eq!(quoted.lines.len(), 5, "{:#?}", quoted.lines);
    let failed = "[ERROR] app.ATest.m  Time elapsed: 0 s  <<< ERROR!\njava.lang.IllegalStateException: no\n\tat app.ATest.m(ATest.java:1)\n\n\
        [ERROR] Failed to execute goal org.apache.maven.plugins:maven-surefire-plugin:3.2.5:test (default-test) on project a: There are test failures.\n";
    let quoted = quote(&files, summarize(Tool::Maven, failed)).await.unwrap();
    assert_eq!(
        quoted.lines,
        [
            "app/ATest.java:1 IllegalStateException: no",
            "    1 | class ATest {",
            "    2 | }",
            "failed: maven-surefire-plugin:3.2.5:test on project a",
        ]
    );
}
