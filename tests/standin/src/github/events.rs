//! What people and bots do on GitHub, and the signed deliveries that tell of
//! it.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::state::{Check, Inline, Issue, Pull, Review, account, now};
use super::{Delivery, GitHub, INSTALLATION, OTHER_APP, git};

/// The account of a repository's own workflows.
const ACTIONS: &str = "github-actions[bot]";

impl GitHub {
    pub(super) fn account(&self, login: &str) -> Value {
        account(&self.web_url(), login)
    }

    pub(super) fn repo_json(&self, name: &str) -> Value {
        let repo = self.repo(name);
        let (owner, short) = name.split_once('/').unwrap_or_default();
        let mut holder = self.account(owner);
        holder["type"] = json!("Organization");
        json!({
            "id": repo.id, "node_id": format!("R_{}", repo.id), "name": short, "full_name": name,
            "private": !repo.public, "visibility": if repo.public { "public" } else { "private" },
            "owner": holder, "html_url": format!("{}/{name}", self.web_url()), "description": null,
            "fork": false, "url": format!("{}/repos/{name}", self.api_url()),
            "clone_url": format!("{}/{name}.git", self.web_url()),
            "default_branch": repo.default_branch, "archived": repo.archived, "disabled": false,
        })
    }

    /// The delivery of an event in a repository, as `sender` caused it.
    pub(super) fn tell(
        &self,
        repo: &str,
        event: &str,
        action: &str,
        (sender, more): (&str, Value),
    ) -> Delivery {
        let mut body = json!({ "action": action });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        body["repository"] = self.repo_json(repo);
        body["sender"] = self.account(sender);
        body["installation"] = json!({ "id": INSTALLATION, "node_id": "MDIz" });
        self.delivery(event, &body)
    }

    pub(super) fn delivery(&self, event: &str, body: &Value) -> Delivery {
        let id = self.state().id();
        self.touch();
        Delivery {
            guid: format!("00000000-0000-4000-8000-{id:012}"),
            event: event.to_owned(),
            body: body.to_string(),
        }
    }

    fn change_issue(&self, repo: &str, number: u64, change: impl FnOnce(&mut Issue)) {
        if let Some(issue) = self.state().issue(repo, number) {
            change(issue);
        }
        self.touch();
    }

    /// Opens an issue and returns its number.
    #[must_use]
    pub fn open_issue(&self, repo: &str, title: &str, body: &str) -> u64 {
        self.open_issue_as(repo, title, body, "octocat")
    }

    fn open_issue_as(&self, repo: &str, title: &str, body: &str, author: &str) -> u64 {
        let mut state = self.state();
        let issues = state.repos.get_mut(repo).map(|repo| &mut repo.issues);
        let Some(issues) = issues else { return 0 };
        let number = issues.keys().max().unwrap_or(&0) + 1;
        let issue = Issue {
            title: title.to_owned(),
            body: body.to_owned(),
            author: author.to_owned(),
            at: now(),
            ..Issue::default()
        };
        issues.insert(number, issue);
        number
    }

    /// Opens an issue with a label already on it, as a template does: GitHub
    /// tells of both, in this order.
    #[must_use]
    pub fn open_issue_labeled(
        &self,
        repo: &str,
        (title, body): (&str, &str),
        label: &str,
        sender: &str,
    ) -> (u64, [Delivery; 2]) {
        let number = self.open_issue_as(repo, title, body, sender);
        self.change_issue(repo, number, |issue| {
            issue.labels.insert(label.to_owned());
        });
        let opened = json!({ "issue": self.issue_json(repo, number) });
        let opened = self.tell(repo, "issues", "opened", (sender, opened));
        (number, [opened, self.label(repo, number, label, sender)])
    }

    /// Labels an issue or a pull request.
    #[must_use]
    pub fn label(&self, repo: &str, number: u64, label: &str, sender: &str) -> Delivery {
        self.change_issue(repo, number, |issue| {
            issue.labels.insert(label.to_owned());
        });
        self.labelled(repo, number, ("labeled", label), sender)
    }

    /// Takes a label off.
    #[must_use]
    pub fn unlabel(&self, repo: &str, number: u64, label: &str, sender: &str) -> Delivery {
        self.change_issue(repo, number, |issue| {
            issue.labels.remove(label);
        });
        self.labelled(repo, number, ("unlabeled", label), sender)
    }

    fn labelled(&self, repo: &str, number: u64, (action, label): (&str, &str), sender: &str) -> Delivery {
        let label = Self::label_json(label);
        if self.repo(repo).issues.get(&number).is_some_and(|issue| issue.pull.is_some()) {
            let more =
                json!({ "number": number, "pull_request": self.pull_json(repo, number), "label": label });
            return self.tell(repo, "pull_request", action, (sender, more));
        }
        let more = json!({ "issue": self.issue_json(repo, number), "label": label });
        self.tell(repo, "issues", action, (sender, more))
    }

    /// Somebody closes an issue.
    #[must_use]
    pub fn close_issue(&self, repo: &str, number: u64, sender: &str) -> Delivery {
        self.change_issue(repo, number, |issue| issue.closed = true);
        let more = json!({ "issue": self.issue_json(repo, number) });
        self.tell(repo, "issues", "closed", (sender, more))
    }

    /// Somebody comments on an issue or a pull request.
    #[must_use]
    pub fn comment(&self, repo: &str, number: u64, login: &str, body: &str) -> Delivery {
        let comment = self.say(repo, number, login, body);
        let more = json!({ "issue": self.issue_json(repo, number), "comment": comment });
        self.tell(repo, "issue_comment", "created", (login, more))
    }

    /// Somebody edits a comment, maybe not their own.
    ///
    /// # Errors
    /// There is no such comment.
    pub fn edit_comment(&self, repo: &str, id: u64, login: &str, body: &str) -> anyhow::Result<Delivery> {
        let (number, from, comment) = {
            let mut state = self.state();
            let issues = state.repos.get_mut(repo).into_iter().flat_map(|repo| repo.issues.iter_mut());
            let (number, comment) = issues
                .filter_map(|(number, issue)| Some((*number, issue.comments.get_mut(&id)?)))
                .next()
                .context("could not find the comment")?;
            let from = std::mem::replace(&mut comment.body, body.to_owned());
            comment.edited_at = now();
            (number, from, comment.clone())
        };
        let more = json!({
            "issue": self.issue_json(repo, number), "comment": self.comment_json(repo, number, id, &comment),
            "changes": { "body": { "from": from } },
        });
        Ok(self.tell(repo, "issue_comment", "edited", (login, more)))
    }

    /// Somebody submits a review (`changes_requested`, `approved`,
    /// `commented`) with comments on lines: path, line, words.
    #[must_use]
    pub fn review(
        &self,
        repo: &str,
        number: u64,
        login: &str,
        (verdict, body, lines): (&str, &str, &[(&str, u64, &str)]),
    ) -> Delivery {
        let commit = self.head_commit(repo, number);
        let mut state = self.state();
        let id = state.id();
        let comments = lines
            .iter()
            .map(|(path, line, body)| Inline {
                id: state.id(),
                path: (*path).to_owned(),
                line: *line,
                body: (*body).to_owned(),
            })
            .collect();
        let review = Review {
            author: login.to_owned(),
            state: verdict.to_uppercase(),
            body: body.to_owned(),
            commit,
            at: now(),
            comments,
        };
        if let Some(pull) = state.issue(repo, number).and_then(|issue| issue.pull.as_mut()) {
            pull.reviews.insert(id, review.clone());
        }
        drop(state);
        let mut shown = self.review_json(repo, number, id, &review);
        // Deliveries write it small, answers of the API large.
        shown["state"] = json!(verdict.to_lowercase());
        let mut pull = self.pull_json(repo, number);
        // This event's pull request is the short form.
        if let Some(fields) = pull.as_object_mut() {
            for long in ["merged", "merged_by", "mergeable", "comments"] {
                fields.remove(long);
            }
        }
        let more = json!({ "review": shown, "pull_request": pull });
        self.tell(repo, "pull_request_review", "submitted", (login, more))
    }

    /// The commit that a pull request would merge.
    #[must_use]
    pub fn head_commit(&self, repo: &str, number: u64) -> String {
        let pull = self.repo(repo).issues.get(&number).and_then(|issue| issue.pull.clone());
        pull.map(|pull| self.head_of(repo, &pull)).unwrap_or_default()
    }

    fn check_event(&self, repo: &str, id: u64, action: &str, (login, mut more): (&str, Value)) -> Delivery {
        let check = self.repo(repo).checks.get(&id).map(|check| {
            let mut shown = self.check_json(repo, id, check);
            shown["check_suite"] = self.suite_json(repo, &check.sha);
            shown
        });
        more["check_run"] = json!(check);
        self.tell(repo, "check_run", action, (login, more))
    }

    /// Somebody presses GitHub's own "re-run" of a check run.
    #[must_use]
    pub fn rerequest_check(&self, repo: &str, check: u64, login: &str) -> Delivery {
        self.check_event(repo, check, "rerequested", (login, json!({})))
    }

    /// Somebody presses a button that a check run offers.
    #[must_use]
    pub fn press(&self, repo: &str, check: u64, button: &str, login: &str) -> Delivery {
        let more = json!({ "requested_action": { "identifier": button } });
        self.check_event(repo, check, "requested_action", (login, more))
    }

    /// Somebody presses "re-run all checks" at a commit.
    #[must_use]
    pub fn rerequest_suite(&self, repo: &str, sha: &str, login: &str) -> Delivery {
        let more = json!({ "check_suite": self.suite_json(repo, sha) });
        self.tell(repo, "check_suite", "rerequested", (login, more))
    }

    /// The repository's own workflows end at the head of a pull request.
    #[must_use]
    pub fn suite_completed(&self, repo: &str, pull: u64, conclusion: &str) -> Delivery {
        let sha = self.head_commit(repo, pull);
        let mut state = self.state();
        let (id, run) = (state.id(), state.id());
        if let Some(repo) = state.repos.get_mut(repo) {
            let body = json!({ "name": "build", "status": "completed", "conclusion": conclusion });
            let check = Check {
                sha: sha.clone(),
                body,
                app: OTHER_APP,
                started_at: now(),
                completed_at: Some(now()),
            };
            repo.checks.insert(run, check);
        }
        drop(state);
        let mut suite = self.suite_json(repo, &sha);
        suite["id"] = json!(id);
        suite["conclusion"] = json!(conclusion);
        suite["app"] = json!({ "id": OTHER_APP, "slug": "github-actions", "name": "GitHub Actions" });
        let shown = self.pull_json(repo, pull);
        suite["pull_requests"] = json!([{
            "id": shown["id"], "number": pull, "url": shown["url"],
            "head": { "ref": shown["head"]["ref"], "sha": sha, "repo": { "id": shown["head"]["repo"]["id"] } },
            "base": { "ref": shown["base"]["ref"], "sha": shown["base"]["sha"], "repo": { "id": shown["base"]["repo"]["id"] } },
        }]);
        self.tell(repo, "check_suite", "completed", (ACTIONS, json!({ "check_suite": suite })))
    }

    /// Somebody pushes a commit to a branch, which is made from the default
    /// branch where there is none yet; `None` for a content deletes a file.
    /// GitHub signs what its own bots push. Returns the commit.
    ///
    /// # Errors
    /// git fails.
    pub async fn push_to(
        &self,
        repo: &str,
        branch: &str,
        files: &[(&str, Option<&str>)],
        (author, message): (&str, &str),
    ) -> anyhow::Result<String> {
        let dir = self.git_dir(repo);
        let parent = match git::commit_of(&dir, branch).await {
            Some(parent) => parent,
            None => {
                let base = self.repo(repo).default_branch;
                git::commit_of(&dir, &base).await.context("could not find the default branch")?
            }
        };
        let commit = commit_on(&dir, &parent, files, (author, message)).await?;
        git::said(&dir, &["update-ref", &format!("refs/heads/{branch}"), &commit]).await?;
        if author.ends_with("[bot]") {
            self.verify(repo, &commit);
        }
        self.see_heads(repo).await?;
        Ok(commit)
    }

    /// Somebody opens a pull request from a branch that is there.
    #[must_use]
    pub fn open_pull(&self, repo: &str, branch: &str, title: &str, author: &str) -> (u64, Delivery) {
        let base = self.repo(repo).default_branch;
        let pull = Pull { head: branch.to_owned(), base, ..Pull::default() };
        let number = self.add_pull(repo, author, (title, ""), pull);
        let more = json!({ "number": number, "pull_request": self.pull_json(repo, number) });
        (number, self.tell(repo, "pull_request", "opened", (author, more)))
    }

    /// The delivery that tells of a push to a pull request's branch.
    #[must_use]
    pub fn synchronize(&self, repo: &str, number: u64, before: &str, login: &str) -> Delivery {
        let after = self.head_commit(repo, number);
        let more = json!({
            "number": number, "pull_request": self.pull_json(repo, number), "before": before, "after": after,
        });
        self.tell(repo, "pull_request", "synchronize", (login, more))
    }

    /// Closes a pull request as this person; `merged` says what GitHub says,
    /// without a merge in git.
    #[must_use]
    pub fn close_pull(&self, repo: &str, number: u64, merged: bool, by: &str) -> Delivery {
        let head = self.head_commit(repo, number);
        self.change_issue(repo, number, |issue| {
            issue.closed = true;
            if let Some(pull) = &mut issue.pull {
                pull.last_head = head;
                pull.merged_by = merged.then(|| by.to_owned());
            }
        });
        let more = json!({ "number": number, "pull_request": self.pull_json(repo, number) });
        self.tell(repo, "pull_request", "closed", (by, more))
    }

    /// Merges a pull request, in git too, and closes the issues that its body
    /// fixes.
    ///
    /// # Errors
    /// git cannot merge it.
    pub async fn merge(&self, repo: &str, number: u64, login: &str) -> anyhow::Result<Delivery> {
        let issue =
            self.repo(repo).issues.get(&number).cloned().context("could not find the pull request")?;
        let pull = issue.pull.context("could not merge an issue")?;
        let dir = self.git_dir(repo);
        let base = format!("refs/heads/{}", pull.base);
        let head = self.head_of(repo, &pull);
        let tree = git::said(&dir, &["merge-tree", "--write-tree", &base, &head]).await?;
        let message = format!("Merge pull request #{number} from {}\n\n{}", pull.head, issue.title);
        let args = ["commit-tree", &tree, "-p", &base, "-p", &head, "-m", &message];
        let commit = git::said(&dir, &args).await?;
        git::said(&dir, &["update-ref", &base, &commit]).await?;
        self.see_heads(repo).await?;
        for line in issue.body.lines() {
            let fixed = line
                .split("Fixes #")
                .nth(1)
                .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok());
            if let Some(fixed) = fixed {
                self.change_issue(repo, fixed, |issue| issue.closed = true);
            }
        }
        Ok(self.close_pull(repo, number, true, login))
    }

    /// A branch goes; its pull requests keep what their head was.
    pub(super) fn remember_head(&self, repo: &str, branch: &str, sha: &str) {
        let mut state = self.state();
        let Some(repo) = state.repos.get_mut(repo) else { return };
        for pull in repo.issues.values_mut().filter_map(|issue| issue.pull.as_mut()) {
            if pull.head == branch {
                sha.clone_into(&mut pull.last_head);
            }
        }
    }
}

async fn commit_on(
    dir: &Path,
    parent: &str,
    files: &[(&str, Option<&str>)],
    (author, message): (&str, &str),
) -> anyhow::Result<String> {
    let file = dir.join(format!("standin-index-{}", ulid::Ulid::new()));
    let email = format!("{author}@users.noreply.github.com");
    let settings = [
        ("GIT_INDEX_FILE", file.to_str().unwrap_or_default()),
        ("GIT_AUTHOR_NAME", author),
        ("GIT_AUTHOR_EMAIL", &email),
        ("GIT_COMMITTER_NAME", author),
        ("GIT_COMMITTER_EMAIL", &email),
    ];
    git::fed(dir, &["read-tree", parent], b"", &settings).await?;
    for (path, content) in files {
        let entry = match content {
            Some(content) => {
                let blob = git::fed(dir, &["hash-object", "-w", "--stdin"], content.as_bytes(), &[]).await?;
                format!("100644 {blob}\t{path}\n")
            }
            None => format!("0 {}\t{path}\n", "0".repeat(40)),
        };
        git::fed(dir, &["update-index", "--index-info"], entry.as_bytes(), &settings).await?;
    }
    let tree = git::fed(dir, &["write-tree"], b"", &settings).await?;
    std::fs::remove_file(&file).ok();
    git::fed(dir, &["commit-tree", &tree, "-p", parent], message.as_bytes(), &settings).await
}
