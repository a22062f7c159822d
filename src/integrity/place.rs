//! Where tests lie, and where their runners look for them.

use std::path::Path;

/// Directories in which a runner of JavaScript tests looks.
const TEST_DIRECTORIES: [&str; 7] = ["test", "tests", "__tests__", "spec", "specs", "e2e", "cypress"];
/// Directories in which no runner looks.
const BLIND: [&str; 14] = [
    "node_modules",
    "fixtures",
    "__fixtures__",
    "fixture",
    "dist",
    "build",
    "disabled",
    "archive",
    "skipped",
    "attic",
    "old",
    "deprecated",
    "broken",
    "quarantine",
];

/// Does this path hold tests, or what tests share? By the places and names
/// that the runners look for.
#[must_use]
pub fn is_test_file(path: &str) -> bool {
    is_script_test(path) || is_java_test(path)
}

/// Code in a language of the Java machine that is not read by structure.
pub(super) fn is_other_jvm(path: &str) -> bool {
    [".kt", ".kts", ".groovy", ".scala"].iter().any(|end| path.ends_with(end))
}

pub(super) fn is_script(path: &str) -> bool {
    let kinds = ["js", "cjs", "mjs", "jsx", "ts", "cts", "mts", "tsx", "vue", "svelte"];
    Path::new(path).extension().and_then(|end| end.to_str()).is_some_and(|end| kinds.contains(&end))
}

fn directories(path: &str) -> impl Iterator<Item = &str> {
    path.rsplit('/').skip(1)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Named as a test, wherever it lies.
fn is_named_test(path: &str) -> bool {
    let name = file_name(path).to_lowercase();
    let stem = name.split('.').next().unwrap_or(&name);
    let words: Vec<&str> = name.split('.').skip(1).collect();
    words.iter().any(|word| matches!(*word, "test" | "spec" | "cy" | "e2e" | "it"))
        || stem == "test"
        || ["-test", "_test", "-spec", "_spec"].iter().any(|end| stem.ends_with(end))
        || ["test-", "test_"].iter().any(|start| stem.starts_with(start))
}

fn is_script_test(path: &str) -> bool {
    let lower = path.to_lowercase();
    is_script(&lower)
        && (directories(&lower).any(|part| TEST_DIRECTORIES.contains(&part))
            || is_named_test(&lower)
            || file_name(&lower).starts_with("test"))
}

fn is_java_test(path: &str) -> bool {
    if !path.ends_with(".java") && !is_other_jvm(path) {
        return false;
    }
    let in_directory = directories(path).any(|part| {
        let part = part.to_lowercase();
        part.starts_with("test") || part.ends_with("test") || part.ends_with("tests") || part == "it"
    });
    in_directory || is_java_named(path)
}

/// The names that Surefire and Failsafe look for.
fn is_java_named(path: &str) -> bool {
    let stem = stem(path);
    ["Test", "Tests", "TestCase", "IT", "ITCase", "Spec"].iter().any(|end| stem.ends_with(end))
        || stem.starts_with("Test")
        || stem.starts_with("IT") && stem.chars().nth(2).is_some_and(char::is_uppercase)
}

fn stem(path: &str) -> &str {
    let name = file_name(path);
    name.split('.').next().unwrap_or(name)
}

/// Does another runner than before look for this class?
fn is_integration(path: &str) -> bool {
    let stem = stem(path);
    stem.ends_with("IT") || stem.ends_with("ITCase") || stem.starts_with("IT")
}

/// Is a test that moved from one path to another still found by its runner?
pub(super) fn is_still_found(before: &str, after: &str) -> bool {
    if before == after {
        return true;
    }
    if !is_test_file(after) {
        return false;
    }
    let blind =
        |path: &str| directories(path).any(|part| BLIND.contains(&part.to_lowercase().trim_matches('_')));
    if blind(after) && !blind(before) {
        return false;
    }
    if before.ends_with(".java") {
        let in_sources = |path: &str| path.contains("src/main/");
        return (is_java_named(after) || !is_java_named(before))
            && is_integration(before) == is_integration(after)
            && (in_sources(before) || !in_sources(after));
    }
    let below = |path: &str, name: &str| directories(path).any(|part| part == name);
    let in_tests = |path: &str| directories(path).any(|part| TEST_DIRECTORIES.contains(&part));
    (is_named_test(after) || below(after, "__tests__") || !is_named_test(before))
        && (in_tests(after) || !in_tests(before) || is_named_test(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_by_their_place_or_name() {
        for path in [
            "test/a.js",
            "src/a.test.ts",
            "src/__tests__/a.tsx",
            "lib/a-spec.mjs",
            "a/src/test/java/X.java",
            "x/FooIT.java",
        ] {
            assert!(is_test_file(path), "{path}");
        }
        for path in ["src/a.js", "src/latest.ts", "src/main/java/a/Contest.java", "test/a.json", "README.md"]
        {
            assert!(!is_test_file(path), "{path}");
        }
    }

    #[test]
    fn a_test_moved_out_of_the_runners_sight_is_lost() {
        for (before, after, found) in [
            ("test/a.test.js", "test/b/a.test.js", true),
            ("src/a.test.js", "src/a.test.ts", true),
            ("src/a.test.js", "src/a.old.js", false),
            ("test/a.js", "lib/a.js", false),
            ("test/a.test.js", "test/fixtures/a.test.js", false),
            ("src/test/java/FooTest.java", "src/test/java/b/FooTest.java", true),
            ("src/test/java/FooTest.java", "src/test/java/FooChecks.java", false),
            ("src/test/java/FooTest.java", "src/test/java/FooIT.java", false),
        ] {
            assert_eq!(is_still_found(before, after), found, "{before} {after}");
        }
    }
}
