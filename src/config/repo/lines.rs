//! What a file sets, one line for each setting, for people.

use std::fmt::Display;

use super::{Commands, RepoConfig, Role};
use crate::advisory::Severity;

impl RepoConfig {
    /// Every setting of the file, as `limits.turns: 4`; empty when it sets
    /// nothing.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (change, is_on) in &self.changes {
            lines.push(format!("changes.{change}: {}", if *is_on { "on" } else { "off" }));
        }
        say(&mut lines, "paths.allowed", self.paths.allowed.as_ref().map(|globs| globs.join(", ")));
        say(&mut lines, "paths.protected", joined(&self.paths.protected));
        self.say_checks(&mut lines);
        say(&mut lines, "runtime.node", self.runtime.node);
        say(&mut lines, "runtime.jdk", self.runtime.jdk);
        say(&mut lines, "pull_request.draft", self.pull_request.draft.then_some("true"));
        say(&mut lines, "pull_request.labels", joined(&self.pull_request.labels));
        say(&mut lines, "pull_request.reviewers", joined(&self.pull_request.reviewers));
        say(&mut lines, "limits.turns", self.limits.turns);
        say(&mut lines, "limits.agent_seconds", self.limits.agent_seconds);
        say(&mut lines, "limits.attempts", self.limits.attempts);
        say(&mut lines, "limits.cost_usd", self.limits.cost);
        say(&mut lines, "cooldown_hours", self.cooldown_hours);
        say(&mut lines, "triggers.role", self.triggers.role.map(Role::name));
        say(&mut lines, "triggers.people", self.triggers.people.as_ref().map(|people| people.join(", ")));
        say(&mut lines, "models.agent", self.models.agent.as_deref());
        say(&mut lines, "models.judge", self.models.judge.as_deref());
        say(&mut lines, "security.enabled", self.security.enabled);
        say(&mut lines, "security.min_severity", self.security.min_severity.map(Severity::name));
        let scopes = self.security.scopes.as_ref();
        let scopes = scopes.map(|all| all.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", "));
        say(&mut lines, "security.scopes", scopes);
        lines
    }

    fn say_checks(&self, lines: &mut Vec<String>) {
        let verify = &self.verify;
        let checks = [
            ("build", &verify.build),
            ("typecheck", &verify.typecheck),
            ("lint", &verify.lint),
            ("test", &verify.test),
        ];
        for (check, commands) in checks {
            let told = commands.as_ref().map(|Commands(commands)| {
                let shown: Vec<String> = commands.iter().map(|words| words.join(" ")).collect();
                if shown.is_empty() { "off".to_owned() } else { shown.join(", then ") }
            });
            say(lines, &format!("verify.{check}"), told);
            let minutes = verify.timeout_minutes.of(check);
            say(lines, &format!("verify.timeout_minutes.{check}"), minutes);
        }
    }
}

fn say(lines: &mut Vec<String>, name: &str, value: Option<impl Display>) {
    lines.extend(value.map(|value| format!("{name}: {value}")));
}

fn joined(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(", "))
}
