//! What Maven and its plugins print.

use super::super::*;
use super::check;

const CENTRAL: &str = "org.apache.maven.plugins";

/// The line that says which goal failed.
fn failed(plugin: &str, said: &str) -> String {
    format!(
        "[INFO] BUILD FAILURE\n[ERROR] Failed to execute goal {plugin} (default) on project a: {said} -> [Help 1]\n[ERROR] \n[ERROR] To see the full stack trace of the errors, re-run\n[ERROR] [Help 1] x\n"
    )
}

#[test]
fn what_failed_is_what_the_goal_checks() {
    use Category::{Compilation, DependencyLock, DependencyResolution, Enforcer, Test};
    for (plugin, category) in [
        ("org.apache.maven.plugins:maven-compiler-plugin:3.13.0:testCompile", Compilation),
        ("org.jetbrains.kotlin:kotlin-maven-plugin:2.0.0:compile", Compilation),
        ("net.alchim31.maven:scala-maven-plugin:4.9.0:compile", Compilation),
        ("org.codehaus.gmavenplus:gmavenplus-plugin:3.0.2:compile", Compilation),
        ("io.takari.maven.plugins:takari-lifecycle-plugin:2.0.0:compile", Compilation),
        ("org.apache.maven.plugins:maven-surefire-plugin:3.2.5:test", Test),
        ("org.apache.maven.plugins:maven-failsafe-plugin:3.2.5:verify", Test),
        ("com.carrotsearch.randomizedtesting:junit4-maven-plugin:2.8.1:junit4", Test),
        ("org.apache.maven.plugins:maven-enforcer-plugin:3.5.0:enforce", Enforcer),
        ("org.jenkins-ci.tools:maven-hpi-plugin:3.43:validate-hpi", Enforcer),
        ("com.github.spotbugs:spotbugs-maven-plugin:4.8.6:check", Enforcer),
        ("com.mycila:license-maven-plugin:4.5:check", Enforcer),
        ("org.codehaus.mojo:animal-sniffer-maven-plugin:1.24:check", Enforcer),
        ("com.github.siom79.japicmp:japicmp-maven-plugin:0.23:cmp", Enforcer),
        ("se.vandmo:dependency-lock-maven-plugin:1.0:check", DependencyLock),
        ("org.apache.maven.plugins:maven-dependency-plugin:3.7:resolve", DependencyResolution),
        ("org.example:unheard-of-maven-plugin:1:generate", Category::Unknown),
    ] {
        check(Tool::Maven, &failed(plugin, "it says no"), category, "it says no");
    }
    let gone = "Could not resolve dependencies for project x:a:jar:1: Could not find artifact b:c:jar:9 in central (https://repo.example/maven2)";
    let log = format!("[ERROR] Failed to execute goal on project a: {gone} -> [Help 1]\n");
    let summary =
        check(Tool::Maven, &log, DependencyResolution, "Could not find artifact b:c:jar:9 in central");
    assert!(!summary.lines[0].contains("https"), "{:?}", summary.lines);
    let provider =
        failed(&format!("{CENTRAL}:maven-surefire-plugin:3.2.5:test"), "Could not find artifact p:q:jar:1");
    check(Tool::Maven, &provider, DependencyResolution, "p:q:jar:1");
}

#[test]
fn a_wrong_class_version_explains_the_symbols_after_it() {
    let errors = "[ERROR] COMPILATION ERROR : \n[ERROR] /work/src/main/java/a/A.java:[9,1] cannot find symbol\n  symbol:   class B\n  location: class a.A\n\
        [ERROR] /work/src/main/java/a/A.java:[3,1] cannot access b.B\n  bad class file: /home/u/.m2/repository/b/b/2/b-2.jar(/b/B.class)\n    class file has wrong version 65.0, should be 61.0\n    Please remove\n";
    let log = format!(
        "{errors}[INFO] 2 errors\n{}",
        failed(&format!("{CENTRAL}:maven-compiler-plugin:3.13.0:compile"), "Compilation failure: ") + errors
    );
    let summary =
        check(Tool::Maven, &log, Category::Compilation, "A.java:3 class file has wrong version 65.0");
    assert_eq!(summary.causes[0].kind, Category::ClassVersion);
    assert_eq!(
        summary.lines,
        [
            "src/main/java/a/A.java:3 class file has wrong version 65.0, should be 61.0 (it needs Java 21, Java 17 is used) in b-2.jar(/b/B.class)",
            "src/main/java/a/A.java:9 cannot find symbol: class B in class a.A",
            "failed: maven-compiler-plugin:3.13.0:compile on project a",
        ]
    );
    let release = failed(
        &format!("{CENTRAL}:maven-compiler-plugin:3.13.0:compile"),
        "Fatal error compiling: error: release version 99 not supported",
    );
    let summary = check(Tool::Maven, &release, Category::Compilation, "release version 99 not supported");
    assert_eq!(summary.causes[0].kind, Category::ClassVersion);
}

#[test]
fn warnings_count_only_where_they_are_forbidden() {
    let warning = "[INFO] --- compiler:3.13.0:compile (default-compile) @ a ---\n[WARNING] /work/A.java:[3,1] old() in B has been deprecated\n";
    let goal = failed(&format!("{CENTRAL}:maven-compiler-plugin:3.13.0:compile"), "Compilation failure");
    let strict = format!(
        "{warning}[ERROR] COMPILATION ERROR : \n[ERROR] warnings found and -Werror specified\n{goal}"
    );
    check(Tool::Maven, &strict, Category::Werror, "A.java:3 old() in B has been deprecated");
    let plain = format!("{warning}[ERROR] /work/C.java:[1,1] incompatible types: a\n{goal}");
    let summary = check(Tool::Maven, &plain, Category::Compilation, "C.java:1 incompatible types");
    assert_eq!(summary.causes.len(), 1);
    let both = format!(
        "{warning}[ERROR] warnings found and -Werror specified\n[ERROR] /work/C.java:[1,1] incompatible types: a\n{goal}"
    );
    check(Tool::Maven, &both, Category::Compilation, "C.java:1 incompatible types");
}

#[test]
fn every_compiler_has_its_own_way_to_name_a_place() {
    for (said, first) in [
        ("/work/A.java:[3,12] no", "A.java:3 no"),
        ("/work/A.kt: (3, 12) Unresolved reference: b", "A.kt:3 Unresolved reference: b"),
        ("file:///work/A.kt:3:12 Unresolved reference 'b'.", "A.kt:3 Unresolved reference 'b'."),
        ("/work/A.scala:3: error: not found: value b", "A.scala:3 not found: value b"),
        ("/work/A.groovy: 3: [Static type checking] - no", "A.groovy:3 [Static type checking] - no"),
    ] {
        let goal = failed("org.jetbrains.kotlin:kotlin-maven-plugin:2:compile", "Compilation failure");
        check(Tool::Maven, &format!("[ERROR] {said}\n{goal}"), Category::Compilation, first);
    }
}

#[test]
fn a_rule_keeps_the_versions_and_who_wants_them() {
    let goal =
        failed(&format!("{CENTRAL}:maven-enforcer-plugin:3.1.0:enforce"), "Some Enforcer rules have failed.");
    let tree = "Dependency convergence error for a:b:jar:1 paths to dependency are:\n+-x:y:1\n  +-c:d:1\n    +-a:b:1\nand\n+-x:y:1\n  +-e:f:1\n    +-g:h:1\n      +-a:b:2\n";
    let log = format!(
        "[WARNING] \n{tree}\n[ERROR] Rule 0: org.X.DependencyConvergence failed with message:\nFailed while enforcing releasability.\n{goal}"
    );
    let expected = [
        "Dependency convergence error for a:b:jar:1: 1 or 2",
        "    1 by c:d:1",
        "    2 by e:f:1 > g:h:1",
        "failed: maven-enforcer-plugin:3.1.0:enforce on project a",
    ];
    assert_eq!(check(Tool::Maven, &log, Category::Enforcer, "a:b:jar:1: 1 or 2").lines, expected);
    // Newer ones say everything below the goal.
    let below: String = tree.lines().map(|line| format!("[ERROR] {line}\n")).collect();
    let goal = format!(
        "[ERROR] Failed to execute goal {CENTRAL}:maven-enforcer-plugin:3.1.0:enforce (e) on project a: \n"
    );
    let log = format!(
        "{goal}[ERROR] Rule 0: org.X.DependencyConvergence failed with message:\n{below}[ERROR] -> [Help 1]\n"
    );
    assert_eq!(check(Tool::Maven, &log, Category::Enforcer, "a:b:jar:1: 1 or 2").lines, expected);
    let banned = "[WARNING] Rule 1: org.X.BannedDependencies failed with message:\nFound Banned Dependency: a:b:jar:1\nFound Banned Dependency: a:c:jar:1\nUse 'mvn dependency:tree' to locate the source.\n";
    let summary = check(
        Tool::Maven,
        &format!("{banned}{goal}"),
        Category::Enforcer,
        "Found Banned Dependency: a:b:jar:1",
    );
    assert_eq!(summary.causes.len(), 2, "each artifact needs its own answer");
}

#[test]
fn findings_of_static_analysis_have_places() {
    for (plugin, line, first) in [
        (
            "checkstyle",
            "[ERROR] src/A.java:[3,1] (sizes) LineLength: too long",
            "src/A.java:3 (sizes) LineLength: too long",
        ),
        (
            "pmd",
            "[WARNING] PMD Failure: app.A:3 Rule:Unused Priority:3 unused x.",
            "app/A.java:3 Unused Priority:3 unused x.",
        ),
        (
            "spotbugs",
            "[ERROR] High: null in app.A.m() [app.A] At A.java:[line 3] NP_NULL",
            "A.java:3 High: null in app.A.m() [app.A]",
        ),
        ("license", "[WARNING] Missing header in: src/A.java", "src/A.java the license header is missing"),
        (
            "animal-sniffer",
            "[ERROR] /work/A.java:3: Undefined reference: java.util.List",
            "A.java:3 Undefined reference",
        ),
    ] {
        let log = format!(
            "[INFO] --- {plugin}:1:check (default) @ a ---\n{line}\n{}",
            failed(&format!("x:{plugin}-maven-plugin:1:check"), "There are 1 violations")
        );
        let summary = check(Tool::Maven, &log, Category::Enforcer, first);
        assert_eq!(summary.causes[0].kind, Category::Lint);
    }
    let lock = format!(
        "[INFO] --- dependency-lock:1:check (check) @ a ---\n[ERROR] Expected a:b:1 but found a:b:2, wrong version\n{}",
        failed("se.vandmo:dependency-lock-maven-plugin:1:check", "Dependencies differ")
    );
    check(Tool::Maven, &lock, Category::DependencyLock, "Expected a:b:1 but found a:b:2");
}

#[test]
fn a_failing_test_says_its_deepest_cause_once() {
    let trace = "java.lang.IllegalStateException: Failed to load ApplicationContext\n\tat org.spring.Load.load(Load.java:1)\n\tat app.AppTest.hi(AppTest.java:7)\nCaused by: java.lang.ClassNotFoundException: javax.xml.bind.JAXB\n\tat java.base/x.Y.z(Y.java:2)\n\t... 3 more\n\n";
    let log = format!(
        "[ERROR] Tests run: 2, Failures: 0, Errors: 2, Time elapsed: 1 s <<< FAILURE! - in app.AppTest\n\
         [ERROR] app.AppTest.hi  Time elapsed: 0.1 s  <<< ERROR!\n{trace}[ERROR] ho(app.AppTest)  Time elapsed: 0.1 s  <<< ERROR!\n{trace}\
         [ERROR] app.B.x -- Time elapsed: 0 s <<< ERROR!\njava.lang.NoClassDefFoundError: Could not initialize class app.C\n\tat app.B.x(B.java:3)\n\n\
         [INFO] Results:\n[ERROR] Errors: \n[ERROR]   AppTest.hi:7 » IllegalState Failed to load\n[ERROR] Tests run: 3\n{}",
        failed(&format!("{CENTRAL}:maven-surefire-plugin:3.2.5:test"), "There are test failures.")
    );
    assert_eq!(
        check(Tool::Maven, &log, Category::Test, "").lines,
        [
            "app/AppTest.java:7 ClassNotFoundException: javax.xml.bind.JAXB (through IllegalStateException: Failed to load ApplicationContext) (×2)",
            "app/B.java:3 NoClassDefFoundError: Could not initialize class app.C",
            "failed: maven-surefire-plugin:3.2.5:test on project a",
        ]
    );
}

#[test]
fn the_list_of_results_is_read_where_there_are_no_traces() {
    let goal = failed(&format!("{CENTRAL}:maven-surefire-plugin:3.2.5:test"), "There are test failures.");
    for (said, first) in [
        (
            "[ERROR] Failures: \n[ERROR]   AppTest.hi:7 expected:<1> but was:<2>\n",
            "AppTest.java:7 expected:<1> but was:<2>",
        ),
        ("[ERROR] Errors: \n[ERROR]   AppTest.hi:7 » NullPointer\n", "AppTest.java:7 NullPointer"),
        (
            "Results :\n\nFailed tests: \n  hi(app.AppTest): expected 1\n\nTests run: 1, Failures: 1\n",
            "app/AppTest.java expected 1",
        ),
        ("Failed tests: \n  hi(app.AppTest)\n", "the log names no cause"),
        (
            "[ERROR] The forked VM terminated without properly saying goodbye. VM crash or System.exit called?\n",
            "The forked VM terminated",
        ),
    ] {
        check(Tool::Maven, &format!("{said}{goal}"), Category::Test, first);
    }
}

#[test]
fn a_pom_that_cannot_be_read_is_named() {
    let log = "[ERROR] [ERROR] Some problems were encountered while processing the POMs:\n[ERROR] 'dependencies.dependency.version' for a:b:jar is missing. @ line 9, column 5\n @ \n\
        [ERROR] The build could not read 1 project -> [Help 1]\n[ERROR]   \n[ERROR]   The project x:y:1 (/work/m/pom.xml) has 1 error\n[ERROR]     'dependencies.dependency.version' for a:b:jar is missing. @ line 9, column 5\n";
    let summary = check(
        Tool::Maven,
        log,
        Category::DependencyResolution,
        "m/pom.xml:9 'dependencies.dependency.version' for a:b:jar",
    );
    assert_eq!(summary.causes[0].times, 1);
}

#[test]
fn success_and_silence_are_told_apart() {
    check(
        Tool::Maven,
        "[INFO] Tests run: 2, Failures: 0\n[INFO] BUILD SUCCESS\n",
        Category::None,
        "BUILD SUCCESS; Tests run: 2",
    );
    check(Tool::Maven, "[INFO] Scanning\n", Category::Unknown, "the log names no cause; run `mvn");
    check(
        Tool::Maven,
        "# A fatal error has been detected by the Java Runtime Environment:\n",
        Category::Crash,
        "A fatal error",
    );
}
