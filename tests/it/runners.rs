//! The real runners in the container: each is asked for a report through the
//! script of a repository, and what failed is run again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chaperone::change::Ecosystem;
use chaperone::evidence::CheckResult;
use chaperone::exec::{Exec as _, TreeSize};
use chaperone::failure::Failure;
use chaperone::ids::SessionId;
use chaperone::record::{Log, Recorder, SessionEvent};
use chaperone::registry::{Ages, Caps, Registry, Settings, Source};
use chaperone::sandbox::{Container, Sandbox, Spec};
use chaperone::verify::{self, CheckKind, Declared, Files, Installed, Plan, Told};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::world::{registries, toolbox};

/// A session log that nobody reads.
struct Nowhere;

impl Log for Nowhere {
    fn append(&self, _session: SessionId, _event: SessionEvent) -> BoxFuture<'_, Result<(), Failure>> {
        async { Ok(()) }.boxed()
    }
}

const MANIFEST: &str = include_str!("runners/package.json");
const TREE: [(&str, &str); 12] = [
    ("package.json", MANIFEST),
    ("package-lock.json", include_str!("runners/package-lock.json")),
    ("jest/a.test.js", include_str!("runners/jest/a.test.js")),
    ("vitest/a.test.js", include_str!("runners/vitest/a.test.js")),
    ("mocha/a.spec.js", include_str!("runners/mocha/a.spec.js")),
    ("node/a.test.js", include_str!("runners/node/a.test.js")),
    ("node/b.test.js", include_str!("runners/node/b.test.js")),
    ("ava/a.test.js", include_str!("runners/ava/a.test.js")),
    ("eslint.config.js", include_str!("runners/eslint.config.js")),
    ("eslint/a.js", include_str!("runners/eslint/a.js")),
    ("biome/a.js", include_str!("runners/biome/a.js")),
    ("tsc/a.ts", include_str!("runners/tsc/a.ts")),
];
/// A workspace, which has a manifest of its own and its own directory.
const MEMBER: &str = r#"{ "name": "member", "scripts": { "test": "node --test" } }"#;
const MEMBER_TEST: &str = "require('node:test')('fails', () => {\n  throw new Error(__dirname);\n});\n";
const TSCONFIG: (&str, &str) = ("tsc/tsconfig.json", include_str!("runners/tsc/tsconfig.json"));

/// The tree, in a directory of its own: no path of it is the container's.
const ROOT: &str = "app";

fn tree() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in
        TREE.into_iter().chain([TSCONFIG, ("member/package.json", MEMBER), ("member/a.test.js", MEMBER_TEST)])
    {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o664);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, format!("{ROOT}/{path}"), content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn plan(checks: impl IntoIterator<Item = (CheckKind, Told)>) -> Plan {
    let files = Files {
        manifest: Some(MANIFEST.as_bytes().to_vec()),
        paths: TREE.iter().map(|(path, _)| (*path).to_owned()).collect(),
        root: ROOT.to_owned(),
        declared: Declared { checks: checks.into_iter().collect(), ..Declared::default() },
        ..Files::default()
    };
    verify::plan(&files).unwrap()
}

/// A plan of one check, a command line.
fn one(kind: CheckKind, line: &str) -> Plan {
    let words = line.split(' ').map(str::to_owned).collect();
    let others = CheckKind::ALL.into_iter().map(|kind| (kind, Told::Off));
    plan(others.chain([(kind, Told::Commands(vec![words]))]))
}

struct Bench {
    container: Container,
    recorder: Recorder,
    _dir: tempfile::TempDir,
}

impl Bench {
    /// A container with everything installed.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        std::fs::create_dir_all(&shared).unwrap();
        let npm = registries().await.lines().find_map(|line| line.strip_prefix("npm = ")).unwrap();
        let registry = Registry::new(Settings {
            cache: shared,
            npm: Source { url: serde_json::from_str(npm).unwrap(), credentials: None },
            maven: Source { url: String::new(), credentials: None },
            min_age: None,
            caps: Caps::default(),
        })
        .unwrap();
        let sandbox = Sandbox::new(chaperone::sandbox::Settings {
            socket: "/var/run/docker.sock".into(),
            runtime: None,
            toolbox: toolbox(),
            memory_bytes: 4 << 30,
            cpus: 2.0,
            instance: "test-runners".into(),
        });
        let door = registry.door(dir.path().join("door"), Ages::Settled).unwrap();
        let spec = Spec {
            session: SessionId::generate(),
            fence: 1,
            role: "test".into(),
            image: "chaperone/npm:node22".into(),
            ecosystem: Ecosystem::Npm,
            gateway: Some(door.dir().to_owned()),
            tree: TreeSize { files: 20, bytes: 400_000 },
        };
        let container = sandbox.start(&spec).await.unwrap();
        container.put_tree(&*tree()).await.unwrap();
        let bench =
            Self { container, recorder: Recorder::new(SessionId::generate(), Arc::new(Nowhere)), _dir: dir };
        door.open();
        let all = plan([]);
        let installed = verify::install(&bench.exec(), &all, &bench.recorder).await.unwrap();
        door.close();
        assert_eq!(installed, Installed::Ok);
        bench
    }

    fn exec(&self) -> chaperone::exec::Within<'_> {
        chaperone::exec::Within::new(&self.container, ROOT)
    }

    async fn check(&self, plan: &Plan) -> CheckResult {
        let mut results = verify::check(&self.exec(), plan, &self.recorder).await.unwrap();
        assert_eq!(results.len(), 1, "{results:?}");
        results.remove(0)
    }

    async fn rerun(&self, plan: &Plan, failed: &CheckResult) -> CheckResult {
        let failed = std::slice::from_ref(failed);
        let mut again = verify::rerun(&self.exec(), plan, failed, &self.recorder).await.unwrap();
        assert_eq!((again.len(), again[0].check.as_str()), (1, failed[0].check.as_str()));
        again.remove(0)
    }
}

/// `name @ file:line` of every failure.
fn places(result: &CheckResult) -> Vec<String> {
    let place = |failure: &chaperone::evidence::TestFailure| {
        let file = failure.file.as_deref().unwrap_or("?");
        format!("{} @ {file}:{}", failure.name, failure.line.unwrap_or_default())
    };
    result.failures.iter().map(place).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_runner_reports_what_failed_and_where() {
    let bench = Bench::new().await;
    let test = |script: &str| one(CheckKind::Test, &format!("npm run {script}"));
    for (script, failing, test_file) in [
        ("jest", "jest/a.test.js > math > fails @ jest/a.test.js:4", "jest/a.test.js"),
        ("vitest", "vitest/a.test.js > math > fails @ vitest/a.test.js:6", "vitest/a.test.js"),
        ("mocha", "mocha/a.spec.js > math fails (1+1) @ mocha/a.spec.js:6", "mocha/a.spec.js"),
        ("node", "node/a.test.js > math > fails @ node/a.test.js:7", "node/a.test.js"),
        ("ava", "fails @ ava/a.test.js:6", "ava/a.test.js"),
    ] {
        let plan = test(script);
        let result = bench.check(&plan).await;
        let counts = (result.passed, result.tests_passed, result.skipped);
        assert_eq!(counts, (false, Some(1), Some(1)), "{script}: {result:#?}");
        let mut expected = vec![failing];
        if script == "node" {
            expected.push("node/b.test.js @ node/b.test.js:1");
        }
        assert_eq!(places(&result), expected, "{script}: {result:#?}");
        let names: Vec<&str> = expected.iter().filter_map(|place| place.split(" @ ").next()).collect();
        assert_eq!(result.failing, names, "{script}");
        let (name, place) = failing.split_once(" @ ").unwrap();
        let told = format!("{place} {}", name.trim_start_matches(&format!("{test_file} > ")));
        assert!(result.digest.contains(&told), "{script}: {}", result.digest);

        let again = bench.rerun(&plan, &result).await;
        assert_eq!(again.failing, names, "{script}: {again:#?}");
        // A test that is right the second time has not failed again.
        let (_, text) = TREE.into_iter().find(|(path, _)| *path == test_file).unwrap();
        bench.exec().write(test_file, text.replace("1 + 1", "1 + 2").as_bytes()).await.unwrap();
        let again = bench.rerun(&plan, &result).await;
        let left: Vec<&str> = names.iter().filter(|name| **name == "node/b.test.js").copied().collect();
        assert_eq!(again.failing, left, "{script}: {again:#?}");
    }
    complaints(&bench).await;
    detected(&bench).await;
    workspaces_and_timeouts(&bench).await;
    bench.container.remove().await.unwrap();
}

/// Lints and the compiler, whose names hold no line.
async fn complaints(bench: &Bench) {
    for (kind, script, expected) in [
        (
            CheckKind::Lint,
            "eslint",
            vec![
                "eslint/a.js: no-undef: 'missing' is not defined. (×2) @ eslint/a.js:2",
                "eslint/a.js: no-undef: 'two' is not defined. @ eslint/a.js:2",
            ],
        ),
        (
            CheckKind::Lint,
            "biome",
            vec![
                "biome/a.js: lint/suspicious/noDebugger: This is an unexpected use of the debugger statement. @ biome/a.js:2",
            ],
        ),
        (
            CheckKind::Typecheck,
            "tsc",
            vec!["tsc/a.ts: TS2322: Type 'string' is not assignable to type 'number'. @ tsc/a.ts:2"],
        ),
    ] {
        let result = bench.check(&one(kind, &format!("npm run {script}"))).await;
        assert_eq!((result.passed, result.tests_passed), (false, None), "{result:#?}");
        assert_eq!(places(&result), expected, "{script}: {result:#?}");
    }
}

/// Words find their way through a script that calls a script, and programs
/// of packages are found without one. All tests pass by now.
async fn detected(bench: &Bench) {
    let off = [CheckKind::Lint, CheckKind::Typecheck].map(|kind| (kind, Told::Off));
    let result = bench.check(&plan(off)).await;
    let shown = (result.command.as_str(), result.passed, result.tests_passed, result.skipped);
    assert_eq!(shown, ("npm run test", true, Some(2), Some(1)), "{result:#?}");
    for line in ["npx mocha mocha/a.spec.js", "mocha mocha/a.spec.js", "node --test node/a.test.js"] {
        let result = bench.check(&one(CheckKind::Test, line)).await;
        assert_eq!(
            (result.passed, result.tests_passed, result.skipped),
            (true, Some(2), Some(1)),
            "{result:#?}"
        );
    }
    // Our own words are never why a check fails.
    let none = bench.check(&one(CheckKind::Test, "vitest --root vitest no-such-file")).await;
    assert!(!none.passed && none.tests_passed.unwrap_or_default() == 0, "{none:#?}");
}

async fn workspaces_and_timeouts(bench: &Bench) {
    let files = Files {
        manifest: Some(br#"{ "workspaces": ["*"] }"#.to_vec()),
        members: [("member".to_owned(), MEMBER.as_bytes().to_vec())].into(),
        root: ROOT.to_owned(),
        ..Files::default()
    };
    let plan = verify::plan(&files).unwrap();
    let result = bench.check(&plan).await;
    assert_eq!(result.command, "(cd member && npm run test)");
    assert_eq!(places(&result), ["member/a.test.js > fails @ member/a.test.js:2"], "{result:#?}");
    assert_eq!(bench.rerun(&plan, &result).await.failing, ["member/a.test.js > fails"]);

    let words = ["node", "-e", "setInterval(() => {}, 1000)"].map(str::to_owned).to_vec();
    let declared = Declared {
        checks: [(CheckKind::Test, Told::Commands(vec![words]))].into(),
        timeouts: [(CheckKind::Test, Duration::from_secs(1))].into(),
    };
    let result = bench.check(&verify::plan(&Files { declared, ..Files::default() }).unwrap()).await;
    assert!(!result.passed && result.digest.starts_with("timed out"), "{result:#?}");
    assert!(result.duration_ms < 10_000, "{result:#?}");
}
