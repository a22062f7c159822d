//! A registry that refuses, breaks, hangs, or hands in something else: each
//! ends a session soon, with an outcome and one sentence.
//!
//! The registry is a small server here. It has one package, `thing`, whose
//! 1.0.0 is always handed in; what is asked for is 1.1.0.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};
use standin::fixtures::Files;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::trial::Checkout;

/// What is wrong with the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// The listing, or Maven's metadata, is answered so.
    Listing(u16),
    ListingHangs,
    /// The listing has lost 1.1.0.
    Unpublished,
    /// The archive of 1.1.0 is answered so.
    Archive(u16),
    /// What the repository has already, and everything else, is answered so.
    Rest(u16),
    ArchiveHangs,
    /// The archive is another one than the listing says.
    OtherBytes,
}

struct Registry {
    trouble: Trouble,
    url: String,
    asked: AtomicU32,
}

/// An archive of `thing`.
fn archive(version: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let manifest = json!({ "name": "thing", "version": version, "main": "index.js" }).to_string();
    for (path, content) in
        [("package/package.json", &*manifest), ("package/index.js", "module.exports = 1;\n")]
    {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn integrity(version: &str) -> String {
    let hash = Sha512::digest(archive(version));
    format!("sha512-{}", base64::engine::general_purpose::STANDARD.encode(hash))
}

impl Registry {
    fn listing(&self) -> Value {
        let versions: Vec<&str> = match self.trouble {
            Trouble::Unpublished => vec!["1.0.0"],
            _ => vec!["1.0.0", "1.1.0"],
        };
        let versions: serde_json::Map<String, Value> = versions
            .into_iter()
            .map(|version| {
                let tarball = format!("{}thing/-/thing-{version}.tgz", self.url);
                let dist = json!({ "tarball": tarball, "integrity": integrity(version) });
                (version.to_owned(), json!({ "name": "thing", "version": version, "dist": dist }))
            })
            .collect();
        let latest = versions.keys().next_back().unwrap().clone();
        json!({ "name": "thing", "dist-tags": { "latest": latest }, "versions": versions })
    }
}

const METADATA: &str = "<metadata><versioning><versions><version>1.0</version><version>1.1</version></versions></versioning></metadata>";
const POM: &str = "<project><modelVersion>4.0.0</modelVersion><groupId>g</groupId><artifactId>thing</artifactId><version>1.0</version></project>";

fn status(code: u16) -> Response {
    StatusCode::from_u16(code).unwrap().into_response()
}

async fn answer(State(registry): State<Arc<Registry>>, request: Request) -> Response {
    registry.asked.fetch_add(1, Ordering::SeqCst);
    let hang = || tokio::time::sleep(Duration::from_secs(600));
    match (request.uri().path(), registry.trouble) {
        ("/thing" | "/g/thing/maven-metadata.xml", Trouble::Listing(code)) => status(code),
        ("/thing" | "/g/thing/maven-metadata.xml", Trouble::ListingHangs) => {
            hang().await;
            status(500)
        }
        ("/thing", _) => axum::Json(registry.listing()).into_response(),
        ("/thing/-/thing-1.0.0.tgz", Trouble::Rest(code)) => status(code),
        ("/thing/-/thing-1.0.0.tgz", _) => archive("1.0.0").into_response(),
        ("/thing/-/thing-1.1.0.tgz", Trouble::Archive(code)) => status(code),
        ("/thing/-/thing-1.1.0.tgz", Trouble::ArchiveHangs) => {
            hang().await;
            status(500)
        }
        ("/thing/-/thing-1.1.0.tgz", Trouble::OtherBytes) => archive("6.6.6").into_response(),
        ("/thing/-/thing-1.1.0.tgz", _) => archive("1.1.0").into_response(),
        ("/g/thing/maven-metadata.xml", _) => METADATA.into_response(),
        ("/g/thing/1.0/thing-1.0.pom", _) => POM.into_response(),
        (path, Trouble::Rest(code)) if !path.starts_with("/g/") => status(code),
        _ => status(404),
    }
}

fn npm() -> Files {
    let manifest = json!({
        "name": "app", "version": "1.0.0", "private": true,
        "scripts": { "test": "node --test app.test.js" }, "dependencies": { "thing": "^1.0.0" },
    });
    let lockfile = json!({
        "name": "app", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
        "packages": {
            "": { "name": "app", "version": "1.0.0", "dependencies": { "thing": "^1.0.0" } },
            "node_modules/thing": { "version": "1.0.0", "integrity": integrity("1.0.0") },
        },
    });
    let test =
        "require('node:test')('it is there', () => require('node:assert').equal(require('thing'), 1));\n";
    vec![
        ("package.json".to_owned(), format!("{manifest:#}\n")),
        ("package-lock.json".to_owned(), format!("{lockfile:#}\n")),
        (".gitignore".to_owned(), "node_modules/\n".to_owned()),
        ("app.test.js".to_owned(), test.to_owned()),
    ]
}

fn maven() -> Files {
    let pom = "<project>\n  <modelVersion>4.0.0</modelVersion>\n  <groupId>app</groupId>\n  <artifactId>app</artifactId>\n  <version>1</version>\n  <dependencies>\n    <dependency>\n      <groupId>g</groupId>\n      <artifactId>thing</artifactId>\n      <version>1.0</version>\n    </dependency>\n  </dependencies>\n</project>\n";
    vec![("pom.xml".to_owned(), pom.to_owned())]
}

/// How it ended, with the code, and how often the registry was asked.
async fn attempt(trouble: Trouble, files: &Files, bump: &str) -> (i32, Value, u32) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let registry = Arc::new(Registry { trouble, url: url.clone(), asked: AtomicU32::new(0) });
    let router = Router::new().fallback(answer).with_state(Arc::clone(&registry));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });

    let mut checkout = Checkout::new(files).await;
    // Nothing of this registry is to be kept for others.
    std::fs::remove_file(checkout.dir.path().join("data/packages")).unwrap();
    let (data, rest) = checkout.config.split_once("[registry]").unwrap();
    let (_, rest) = rest.split_once("[model]").unwrap();
    checkout.config =
        format!("{data}[registry]\nnpm = {url:?}\nmaven = {url:?}\nsilent_seconds = 1\n[model]{rest}");
    let (code, report) = checkout.attempt(bump).await;
    (code, report, registry.asked.load(Ordering::SeqCst))
}

/// Each trouble with its outcome and a part of its sentence.
async fn check(files: Files, bump: &str, table: &[(Trouble, &str, &str)]) {
    let mut failed = Vec::new();
    for (trouble, outcome, says) in table {
        let started = Instant::now();
        let (code, report, asked) = attempt(*trouble, &files, bump).await;
        let detail = report["detail"].as_str().unwrap_or_default().to_owned();
        let first = detail.lines().next().unwrap_or_default();
        let ended = report["outcome"] == *outcome && first.contains(says);
        let seconds = started.elapsed().as_secs();
        if !ended || (code == 0) != (*outcome == "pr_opened") || seconds > 45 || asked > 12 {
            failed.push(format!(
                "{trouble:?} ended after {seconds} s and {asked} requests with {code} {}: {detail}",
                report["outcome"]
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_in_trouble_ends_soon_and_says_why() {
    let table = [
        (Trouble::Listing(404), "no_safe_version", "thing"),
        (Trouble::Listing(401), "fetch_failed", "the registry refused (401)"),
        (Trouble::Listing(403), "fetch_failed", "the registry refused (403)"),
        (Trouble::Listing(500), "fetch_failed", "read the listing of thing: the registry answered 500"),
        (Trouble::Listing(503), "fetch_failed", "the registry answered 503"),
        (Trouble::ListingHangs, "fetch_failed", "the registry did not answer in time"),
        (Trouble::Unpublished, "no_safe_version", "1.1.0"),
    ];
    check(npm(), "thing@1.1.0", &table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_in_trouble_ends_soon_and_says_why() {
    let table = [
        (Trouble::None, "pr_opened", ""),
        (Trouble::Archive(404), "no_safe_version", ""),
        (Trouble::Archive(401), "fetch_failed", "needs credentials"),
        (Trouble::Archive(403), "fetch_failed", "needs credentials"),
        (Trouble::Archive(503), "fetch_failed", "through the gateway"),
        (Trouble::ArchiveHangs, "fetch_failed", "through the gateway"),
        (Trouble::OtherBytes, "fetch_failed", "trust a fetched package"),
        // The base cannot be installed, and that is not its fault.
        (Trouble::Rest(401), "fetch_failed", "the registry refused (401)"),
        (Trouble::Rest(503), "fetch_failed", "thing-1.0.0.tgz: the registry answered 503"),
        (Trouble::Rest(404), "baseline_broken", "untouched base"),
    ];
    check(npm(), "thing@1.1.0", &table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maven_repository_in_trouble_ends_soon_and_says_why() {
    let table = [
        (Trouble::Listing(401), "fetch_failed", "the registry refused (401)"),
        (Trouble::Listing(503), "fetch_failed", "maven-metadata.xml: the registry answered 503"),
        (Trouble::ListingHangs, "fetch_failed", "did not answer in time"),
        (Trouble::Listing(404), "no_safe_version", "g:thing"),
        (Trouble::Rest(401), "fetch_failed", "the registry refused (401)"),
        (Trouble::Rest(503), "fetch_failed", "read /maven/"),
        (Trouble::Rest(404), "baseline_broken", "untouched base"),
    ];
    check(maven(), "g:thing@1.1", &table).await;
}
