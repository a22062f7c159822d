//! The stand-in itself: what others rely on when they rely on it.

use axum::http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{APP_ID, GitHub, INSTALLATION, Rule, client, git};

const REPO: &str = "octo/app";

struct Caller {
    github: GitHub,
    token: String,
    _dir: tempfile::TempDir,
}

fn jwt(github: &GitHub) -> String {
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({ "iss": APP_ID.to_string(), "iat": now - 60, "exp": now + 500 });
    let key = EncodingKey::from_rsa_pem(github.private_key().as_bytes()).unwrap();
    encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap()
}

async fn ask(github: &GitHub, bearer: &str, (method, path): (Method, &str), body: Value) -> (u16, Value) {
    let url = format!("{}{path}", github.api_url());
    let sent = client().unwrap().request(method, url).bearer_auth(bearer).json(&body).send().await.unwrap();
    let status = sent.status().as_u16();
    (status, serde_json::from_str(&sent.text().await.unwrap()).unwrap_or_default())
}

impl Caller {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let github = GitHub::start(dir.path().to_owned()).await.unwrap();
        github.add_repo(REPO, &[("a.txt".to_owned(), "one\n".to_owned())]).await.unwrap();
        let mut caller = Self { github, token: String::new(), _dir: dir };
        caller.token = caller.mint(&["contents", "issues", "pull_requests", "checks"]).await;
        caller
    }

    async fn mint(&self, write: &[&str]) -> String {
        let permissions: serde_json::Map<String, Value> =
            write.iter().map(|name| ((*name).to_owned(), json!("write"))).collect();
        let body = json!({ "repository_ids": [self.github.repo(REPO).id], "permissions": permissions });
        let path = format!("/app/installations/{INSTALLATION}/access_tokens");
        let (status, answer) = ask(&self.github, &jwt(&self.github), (Method::POST, &path), body).await;
        assert_eq!(status, 201, "{answer}");
        answer["token"].as_str().unwrap().to_owned()
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        ask(&self.github, &self.token, (method, &format!("/repos/{REPO}{path}")), body).await
    }

    /// A commit on `main` with one file, that no branch has yet.
    async fn commit(&self, path: &str, content: &str, author: Option<Value>) -> (u16, Value) {
        let (_, head) = self.call(Method::GET, "/git/ref/heads/main", json!({})).await;
        let head = head["object"]["sha"].as_str().unwrap().to_owned();
        let (_, base) = self.call(Method::GET, &format!("/git/commits/{head}"), json!({})).await;
        let (status, blob) = self.call(Method::POST, "/git/blobs", json!({ "content": content })).await;
        if status != 201 {
            return (status, blob);
        }
        let tree = json!({ "base_tree": base["tree"]["sha"], "tree": [
            { "path": path, "mode": "100755", "type": "blob", "sha": blob["sha"] },
            { "path": "a.txt", "mode": "100644", "type": "blob", "sha": null },
        ] });
        let (status, tree) = self.call(Method::POST, "/git/trees", tree).await;
        if status != 201 {
            return (status, tree);
        }
        let mut body = json!({ "message": "Change", "tree": tree["sha"], "parents": [head] });
        if let Some(author) = author {
            body["author"] = author;
        }
        self.call(Method::POST, "/git/commits", body).await
    }

    async fn branch(&self, name: &str, commit: &Value) -> (u16, Value) {
        let body = json!({ "ref": format!("refs/heads/{name}"), "sha": commit["sha"] });
        self.call(Method::POST, "/git/refs", body).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_made_of_blobs_is_in_git_and_signed() {
    let caller = Caller::new().await;
    let (status, commit) = caller.commit("bin/run.sh", "echo\n", None).await;
    assert_eq!((status, &commit["verification"]["verified"]), (201, &json!(true)), "{commit}");
    assert_eq!(caller.branch("topic", &commit).await.0, 201);
    assert_eq!(caller.branch("topic", &commit).await.1["message"], "Reference already exists");
    let dir = caller.github.git_dir(REPO);
    let listed = git::said(&dir, &["ls-tree", "-r", "refs/heads/topic"]).await.unwrap();
    assert!(listed.starts_with("100755 blob") && listed.ends_with("bin/run.sh"), "{listed}");
    let (_, main) = caller.call(Method::GET, "/git/ref/heads/main", json!({})).await;
    let back = json!({ "sha": main["object"]["sha"] });
    let (status, said) = caller.call(Method::PATCH, "/git/refs/heads/topic", back.clone()).await;
    assert_eq!((status, &said["message"]), (422, &json!("Update is not a fast forward")));
    let forced = json!({ "sha": back["sha"], "force": true });
    assert_eq!(caller.call(Method::PATCH, "/git/refs/heads/topic", forced).await.0, 200);
    caller.github.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_refuse_with_githubs_words() {
    let caller = Caller::new().await;
    for rule in [Rule::Signatures, Rule::Secret("hunter2-secret".to_owned())] {
        caller.github.rule(REPO, rule).unwrap();
    }
    let me = json!({ "name": "me", "email": "me@example.com" });
    let (_, unsigned) = caller.commit("b.txt", "two\n", Some(me)).await;
    assert_eq!(unsigned["verification"]["verified"], false);
    let (status, said) = caller.branch("unsigned", &unsigned).await;
    assert_eq!(status, 422);
    assert!(said["message"].as_str().unwrap().contains("Commits must have verified signatures."), "{said}");
    let (status, said) = caller.commit("b.txt", "x = hunter2-secret\n", None).await;
    assert_eq!(status, 422);
    assert!(said["metadata"]["secret_scanning"].is_object(), "{said}");
    let (status, said) = caller.commit(".github/workflows/ci.yml", "on: push\n", None).await;
    assert_eq!((status, &said["message"]), (403, &json!("Resource not accessible by integration")));
    let (_, signed) = caller.commit("c.txt", "three\n", None).await;
    assert_eq!(caller.branch("signed", &signed).await.0, 201);
}

/// Pushes a commit with this file by git, and returns what git said.
async fn push(caller: &Caller, path: &str, content: &str) -> String {
    let work = tempfile::tempdir().unwrap();
    let url = caller.github.web_url().replace("http://", &format!("http://x-access-token:{}@", caller.token));
    let url = format!("{url}/{REPO}.git");
    git::said(work.path(), &["clone", "-q", &url, "."]).await.unwrap();
    let file = work.path().join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
    git::said(work.path(), &["add", "-A", "-f"]).await.unwrap();
    git::said(work.path(), &["commit", "-q", "-m", "Change"]).await.unwrap();
    let pushed = git::said(work.path(), &["push", "origin", "HEAD:refs/heads/pushed"]).await;
    pushed.map_or_else(|error| format!("{error:#}"), |_| String::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_refused_with_the_reason_of_the_rule() {
    let caller = Caller::new().await;
    let said = push(&caller, ".github/workflows/ci.yml", "on: push\n").await;
    let wanted = "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without `workflows` permission";
    assert!(said.contains(wanted), "{said}");
    caller.github.rule(REPO, Rule::Signatures).unwrap();
    let said = push(&caller, "b.txt", "two\n").await;
    assert!(said.contains("push declined due to repository rule violations"), "{said}");
    assert!(said.contains("- Commits must have verified signatures."), "{said}");
    assert!(!caller.github.branches(REPO).await.unwrap().contains_key("pushed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_name_leads_to_the_number_and_lists_are_linked() {
    let caller = Caller::new().await;
    caller.github.page_size(2);
    let number = caller.github.open_issue(REPO, "Title", "");
    for text in ["one", "two", "three"] {
        let delivery = caller.github.comment(REPO, number, "octocat", text);
        assert_eq!(delivery.json()["comment"]["user"]["id"], 1);
    }
    caller.github.rename(REPO, "octo/other").unwrap();
    let (status, page) =
        caller.call(Method::GET, &format!("/issues/{number}/comments?per_page=100"), json!({})).await;
    assert_eq!((status, page.as_array().map(Vec::len)), (200, Some(2)), "{page}");
    let id = caller.github.repo("octo/other").id;
    let next = format!("/repositories/{id}/issues/{number}/comments?per_page=100&page=2");
    let (_, page) = ask(&caller.github, &caller.token, (Method::GET, &next), json!({})).await;
    assert_eq!(page[0]["body"], "three");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_delivery_is_listed_and_sent_again_with_its_guid() {
    let caller = Caller::new().await;
    let number = caller.github.open_issue(REPO, "Title", "");
    let delivery = caller.github.label(REPO, number, "agent:bump", "octocat");
    caller.github.lose(&delivery, 503);
    let key = jwt(&caller.github);
    let (_, list) =
        ask(&caller.github, &key, (Method::GET, "/app/hook/deliveries?status=failure"), json!({})).await;
    assert_eq!((&list[0]["guid"], &list[0]["status_code"]), (&json!(delivery.guid), &json!(503)), "{list}");
    let path = format!("/app/hook/deliveries/{}/attempts", list[0]["id"]);
    // It goes to a page of the stand-in, which takes no such thing.
    caller.github.set_hook(&format!("{}/nowhere", caller.github.web_url()), "secret");
    assert_eq!(ask(&caller.github, &key, (Method::POST, &path), json!({})).await.0, 202);
    let again = async {
        while caller.github.attempts(&delivery.guid).len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), again).await.unwrap();
    assert_eq!(caller.github.attempts(&delivery.guid), [503, 404]);
}

#[tokio::test(flavor = "multi_thread")]
async fn annotations_add_up_and_a_rerun_is_newer() {
    let caller = Caller::new().await;
    let sha = git::head(&caller.github.git_dir(REPO), "main").unwrap();
    let note = json!({ "path": "a.txt", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "no" });
    let output = json!({ "title": "t", "summary": "s", "annotations": [note] });
    let body =
        json!({ "name": "agent / verify", "head_sha": sha, "status": "in_progress", "output": output });
    let (status, run) = caller.call(Method::POST, "/check-runs", body.clone()).await;
    assert_eq!(status, 201, "{run}");
    let path = format!("/check-runs/{}", run["id"]);
    let done = json!({ "conclusion": "failure", "output": output });
    let (status, done) = caller.call(Method::PATCH, &path, done).await;
    assert_eq!(
        (status, &done["output"]["annotations_count"], &done["status"]),
        (200, &json!(2), &json!("completed"))
    );
    caller.call(Method::POST, "/check-runs", body).await;
    for (filter, count) in [("latest", 1), ("all", 2)] {
        let path = format!("/commits/{sha}/check-runs?filter={filter}");
        let (_, list) = caller.call(Method::GET, &path, json!({})).await;
        assert_eq!(list["total_count"], count);
    }
    let bad = json!({ "name": "x", "head_sha": "0".repeat(40), "status": "queued" });
    assert_eq!(caller.call(Method::POST, "/check-runs", bad).await.0, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_in_git_and_closes_what_the_pull_request_fixes() {
    let caller = Caller::new().await;
    let issue = caller.github.open_issue(REPO, "Title", "");
    caller.github.push_to(REPO, "topic", &[("a.txt", Some("two\n"))], ("octocat", "Change")).await.unwrap();
    let body = json!({ "title": "Change", "head": "topic", "base": "main", "body": format!("Fixes #{issue}"), "draft": true });
    let (status, pull) = caller.call(Method::POST, "/pulls", body).await;
    assert_eq!((status, &pull["draft"]), (201, &json!(true)), "{pull}");
    let number = pull["number"].as_u64().unwrap();
    let told = caller.github.merge(REPO, number, "octocat").await.unwrap().json();
    assert_eq!((&told["action"], &told["pull_request"]["merged"]), (&json!("closed"), &json!(true)));
    assert_eq!(caller.github.file(REPO, "main", "a.txt").await.unwrap().as_deref(), Some("two\n"));
    assert!(caller.github.repo(REPO).issues[&issue].closed);
}
