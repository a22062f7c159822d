//! Maven in the container: a build is warmed through the gateway and then
//! verified offline, on every JDK, under the same isolation as npm's.

use std::path::Path;
use std::sync::Arc;

use chaperone::change::Ecosystem;
use chaperone::evidence::CheckResult;
use chaperone::exec::{Command, Exec as _, TreeSize};
use chaperone::failure::Failure;
use chaperone::ids::SessionId;
use chaperone::record::{Log, Recorder, SessionEvent};
use chaperone::registry::{Ages, Caps, Registry, Settings, Source};
use chaperone::sandbox::{Container, Sandbox, Spec};
use chaperone::verify::{self, CheckKind, Declared, Files, Installed, Plan, Told};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::world::toolbox;

/// A session log that nobody reads.
struct Nowhere;

impl Log for Nowhere {
    fn append(&self, _session: SessionId, _event: SessionEvent) -> BoxFuture<'_, Result<(), Failure>> {
        async { Ok(()) }.boxed()
    }
}

const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>app</groupId><artifactId>app</artifactId><version>1</version>
  <properties>
    <maven.compiler.release>11</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <repositories><repository><id>away</id><url>http://away.invalid/m2</url></repository></repositories>
  <dependencies>
    <dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4.13.2</version><scope>test</scope></dependency>
  </dependencies>
</project>
"#;
const APP: &str = "package app;\npublic class App {\n  public static int one() { return 1; }\n}\n";
const TEST: &str = "package app;\nimport org.junit.Test;\nimport static org.junit.Assert.assertEquals;\n
public class AppTest {\n  @Test public void counts() { assertEquals(1, App.one()); }\n  @Test public void adds() { assertEquals(2, App.one() + 1); }\n}\n";
/// What a repository may say about where packages come from, and must not.
const SETTINGS: &str = "<settings><mirrors><mirror><id>evil</id><mirrorOf>*</mirrorOf><url>http://evil.invalid/</url></mirror></mirrors></settings>";
const CONFIG: &str = "-s\nsettings.xml\n-gs\nsettings.xml\n-Dmaven.repo.local=/work/elsewhere\n";

fn tree(app: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in [
        ("pom.xml", POM),
        ("settings.xml", SETTINGS),
        (".mvn/maven.config", CONFIG),
        (".mvn/jvm.config", "-Xmx8g\n"),
        ("mvnw", "#!/bin/sh\ntouch /work/wrapper-ran\n"),
        ("src/main/java/app/App.java", app),
        ("src/test/java/app/AppTest.java", TEST),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o664);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

struct Bench {
    sandbox: Sandbox,
    registry: Registry,
    dir: tempfile::TempDir,
    recorder: Recorder,
    plan: Plan,
}

/// The repository's address, as the image's own Maven knows it.
async fn central() -> String {
    let output = tokio::process::Command::new("docker")
        .args(["run", "--rm", "--network", "none", "chaperone/maven:jdk17", "cat"])
        .arg("/usr/local/maven/super-pom.xml")
        .output()
        .await
        .unwrap();
    let pom = String::from_utf8(output.stdout).unwrap();
    let (_, rest) = pom.split_once("<url>").unwrap_or_else(|| panic!("{pom:?}: run ./x images"));
    rest.split_once("</url>").unwrap().0.to_owned()
}

impl Bench {
    async fn new(instance: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::new(Settings {
            cache: dir.path().join("packages"),
            npm: Source { url: String::new(), credentials: None },
            maven: Source { url: central().await, credentials: None },
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
            instance: instance.into(),
        });
        let paths = ["pom.xml", "src/main/java/app/App.java", "src/test/java/app/AppTest.java"];
        let files = Files { paths: paths.map(str::to_owned).to_vec(), ..Files::default() };
        let plan = verify::plan_maven(&files).unwrap();
        let recorder = Recorder::new(SessionId::generate(), Arc::new(Nowhere));
        Self { sandbox, registry, dir, recorder, plan }
    }

    async fn container(&self, jdk: u64, gateway: &Path, app: &str) -> Container {
        let spec = Spec {
            session: SessionId::generate(),
            fence: 1,
            role: "test".into(),
            image: format!("chaperone/maven:jdk{jdk}"),
            ecosystem: Ecosystem::Maven,
            gateway: Some(gateway.to_owned()),
            tree: TreeSize { files: 10, bytes: 10_000 },
        };
        let container = self.sandbox.start(&spec).await.unwrap();
        container.put_tree(&*tree(app)).await.unwrap();
        container
    }

    /// Warms and checks in a container of its own; how often the repository
    /// was asked, what the installation said, and the results.
    async fn verify(&self, jdk: u64, app: &str) -> (u64, Installed, Vec<CheckResult>) {
        let door = self.registry.door(self.dir.path().join("door"), Ages::Settled).unwrap();
        let container = self.container(jdk, door.dir(), app).await;
        let before = self.registry.upstream_requests();
        door.open();
        let installed = verify::install(&container, &self.plan, &self.recorder).await.unwrap();
        door.close();
        let asked = self.registry.upstream_requests() - before;
        let results = verify::check(&container, &self.plan, &self.recorder).await.unwrap();
        for path in ["wrapper-ran", "elsewhere/junit"] {
            let left = container.run(Command::new(["ls", path])).await.unwrap();
            assert!(!left.success(), "{path} is there");
        }
        container.remove().await.unwrap();
        (asked, installed, results)
    }
}

fn shown(results: &[CheckResult]) -> Vec<String> {
    results
        .iter()
        .map(|result| format!("{} {} {:?}", result.check, result.passed, result.tests_passed))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_warmed_once_and_verified_offline_on_every_jdk() {
    let bench = Bench::new("test-maven").await;
    for (jdk, is_first) in [(11, true), (17, false), (21, false)] {
        let (asked, installed, results) = bench.verify(jdk, APP).await;
        assert_eq!(installed, Installed::Ok, "jdk{jdk}");
        assert_eq!(shown(&results), ["build true None", "test true Some(2)"], "jdk{jdk}: {results:?}");
        assert_eq!(asked > 0, is_first, "jdk{jdk}: {asked} requests");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_code_is_a_failed_check_and_not_a_failed_installation() {
    let bench = Bench::new("test-maven-broken").await;
    let (_, installed, results) = bench.verify(17, &APP.replace("return 1", "return 3")).await;
    assert_eq!(installed, Installed::Ok);
    assert_eq!(shown(&results), ["build true None", "test false Some(0)"], "{results:?}");
    assert_eq!(results[1].failing, ["app.AppTest.adds", "app.AppTest.counts"]);
    let (_, installed, results) = bench.verify(17, &APP.replace("return 1", "return missing")).await;
    assert_eq!(installed, Installed::Ok);
    assert_eq!(shown(&results), ["build false None"], "{results:?}");
    let digest = &results[0].digest;
    assert!(
        digest.contains("src/main/java/app/App.java:3 cannot find symbol")
            && digest.contains("variable missing in class app.App"),
        "{digest}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_tests_run_again_alone_and_declared_commands_are_run() {
    let mut bench = Bench::new("test-maven-rerun").await;
    let door = bench.registry.door(bench.dir.path().join("door"), Ages::Settled).unwrap();
    let container = bench.container(17, door.dir(), APP).await;
    let test = TEST.replace("assertEquals(1, App", "assertEquals(7, App").replace(
        "@Test public void adds",
        "@org.junit.Ignore @Test public void later() {}\n  @Test public void adds",
    );
    container.write("src/test/java/app/AppTest.java", test.as_bytes()).await.unwrap();
    door.open();
    let installed = verify::install(&container, &bench.plan, &bench.recorder).await.unwrap();
    door.close();
    assert_eq!(installed, Installed::Ok);
    let results = verify::check(&container, &bench.plan, &bench.recorder).await.unwrap();
    assert_eq!(shown(&results), ["build true None", "test false Some(1)"], "{results:?}");
    let failed = &results[1];
    assert_eq!((failed.skipped, &*failed.failing), (Some(1), &["app.AppTest.counts".to_owned()][..]));
    let place = (failed.failures[0].file.as_deref(), failed.failures[0].line);
    assert_eq!(place, (Some("src/test/java/app/AppTest.java"), Some(6)), "{failed:?}");

    let again = verify::rerun(&container, &bench.plan, &results[1..], &bench.recorder).await.unwrap();
    assert_eq!((&*again[0].check, again[0].tests_passed), ("test", Some(0)), "nothing else ran");
    assert_eq!(again[0].failing, failed.failing);
    let mended = test.replace("assertEquals(7", "assertEquals(1");
    container.write("src/test/java/app/AppTest.java", mended.as_bytes()).await.unwrap();
    let again = verify::rerun(&container, &bench.plan, &results[1..], &bench.recorder).await.unwrap();
    assert_eq!((again[0].tests_passed, again[0].failing.len()), (Some(1), 0));

    let words = ["./mvnw", "-Dtest=AppTest#adds", "test"].map(str::to_owned).to_vec();
    let checks = [
        (CheckKind::Build, Told::Off),
        (CheckKind::Lint, Told::Off),
        (CheckKind::Test, Told::Commands(vec![words])),
    ];
    let declared = Declared { checks: checks.into(), ..Declared::default() };
    bench.plan =
        verify::plan_maven(&Files { paths: vec!["pom.xml".into()], declared, ..Files::default() }).unwrap();
    let results = verify::check(&container, &bench.plan, &bench.recorder).await.unwrap();
    assert_eq!(shown(&results), ["test true Some(1)"], "{results:?}");
    container.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_is_not_there_fails_the_installation() {
    let bench = Bench::new("test-maven-missing").await;
    let door = bench.registry.door(bench.dir.path().join("door"), Ages::Settled).unwrap();
    let container = bench.container(17, door.dir(), APP).await;
    let pom = POM.replace("4.13.2", "4.99.99");
    container.write("pom.xml", pom.as_bytes()).await.unwrap();
    door.open();
    let installed = verify::install(&container, &bench.plan, &bench.recorder).await.unwrap();
    container.remove().await.unwrap();
    let Installed::Failed(said) = installed else { panic!("it was installed") };
    assert!(said.contains("junit:junit:jar:4.99.99"), "{said}");
}
