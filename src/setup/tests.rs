use axum::body::Body;
use axum::http::Method;
use tower::ServiceExt as _;

use super::*;
use crate::outcome::Outcome;

const TOKEN: &str = "right";

#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl Register for Kept {
    fn register(&self, code: String, asked: Asked) -> BoxFuture<'_, Result<Registered, Failure>> {
        Box::pin(async move {
            if code == "stale" {
                return Err(Failure::user(Outcome::InternalError, "change the code"));
            }
            assert_eq!(asked.address, "https://agent.test");
            self.0.lock().unwrap().push(code);
            Ok(Registered { html_url: "https://github.test/apps/x".into(), name: "x".into() })
        })
    }
}

fn world() -> (Setup, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let addresses = Addresses { own: "http://127.0.0.1:1".into(), web_url: "https://github.test".into() };
    let register: Arc<dyn Register> = Arc::<Kept>::clone(&kept);
    (Setup::new(Secret::new(TOKEN), addresses, Asked::default(), register), kept)
}

async fn ask(
    setup: &Setup,
    method: Method,
    path: &str,
    form: &str,
    cookie: Option<&str>,
) -> (u16, HeaderMap, String) {
    let mut request = axum::http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/x-www-form-urlencoded");
    if let Some(cookie) = cookie {
        request = request.header("cookie", format!("a=b; {cookie}"));
    }
    let response = setup.router().oneshot(request.body(Body::from(form.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// Fills the form in, and returns the cookie, the `state` and the page.
async fn begin(setup: &Setup, fields: &str) -> (String, String, String) {
    let form = format!("token={TOKEN}&name=agent&address=https%3A%2F%2Fagent.test%2F{fields}");
    let (status, headers, page) = ask(setup, Method::POST, "/setup", &form, None).await;
    assert_eq!(status, 200, "{page}");
    let cookie = headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let state = page.split("new?state=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (cookie, state, page)
}

#[tokio::test]
async fn only_the_printed_address_opens_the_page() {
    let (setup, _) = world();
    for path in ["/setup", "/setup?token=", "/setup?token=wrong"] {
        assert_eq!(ask(&setup, Method::GET, path, "", None).await.0, 403, "{path}");
    }
    let own = setup.link();
    let (status, headers, page) =
        ask(&setup, Method::GET, own.strip_prefix("http://127.0.0.1:1").unwrap(), "", None).await;
    assert_eq!(status, 200);
    assert!(page.contains("name=\"organization\""), "{page}");
    assert!(headers["content-security-policy"].to_str().unwrap().contains("https://github.test"));
    let form = "token=wrong&name=a&address=https%3A%2F%2Fa.test";
    assert_eq!(ask(&setup, Method::POST, "/setup", form, None).await.0, 403);
}

#[tokio::test]
async fn the_manifest_goes_to_the_person_or_to_the_organisation() {
    let (setup, _) = world();
    let (_, _, page) = begin(&setup, "").await;
    assert!(page.contains("action=\"https://github.test/settings/apps/new?state="), "{page}");
    let (_, _, page) = begin(&setup, "&organization=octo").await;
    assert!(
        page.contains("action=\"https://github.test/organizations/octo/settings/apps/new?state="),
        "{page}"
    );
    // The manifest is one attribute, and nothing in it ends the attribute.
    let manifest = page.split("name=\"manifest\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest.replace("&quot;", "\"")).unwrap();
    assert_eq!(manifest["hook_attributes"]["url"], "https://agent.test/webhooks/github");
    assert_eq!(manifest["redirect_url"], "http://127.0.0.1:1/setup/callback");
    assert_eq!(manifest["public"], false);
    assert_eq!(manifest["default_permissions"]["contents"], "write");
}

#[tokio::test]
async fn what_github_would_refuse_is_said_at_once() {
    let (setup, _) = world();
    for (fields, word) in [
        ("name=&address=https%3A%2F%2Fa.test", "characters"),
        ("name=a&address=a.test", "https://"),
        ("name=a&address=https%3A%2F%2Flocalhost%3A80", "webhooks"),
        ("name=a&address=https%3A%2F%2Fa.test&organization=a%2Fb", "hyphens"),
    ] {
        let form = format!("token={TOKEN}&{fields}");
        let (status, _, page) = ask(&setup, Method::POST, "/setup", &form, None).await;
        assert!(status == 422 && page.contains(word), "{fields}: {page}");
    }
}

#[tokio::test]
async fn a_code_is_taken_once_from_the_browser_that_began() {
    let (setup, kept) = world();
    let answer = async |state: &str, code: &str, cookie: Option<&str>| {
        ask(&setup, Method::GET, &format!("/setup/callback?code={code}&state={state}"), "", cookie).await.0
    };
    let (cookie, state, _) = begin(&setup, "").await;
    let (other, _, _) = begin(&setup, "").await;
    assert_eq!(answer("made-up", "c1", Some(&cookie)).await, 403);
    // A stranger's browser uses the state up, and gets nothing for it.
    assert_eq!(answer(&state, "c1", Some(&other)).await, 403);
    assert_eq!(answer(&state, "c1", Some(&cookie)).await, 403);
    let (cookie, state, _) = begin(&setup, "").await;
    assert_eq!(answer(&state, "c1", None).await, 403);
    let (cookie2, state, _) = begin(&setup, "").await;
    assert_ne!(cookie, cookie2);
    assert_eq!(answer(&state, "c2", Some(&cookie2)).await, 200);
    assert_eq!(answer(&state, "c2", Some(&cookie2)).await, 403);
    let (cookie, state, _) = begin(&setup, "").await;
    assert_eq!(answer(&state, "..%2Fx", Some(&cookie)).await, 400);
    let (cookie, state, _) = begin(&setup, "").await;
    assert_eq!(answer(&state, "stale", Some(&cookie)).await, 502);
    assert_eq!(*kept.0.lock().unwrap(), ["c2"]);
}
