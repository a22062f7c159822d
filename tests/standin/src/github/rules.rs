//! What a repository refuses: rulesets, push protection, and workflows that
//! need a permission of their own. A hook of git checks what is pushed; the
//! same rules hold for what is written by the API.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::GitHub;
use super::api::{Answer, refused};
use super::state::Rule;
use super::{data, git};

/// Of the hook's environment: may the token write workflows?
pub(super) const MAY_WORKFLOWS: &str = "STANDIN_MAY_WORKFLOWS";

/// Where the hook leaves the reason that the pushing side is to be told.
const REASON: &str = "standin-reason";

/// What git itself says when the hook refuses.
const DECLINED: &str = "pre-receive hook declined";

/// The rules of every branch, as GitHub lists them; push protection is none.
pub(super) fn active(rules: &[Rule]) -> Value {
    let listed = rules.iter().filter_map(|rule| match rule {
        Rule::Signatures => Some("required_signatures"),
        Rule::NoCreation => Some("creation"),
        Rule::Secret(_) => None,
    });
    let source = |kind| json!({ "type": kind, "ruleset_source_type": "Repository", "ruleset_id": 1 });
    listed.map(source).collect()
}

/// The hook, with the rules as functions' arguments at its end.
const HOOK: &str = r#"#!/bin/sh
# Refuses what the repository's rules refuse, in GitHub's words.
rm -f "$GIT_DIR/standin-reason"
refuse() {
  printf '%s' "push declined due to repository rule violations" >"$GIT_DIR/standin-reason"
  echo "error: GH013: Repository rule violations found for $1." >&2
  echo >&2
  shift
  for line in "$@"; do echo "$line" >&2; done
  exit 1
}
signatures() {
  for commit in $commits; do
    grep -qx "$commit" "$GIT_DIR/standin-verified" 2>/dev/null ||
      refuse "$ref" "- Commits must have verified signatures." "  Found 1 violation:" "" "  $commit"
  done
}
nocreation() {
  case $old in 0000*) refuse "$ref" "- Cannot create ref due to creations being restricted." ;; esac
}
secret() {
  for commit in $commits; do
    if git grep -qF -e "$1" "$commit"; then
      refuse "$ref" "- GITHUB PUSH PROTECTION" "  Push cannot contain secrets"
    fi
  done
}
workflows() {
  test -n "$STANDIN_MAY_WORKFLOWS" && return
  for commit in $commits; do
    file=$(git diff-tree --no-commit-id --name-only -r -m --root "$commit" -- .github/workflows | head -n 1)
    test -z "$file" && continue
    printf '%s' "refusing to allow a GitHub App to create or update workflow \`$file\` without \`workflows\` permission" >"$GIT_DIR/standin-reason"
    exit 1
  done
}
while read -r old new ref; do
  case $new in 0000*) continue ;; esac
  commits=$(git rev-list "$new" --not --all)
  workflows
"#;

/// Writes the hook that refuses what `rules` say.
pub(super) fn write(bare: &Path, rules: &[Rule]) -> anyhow::Result<()> {
    let mut hook = HOOK.to_owned();
    for rule in rules {
        match rule {
            Rule::Signatures => hook.push_str("  signatures\n"),
            Rule::NoCreation => hook.push_str("  nocreation\n"),
            Rule::Secret(text) => writeln!(hook, "  secret '{}'", text.replace('\'', "'\\''"))?,
        }
    }
    hook.push_str("done\n");
    let path = bare.join("hooks/pre-receive");
    std::fs::create_dir_all(bare.join("hooks"))?;
    std::fs::write(&path, hook).context("could not write a hook")?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Puts the hook's reason where git says only that a hook declined. Reports
/// are packets with their length in front: those within one of the side band
/// and the outer one are written anew.
pub(super) fn reasoned(bare: &Path, output: Vec<u8>) -> Vec<u8> {
    let Ok(reason) = std::fs::read_to_string(bare.join(REASON)) else { return output };
    let Some(end) = output.windows(4).position(|four| four == b"\r\n\r\n") else { return output };
    if !output.windows(DECLINED.len()).any(|text| text == DECLINED.as_bytes()) {
        return output;
    }
    let (head, body) = output.split_at(end + 4);
    let mut written = head.to_vec();
    for packet in packets(body) {
        match packet.split_first() {
            None => written.extend(b"0000"),
            Some((1, report)) => {
                let mut inner = vec![1];
                for line in packets(report) {
                    if line.is_empty() {
                        inner.extend(b"0000");
                    } else {
                        let line = String::from_utf8_lossy(line).replace(DECLINED, &reason);
                        inner.extend(framed(line.as_bytes()));
                    }
                }
                written.extend(framed(&inner));
            }
            Some(_) => written.extend(framed(packet)),
        }
    }
    written
}

fn framed(packet: &[u8]) -> Vec<u8> {
    let mut whole = format!("{:04x}", packet.len() + 4).into_bytes();
    whole.extend(packet);
    whole
}

/// The packets of a stream; an empty one where it is flushed.
fn packets(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while let Some((length, rest)) = bytes.split_at_checked(4) {
        let length =
            std::str::from_utf8(length).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let Some(packet) = rest.get(..length.unwrap_or(0).saturating_sub(4)) else { break };
        all.push(packet);
        bytes = rest.get(packet.len()..).unwrap_or_default();
    }
    all
}

/// GitHub's answer where a blob holds what push protection takes for a
/// secret.
pub(super) fn secret_in(github: &GitHub, repo: &str, content: &[u8]) -> Option<Answer> {
    let holds = |secret: &str| content.windows(secret.len().max(1)).any(|part| part == secret.as_bytes());
    let rules = github.repo(repo).rules;
    rules.iter().any(|rule| matches!(rule, Rule::Secret(secret) if holds(secret))).then(|| {
        let mut answer = refused("Repository rule violations found\n\nSecret detected in content\n\n");
        answer.1["metadata"] = json!({ "secret_scanning": { "bypass_placeholders": [
            { "placeholder_id": "2ecAaQ8bVZPEtL3nIIc1Yj6nDtU", "token_type": "stand-in token" },
        ] } });
        answer
    })
}

/// GitHub's answer where a branch would be moved to what the rules refuse.
/// `old` is where it is now.
pub(super) async fn broken(github: &GitHub, name: &str, old: Option<&str>, new: &str) -> Option<Answer> {
    let repo = github.repo(name);
    let violated = |what: &str| refused(&format!("Repository rule violations found\n\n{what}\n\n"));
    if old.is_none() && repo.rules.contains(&Rule::NoCreation) {
        return Some(violated("Cannot create ref due to creations being restricted."));
    }
    let dir = github.git_dir(name);
    let commits = git::said(&dir, &["rev-list", new, "--not", "--all"]).await.unwrap_or_default();
    if repo.rules.contains(&Rule::Signatures) && commits.lines().any(|sha| !repo.verified.contains(sha)) {
        return Some(violated("Commits must have verified signatures."));
    }
    for sha in commits.lines() {
        for rule in &repo.rules {
            if let Rule::Secret(secret) = rule
                && data::holds(&dir, sha, secret).await
            {
                return Some(violated("Secret detected in content"));
            }
        }
    }
    None
}
