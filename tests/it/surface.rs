//! What a person sees on GitHub besides a pull request that went well.

use standin::fixtures::{self, with};
use standin::model::Script;

use super::world::{REPO, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_line_of_the_configuration_is_a_failed_check_at_that_line() {
    let files =
        with(fixtures::quiet(), ".github/agent.yml", Some("pull_request:\n  draft: true\n  drafty: true\n"));
    let world = World::start(&files, Script::default()).await;
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "declined_policy", "{summary:#}");
    assert_eq!(world.model.calls(), (0, 0));

    let repo = world.github.repo(REPO);
    let checks: Vec<_> = repo.checks.values().collect();
    assert_eq!(checks.len(), 1, "{checks:#?}");
    let (sha, body) = (&checks[0].sha, &checks[0].body);
    assert_eq!(summary["base"]["commit"], sha.as_str());
    assert_eq!(
        (&body["name"], &body["conclusion"]),
        (&"agent / config".into(), &"failure".into()),
        "{body:#}"
    );
    assert_eq!(body["external_id"], format!("{}/config", summary["session"].as_str().unwrap()));
    assert_eq!(body["actions"][0]["identifier"], "retry");
    let marked = &body["output"]["annotations"][0];
    assert_eq!(
        (&marked["path"], &marked["start_line"]),
        (&".github/agent.yml".into(), &3.into()),
        "{body:#}"
    );

    let issue = &repo.issues[&number];
    assert_eq!(issue.labels.iter().collect::<Vec<_>>(), ["agent:needs-human"]);
    assert_eq!(issue.reactions.values().collect::<Vec<_>>(), ["confused"]);
    let comment = issue.comments.values().next().unwrap();
    for part in
        ["Requested by octocat (write) via `agent:bump`", "declined policy", "\n@octocat **", "line 3"]
    {
        assert!(comment.contains(part), "{part:?} is not in {comment}");
    }
    assert_eq!(comment.matches("@octocat").count(), 1, "{comment}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_repository_says_how_its_pull_requests_are_opened() {
    let own = "pull_request:\n  draft: true\n  labels: [dependencies]\n";
    let files = with(fixtures::quiet(), ".github/agent.yml", Some(own));
    let world = World::start(&files, Script::default()).await;
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    let repo = world.github.repo(REPO);
    let pull = &repo.issues[&(number + 1)];
    assert!(pull.labels.contains("dependencies"), "{:?}", pull.labels);

    let comment = repo.issues[&number].comments.values().next().unwrap();
    for part in
        ["·  verified  ·", "[replay](", "[evidence](", "\n@octocat **A verified pull request is open.**"]
    {
        assert!(comment.contains(part), "{part:?} is not in {comment}");
    }
    world.finish().await;
}
