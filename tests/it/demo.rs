//! The demo, as a person runs it.

use serde_json::Value;
use tokio::process::Command;

use super::world::{chaperone, toolbox};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_ends_with_one_json_object() {
    let standin = chaperone().with_file_name("standin");
    let output = Command::new(standin)
        .arg("--chaperone")
        .arg(chaperone())
        .arg("--toolbox")
        .arg(toolbox())
        .args(["--once", "--json"])
        .env_remove("ANTHROPIC_API_KEY")
        .output()
        .await
        .unwrap();
    let progress = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{progress}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["outcome"].as_str(), report["model"].as_str()), (Some("pr_opened"), Some("scripted")));
    assert_eq!(report["checks"].as_object().unwrap().len(), 3);
    for (story, repair) in [("quiet", 0), ("maven", 3), ("alert", 0)] {
        let told = &report[story];
        assert_eq!(told["outcome"], "pr_opened", "{told:#}");
        assert_eq!(told["checks"].as_object().unwrap().len(), 3);
        assert_eq!(told["model_calls"]["repair"], repair, "{told:#}");
    }
    assert!(progress.contains("the SCRIPTED server"));
    let then: Vec<(&str, &str)> = report["then"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["step"].as_str().unwrap(), step["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(then, [("retry", "pr_updated"), ("review", "pr_updated"), ("merge", "merged")], "{progress}");
}
