use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use reqwest::Method;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::failure::Kind;
use crate::packages::{Document, Packages as _};

const SHA1_OF_POM: &str = "acb4a94f3c944150fb89f07d87b019e224c73a27";
const METADATA: &str = "<metadata><versioning><release>2.0</release><versions><version>1.0</version><version>2.0</version></versions></versioning></metadata>";

/// The archive of 1.0.0 is what its hash says, the one of 2.0.0 is not, and
/// the one of 3.0.0 lies where packages do not.
const ABC: &str = r#"{"name":"abc","versions":{
    "1.0.0":{"dist":{"tarball":"ROOT/abc/-/abc-1.0.0.tgz","shasum":"a9993e364706816aba3e25717850c26c9cd0d89d"}},
    "2.0.0":{"dist":{"tarball":"ROOT/abc/-/abc-2.0.0.tgz","integrity":"sha512-AAAA"}},
    "3.0.0":{"dist":{"tarball":"ROOT/etc/passwd"}}}}"#;

/// A registry that counts what it is asked.
#[derive(Default)]
struct Upstream {
    asked: AtomicU32,
    seen: Mutex<Vec<String>>,
}

struct Fixture {
    registry: Registry,
    upstream: Arc<Upstream>,
    dir: tempfile::TempDir,
    _serving: JoinSet<()>,
}

async fn answer(State(upstream): State<Arc<Upstream>>, request: Request) -> Response {
    upstream.asked.fetch_add(1, Ordering::SeqCst);
    let authorization =
        request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let line = format!("{} {} {authorization:?}", request.method(), request.uri().path());
    upstream.seen.lock().unwrap().push(line);
    match request.uri().path() {
        "/npm/ms" => r#"{"name":"ms","versions":{"2.0.0":{}}}"#.into_response(),
        "/npm/ms/-/ms-2.0.0.tgz" => "tarball".into_response(),
        "/npm/abc" => ABC.replace("ROOT", "http://elsewhere.test/npm").into_response(),
        "/npm/abc/-/abc-1.0.0.tgz" | "/npm/abc/-/abc-2.0.0.tgz" => "abc".into_response(),
        "/npm/moved" => (StatusCode::FOUND, [("location", "http://127.0.0.1:1/evil")]).into_response(),
        "/npm/secret" | "/maven2/secret/secret/1/secret-1.pom" => StatusCode::UNAUTHORIZED.into_response(),
        "/maven2/a/b/1.0/b-1.0.jar" => "jar".into_response(),
        "/maven2/a/b/1.0/b-1.0.jar.sha1" => "f92e777f4341930bad9b2422283c4680d00dbc06".into_response(),
        "/maven2/a/b/1.0/b-1.0.pom" => {
            ([("x-checksum-sha1", SHA1_OF_POM), ("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT")], "pom")
                .into_response()
        }
        "/maven2/a/b/2.0/b-2.0.pom" => ([("x-checksum-sha1", SHA1_OF_POM)], "pom").into_response(),
        "/maven2/a/b/2.0/b-2.0.jar" => {
            ([("x-checksum-sha1", "0000000000000000000000000000000000000000")], "evil").into_response()
        }
        "/maven2/a/b/3.0/b-3.0.jar" => "evil".into_response(),
        "/maven2/a/b/3.0/b-3.0.jar.sha1" => SHA1_OF_POM.into_response(),
        "/maven2/a/b/maven-metadata.xml" => METADATA.into_response(),
        "/npm/broken" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "/npm/large/-/large-1.0.0.tgz" => vec![0_u8; 2000].into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn fixture() -> Fixture {
    fixture_with(None).await
}

async fn fixture_with(min_age: Option<Duration>) -> Fixture {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstream = Arc::new(Upstream::default());
    let router = Router::new().fallback(answer).with_state(Arc::clone(&upstream));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::new(Settings {
        cache: dir.path().join("cache"),
        npm: Source {
            url: format!("http://{address}/npm"),
            credentials: Some(Credentials::Token(Secret::new("token"))),
        },
        maven: Source {
            url: format!("http://{address}/maven2/"),
            credentials: Some(Credentials::Basic(Secret::new("ada:pass"))),
        },
        min_age,
        caps: Caps { answer_bytes: 1000, ..Caps::default() },
    })
    .unwrap();
    Fixture { registry, upstream, dir, _serving: serving }
}

impl Fixture {
    fn door(&self, name: &str) -> Door {
        self.registry.door(self.dir.path().join(name), Ages::Settled).unwrap()
    }

    fn asked(&self) -> u32 {
        self.upstream.asked.load(Ordering::SeqCst)
    }
}

async fn ask(door: &Door, method: Method, path: &str) -> (u16, String) {
    let client = reqwest::Client::builder().unix_socket(door.dir().join("gateway.sock")).build().unwrap();
    let response = client.request(method, format!("http://gateway{path}")).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn get(door: &Door, path: &str) -> (u16, String) {
    ask(door, Method::GET, path).await
}

#[tokio::test]
async fn a_door_answers_only_while_it_is_open() {
    let fixture = fixture().await;
    let door = fixture.door("door");
    assert_eq!(get(&door, "/ms").await.0, 503);
    door.open();
    assert_eq!(get(&door, "/ms").await.0, 200);
    door.close();
    assert_eq!(get(&door, "/ms").await.0, 503);
    assert_eq!(fixture.asked(), 1);
    let dir = door.dir().to_owned();
    drop(door);
    assert!(!dir.exists());
}

#[tokio::test]
async fn only_reading_of_packages_goes_through_and_the_token_stays_on_this_side() {
    let fixture = fixture().await;
    let door = fixture.door("door");
    door.open();
    for method in [Method::PUT, Method::POST, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        assert_eq!(ask(&door, method, "/ms").await.0, 405);
    }
    for path in ["/-/whoami", "/ms?write=true", "/ms/2.0.0", "/a%2e%2e%2fb"] {
        assert_eq!(get(&door, path).await.0, 404, "{path}");
    }
    assert_eq!(fixture.asked(), 0);
    assert_eq!(get(&door, "/ms/-/ms-2.0.0.tgz").await, (200, "tarball".to_owned()));
    let seen = fixture.upstream.seen.lock().unwrap().clone();
    assert_eq!(seen, ["GET /npm/ms/-/ms-2.0.0.tgz Some(\"Bearer token\")"]);
}

#[tokio::test]
async fn a_redirect_a_flood_and_a_failure_are_not_passed_on() {
    let fixture = fixture().await;
    let door = fixture.door("door");
    door.open();
    assert!(door.trouble().is_none());
    for (path, status) in
        [("/moved", 403), ("/large/-/large-1.0.0.tgz", 403), ("/broken", 502), ("/nothing", 404)]
    {
        assert_eq!(get(&door, path).await.0, status, "{path}");
    }
    assert!(door.artefacts().is_empty());
    // The first one is the one that is told.
    let trouble = door.trouble().unwrap();
    assert_eq!(trouble.public(), "read /moved: the registry refused (302)");
    assert_eq!((trouble.kind(), trouble.outcome()), (Kind::UserFault, Outcome::FetchFailed));
    assert!(door.trouble().is_none());
}

#[tokio::test]
async fn sessions_share_what_was_fetched_and_every_artefact_is_logged() {
    let fixture = fixture().await;
    let (first, second) = (fixture.door("first"), fixture.door("second"));
    first.open();
    second.open();
    let path = "/ms/-/ms-2.0.0.tgz";
    let both = tokio::join!(get(&first, path), get(&second, path));
    assert_eq!((both.0.0, both.1.0, fixture.asked()), (200, 200, 1));
    let logged = [first.artefacts(), second.artefacts()].concat();
    assert_eq!(logged.len(), 2);
    assert_eq!(logged.iter().filter(|artefact| artefact.from_cache).count(), 1);
    for artefact in logged {
        assert!(artefact.url.ends_with("/npm/ms/-/ms-2.0.0.tgz"));
        assert_eq!(artefact.sha256, hex::encode(<sha2::Sha256 as sha2::Digest>::digest("tarball")));
    }
    assert!(first.artefacts().is_empty());
}

#[tokio::test]
async fn a_cached_tarball_that_was_changed_on_disk_is_fetched_again() {
    let fixture = fixture().await;
    let door = fixture.door("door");
    door.open();
    get(&door, "/ms/-/ms-2.0.0.tgz").await;
    for entry in std::fs::read_dir(fixture.dir.path().join("cache/content")).unwrap() {
        std::fs::write(entry.unwrap().path(), "evil").unwrap();
    }
    assert_eq!(get(&door, "/ms/-/ms-2.0.0.tgz").await.1, "tarball");
    assert_eq!(fixture.asked(), 2);
}

#[tokio::test]
async fn a_missing_package_and_a_dead_registry_are_told_apart() {
    let fixture = fixture().await;
    let listing = async |name: &str| {
        let document = Document::NpmListing { name: name.into(), times: false };
        fixture.registry.fetch(&document, false).await
    };
    for name in ["nothing", "../etc"] {
        assert_eq!(listing(name).await.unwrap(), None, "{name}");
    }
    assert_eq!(listing("broken").await.unwrap_err().outcome(), Outcome::FetchFailed);
    let there: serde_json::Value = serde_json::from_slice(&listing("ms").await.unwrap().unwrap()).unwrap();
    assert!(there["versions"].is_object());
}

#[tokio::test]
async fn files_of_a_release_and_what_is_missing_are_asked_for_once() {
    let fixture = fixture().await;
    let files = [
        ("/maven/a/b/1.0/b-1.0.jar", 200),
        ("/maven/a/b/1.0/b-1.0.pom", 200),
        ("/maven/a/b/1.0/b-1.0.pom.asc", 404),
        ("/maven/a/b/1.0/b-1.0-sources.jar", 404),
        ("/maven/a/b/maven-metadata.xml", 200),
        ("/maven/a/c/maven-metadata.xml", 404),
    ];
    for name in ["first", "second"] {
        let door = fixture.door(name);
        door.open();
        for (path, status) in files {
            assert_eq!(get(&door, path).await.0, status, "{path}");
        }
        let taken: Vec<String> = door.artefacts().into_iter().map(|artefact| artefact.url).collect();
        assert_eq!(taken.len(), 2, "{taken:?}");
        // The jar's answer did not state its hash, so its file was read too.
        assert_eq!(u64::from(fixture.asked()), 7);
        assert_eq!(fixture.registry.upstream_requests(), 7);
    }
    let seen = fixture.upstream.seen.lock().unwrap().clone();
    assert_eq!(seen[0], "GET /maven2/a/b/1.0/b-1.0.jar Some(\"Basic YWRhOnBhc3M=\")");
}

#[tokio::test]
async fn a_file_that_is_not_what_the_repository_states_is_not_handed_in() {
    let fixture = fixture().await;
    let door = fixture.door("door");
    door.open();
    for _again in 0..2 {
        for path in ["/maven/a/b/2.0/b-2.0.jar", "/maven/a/b/3.0/b-3.0.jar"] {
            assert_eq!(get(&door, path).await.0, 403, "{path}");
        }
    }
}

#[tokio::test]
async fn a_young_release_is_not_in_the_metadata_unless_it_fixes() {
    let fixture = fixture_with(Some(Duration::from_secs(3600))).await;
    let document = Document::MavenFile { path: "a/b/maven-metadata.xml".into() };
    let shown = async |fixing| fixture.registry.fetch(&document, fixing).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&shown(false).await).contains("2.0"));
    assert!(String::from_utf8_lossy(&shown(true).await).contains("2.0"));
    let door = fixture.door("door");
    door.open();
    let (_, metadata) = get(&door, "/maven/a/b/maven-metadata.xml").await;
    let (_, sha1) = get(&door, "/maven/a/b/maven-metadata.xml.sha1").await;
    assert_eq!(sha1, maven::sha1(metadata.as_bytes()));
}

#[tokio::test]
async fn a_refusal_is_for_a_person_and_a_dead_registry_is_not() {
    let fixture = fixture().await;
    let listing = |name: &str| Document::NpmListing { name: name.into(), times: false };
    let file = |path: &str| Document::MavenFile { path: path.into() };
    for (document, kind) in [
        (listing("secret"), Kind::UserFault),
        (listing("moved"), Kind::UserFault),
        (listing("broken"), Kind::Transient),
        (file("secret/secret/1/secret-1.pom"), Kind::UserFault),
    ] {
        let failure = fixture.registry.fetch(&document, false).await.unwrap_err();
        assert_eq!((failure.kind(), failure.outcome()), (kind, Outcome::FetchFailed), "{document:?}");
    }
    for document in [listing("nothing"), listing("../etc"), file("x/y/1/y-1.pom"), file("../etc/passwd")] {
        assert_eq!(fixture.registry.fetch(&document, false).await.unwrap(), None, "{document:?}");
    }
    let refused = fixture.registry.fetch(&listing("secret"), false).await.unwrap_err();
    assert_eq!(refused.public(), "read the listing of secret: the registry refused (401)");
}

#[tokio::test]
async fn an_archive_comes_from_the_registry_itself_and_is_what_the_listing_says() {
    let fixture = fixture().await;
    let archive =
        |version: &str| Document::NpmArchive { name: "abc".to_owned(), version: version.to_owned() };
    let first = fixture.registry.fetch(&archive("1.0.0"), true).await.unwrap();
    assert_eq!(first.as_deref(), Some(&b"abc"[..]));
    assert_eq!(fixture.registry.fetch(&archive("9.0.0"), true).await.unwrap(), None);
    for (version, why) in [("2.0.0", "not what the listing says"), ("3.0.0", "names no archive")] {
        let failure = fixture.registry.fetch(&archive(version), true).await.unwrap_err();
        assert!(failure.public().contains(why), "{failure}");
        assert_eq!(failure.kind(), Kind::UserFault);
    }
    let seen = fixture.upstream.seen.lock().unwrap().clone();
    assert_eq!(
        seen,
        [
            "GET /npm/abc Some(\"Bearer token\")",
            "GET /npm/abc/-/abc-1.0.0.tgz Some(\"Bearer token\")",
            "GET /npm/abc/-/abc-2.0.0.tgz Some(\"Bearer token\")",
        ]
    );
}
