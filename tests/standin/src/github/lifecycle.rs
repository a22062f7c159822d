//! Repositories that get another name or are closed, and the App's
//! installation coming and going.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::state::Installed;
use super::{Delivery, GitHub};

impl GitHub {
    /// A repository gets another name. Its old one leads to the new one.
    ///
    /// # Errors
    /// There is no such repository, or its directory cannot be moved.
    pub fn rename(&self, repo: &str, to: &str) -> anyhow::Result<Delivery> {
        self.move_to(repo, to)?;
        let from = repo.split('/').nth(1).unwrap_or_default();
        let more = json!({ "changes": { "repository": { "name": { "from": from } } } });
        Ok(self.tell(to, "repository", "renamed", ("octocat", more)))
    }

    /// A repository gets another owner, under whom the App is installed too.
    ///
    /// # Errors
    /// There is no such repository, or its directory cannot be moved.
    pub fn transfer(&self, repo: &str, to: &str) -> anyhow::Result<Delivery> {
        self.move_to(repo, to)?;
        let from = self.account(repo.split('/').next().unwrap_or_default());
        let more = json!({ "changes": { "owner": { "from": { "organization": from } } } });
        Ok(self.tell(to, "repository", "transferred", ("octocat", more)))
    }

    fn move_to(&self, repo: &str, to: &str) -> anyhow::Result<()> {
        let (from_dir, to_dir) = (self.git_dir(repo), self.git_dir(to));
        let mut state = self.state();
        let moved = state.repos.remove(repo).context("could not find the repository")?;
        state.former.insert(repo.to_owned(), moved.id);
        state.repos.insert(to.to_owned(), moved);
        std::fs::create_dir_all(to_dir.parent().context("a repository has an owner")?)?;
        std::fs::rename(from_dir, to_dir).context("could not move the repository")?;
        Ok(())
    }

    /// A repository is archived: nothing can be written any more.
    #[must_use]
    pub fn archive(&self, repo: &str) -> Delivery {
        if let Some(repo) = self.state().repos.get_mut(repo) {
            repo.archived = true;
        }
        self.tell(repo, "repository", "archived", ("octocat", json!({})))
    }

    /// A repository is deleted.
    #[must_use]
    pub fn delete_repo(&self, repo: &str) -> Delivery {
        let told = self.tell(repo, "repository", "deleted", ("octocat", json!({})));
        self.state().repos.remove(repo);
        told
    }

    fn installation(&self, installed: Installed, action: &str) -> Delivery {
        let repositories = self.short_repositories(|_| true);
        self.state().installed = installed;
        let body = json!({
            "action": action, "installation": self.installation_json(), "repositories": repositories,
            "requester": null, "sender": self.account("octocat"),
        });
        self.delivery("installation", &body)
    }

    fn short_repositories(&self, wanted: impl Fn(&str) -> bool) -> Vec<Value> {
        let names: Vec<String> = self.state().repos.keys().filter(|name| wanted(name)).cloned().collect();
        names
            .iter()
            .map(|name| {
                let long = self.repo_json(name);
                json!({ "id": long["id"], "node_id": long["node_id"], "name": long["name"], "full_name": name, "private": long["private"] })
            })
            .collect()
    }

    /// The owner suspends the App.
    #[must_use]
    pub fn suspend_installation(&self) -> Delivery {
        self.installation(Installed::Suspended, "suspend")
    }

    /// The owner lets the App work again.
    #[must_use]
    pub fn unsuspend_installation(&self) -> Delivery {
        self.installation(Installed::Yes, "unsuspend")
    }

    /// The owner removes the App.
    #[must_use]
    pub fn remove_installation(&self) -> Delivery {
        self.installation(Installed::Removed, "deleted")
    }

    /// The owner takes repositories out of the installation.
    #[must_use]
    pub fn remove_repos(&self, repos: &[&str]) -> Delivery {
        let removed = self.short_repositories(|name| repos.contains(&name));
        {
            let mut state = self.state();
            let ids: Vec<u64> =
                repos.iter().filter_map(|name| state.repos.get(*name)).map(|repo| repo.id).collect();
            state.uncovered.extend(ids);
        }
        let body = json!({
            "action": "removed", "installation": self.installation_json(), "repository_selection": "selected",
            "repositories_added": [], "repositories_removed": removed, "requester": null,
            "sender": self.account("octocat"),
        });
        self.delivery("installation_repositories", &body)
    }
}
