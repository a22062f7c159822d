//! What the agent and the judge may not do, and how it ends when they try.

use serde_json::{Value, json};
use standin::fixtures;
use standin::github::client;
use standin::model::{Agent, Judge, Script, tool_use};

use super::world::{REPO, World};

async fn outcome(script: Script) -> (World, Value) {
    let world = World::start(&fixtures::breaking(), script).await;
    let number = world.ask("Bump `marked` to `4.3.0`").await;
    let summary = world.ended(number).await;
    let repo = world.github.repo(REPO);
    assert!(repo.issues.values().all(|issue| issue.pull.is_none()), "a pull request is open: {summary:#}");
    assert_eq!(world.github.branches(REPO).await.unwrap().len(), 1, "a branch was pushed");
    assert_eq!(repo.issues[&number].reactions.values().collect::<Vec<_>>(), ["confused"]);
    (world, summary)
}

fn agent(agent: Agent) -> Script {
    Script { agent, ..Script::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_never_ends_is_stopped_after_ten_turns_and_its_work_is_kept() {
    let edit = tool_use("write_file", &json!({ "path": "notes.txt", "content": "half done\n" }));
    let (world, summary) = outcome(agent(Agent::Always(edit))).await;
    assert_eq!(summary["outcome"], "limit_turns", "{summary:#}");
    assert_eq!(world.model.calls(), (10, 0));
    let url = format!("{}/sessions/{}/patch", world.service().url(), summary["session"].as_str().unwrap());
    let patch = client().unwrap().get(url).send().await.unwrap().text().await.unwrap();
    let events = world.service().events(summary["session"].as_str().unwrap()).await.unwrap();
    assert!(
        patch.contains("+half done"),
        "{patch} {:#?}",
        events.iter().find(|event| event["event"] == "tool_call")
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_empties_the_test_is_found_out() {
    let weak = "const test = require('node:test');\ntest('a heading is a heading', () => {});\ntest('the title is there', () => {});\n";
    let turns = vec![
        tool_use("write_file", &json!({ "path": "test/render.test.js", "content": weak })),
        tool_use(
            "edit_file",
            &json!({ "path": "src/render.js", "old_string": "const marked", "new_string": "const { marked }" }),
        ),
        tool_use("finish", &json!({ "summary": "done" })),
    ];
    let (world, summary) = outcome(agent(Agent::Turns(turns))).await;
    assert_eq!(summary["outcome"], "integrity_failed", "{summary:#}");
    assert_eq!(world.model.calls().1, 0, "the judge was asked");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_edits_ci_or_leaves_the_tree_gets_nowhere() {
    let turns = vec![
        tool_use("write_file", &json!({ "path": "../../etc/passwd", "content": "x" })),
        tool_use("write_file", &json!({ "path": ".git/hooks/pre-commit", "content": "x" })),
        tool_use("read_file", &json!({ "path": "/proc/1/environ" })),
        tool_use("no_such_tool", &json!({})),
        tool_use("write_file", &json!({ "path": ".github/workflows/ci.yml", "content": "on: push" })),
        tool_use("finish", &json!({ "summary": "done" })),
    ];
    let (world, summary) = outcome(agent(Agent::Turns(turns))).await;
    assert_eq!(summary["outcome"], "integrity_failed", "{summary:#}");
    let events = world.service().events(summary["session"].as_str().unwrap()).await.unwrap();
    let refused =
        events.iter().filter(|event| event["event"] == "tool_call" && event["is_error"] == true).count();
    assert_eq!(refused, 4);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_gives_up_says_why_on_the_issue() {
    let turns =
        vec![tool_use("abstain", &json!({ "reason": "The new version dropped the feature. @everyone" }))];
    let (world, summary) = outcome(agent(Agent::Turns(turns))).await;
    assert_eq!(summary["outcome"], "verify_failed", "{summary:#}");
    let repo = world.github.repo(REPO);
    let comment = repo.issues[&1].comments.values().next().unwrap();
    assert!(
        comment.contains("The new version dropped the feature") && !comment.contains("@everyone"),
        "{comment:?}"
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_veto_goes_back_to_the_agent_and_a_tree_that_was_refused_is_not_judged_again() {
    let (world, summary) = outcome(Script { judge: Judge::Veto, ..Script::default() }).await;
    assert_eq!(summary["outcome"], "judge_vetoed", "{summary:#}");
    // The model has nothing else to offer and hands in the same tree.
    assert_eq!((summary["attempts"].as_u64(), world.model.calls().1), (Some(3), 1));
    let tries = summary["tries"].as_array().unwrap();
    assert!(tries.iter().all(|attempt| attempt["refused"] == "judge_vetoed"), "{tries:#?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_made_it_worse_is_taken_back_and_the_next_one_knows_of_it() {
    let finish = tool_use("finish", &json!({ "summary": "done" }));
    let replies = |turn: Value| Agent::Turns(vec![turn, finish.clone()]);
    let worse = replies(json!([
        { "type": "tool_use", "id": "a", "name": "write_file",
            "input": { "path": "src/render.js", "content": "this is not JavaScript\n" } },
        { "type": "tool_use", "id": "b", "name": "write_file",
            "input": { "path": "src/more/notes.js", "content": "exports.notes = 1;\n" } },
    ]));
    let better = replies(tool_use(
        "edit_file",
        &json!({ "path": "src/render.js", "old_string": "const marked", "new_string": "const { marked }" }),
    ));
    let agent = Agent::About(vec![
        ("this is not JavaScript\\nrefused, and taken back".to_owned(), better),
        ("works with marked".to_owned(), worse),
    ]);
    let world = World::start(&fixtures::breaking(), Script { agent, ..Script::default() }).await;
    let number = world.ask("Bump `marked` to `4.3.0`").await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    let files: Vec<&str> =
        summary["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(files, ["package-lock.json", "package.json", "src/render.js"]);
    let tries = summary["tries"].as_array().unwrap();
    assert_eq!(
        (tries.len(), &tries[0]["refused"], &tries[1]["refused"]),
        (2, &json!("verify_failed"), &Value::Null)
    );
    assert!(
        tries.iter().all(|attempt| attempt["stopped"] == "finished" && attempt["turns"] == 2),
        "{tries:#?}"
    );
    assert_ne!(tries[0]["tree"], tries[0]["best"]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_that_cannot_be_understood_is_asked_once_more_and_then_nothing_is_published() {
    let (world, summary) = outcome(Script { judge: Judge::Garbage, ..Script::default() }).await;
    assert_eq!(summary["outcome"], "judge_unavailable", "{summary:#}");
    assert_eq!(world.model.calls().1, 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_provider_costs_time_and_no_turn() {
    let script = Script { faults: vec![529, 500, 429], ..Script::default() };
    let world = World::start(&fixtures::breaking(), script).await;
    let number = world.ask("Bump `marked` to `4.3.0`").await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    assert_eq!(summary["turns"], 3);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_money_cap_that_is_too_small_stops_the_agent_and_the_judge_before_their_first_call() {
    for (files, title) in
        [(fixtures::breaking(), "Bump `marked` to `4.3.0`"), (fixtures::quiet(), "Bump `ms` to `2.1.3`")]
    {
        let mut world = World::without_service(&files, Script::default()).await;
        world.setup.more.push_str("[limits]\ncost = 100\n");
        world.resume(None).await;
        let number = world.ask(title).await;
        let summary = world.ended(number).await;
        assert_eq!(summary["outcome"], "limit_cost", "{summary:#}");
        assert_eq!(world.model.calls(), (0, 0));
        world.finish().await;
    }
}
