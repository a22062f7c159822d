//! What becomes of a pull request, and the delivery that tells of it.

use serde_json::json;

use super::{Delivery, GitHub, INSTALLATION};

impl GitHub {
    /// Closes a pull request as this person, and returns the signed delivery
    /// that says so.
    #[must_use]
    pub fn close_pull(&self, repo: &str, number: u64, merged: bool, by: &str) -> Delivery {
        let mut state = self.state();
        let id = state.id();
        let issue =
            state.repos.get(repo).and_then(|repo| repo.issues.get(&number)).cloned().unwrap_or_default();
        drop(state);
        let (owner, name) = repo.split_once('/').unwrap_or_default();
        let pull = issue.pull.as_ref();
        Delivery {
            guid: format!("00000000-0000-4000-8000-{id:012}"),
            event: "pull_request".to_owned(),
            body: json!({
                "action": "closed",
                "number": number,
                "pull_request": {
                    "number": number, "title": issue.title, "state": "closed", "merged": merged,
                    "html_url": format!("{}/{repo}/pull/{number}", self.web_url()),
                    "closed_at": "2026-02-03T04:05:06Z",
                    "merged_by": merged.then(|| json!({ "login": by })),
                    "head": { "ref": pull.map(|pull| &pull.head) },
                    "base": { "ref": pull.map(|pull| &pull.base) },
                },
                "repository": { "id": 1, "name": name, "full_name": repo, "private": true, "owner": { "login": owner } },
                "sender": { "login": by, "id": 1, "type": "User" },
                "installation": { "id": INSTALLATION },
            })
            .to_string(),
        }
    }
}
