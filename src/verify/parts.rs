//! A part of a plan, and a plan's name for the store of baselines.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{CheckKind, Plan};

/// What must be built before tests can run.
const FOR_TESTS: [CheckKind; 2] = [CheckKind::Build, CheckKind::Test];

impl Plan {
    /// The same for the same commands, settings and limits, and for no others.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        write!(text, "{self:?} {:?} {:?}", super::INSTALL_TIMEOUT, super::CHECK_TIMEOUT).ok();
        hex::encode(Sha256::digest(text))
    }

    /// Only what runs the tests; `None` when nothing does. A Maven build is
    /// one piece.
    #[must_use]
    pub fn tests(&self) -> Option<Self> {
        if self.maven.is_some() {
            return Some(self.clone());
        }
        let mut plan = self.clone();
        plan.checks.retain(|check| FOR_TESTS.contains(&check.kind));
        plan.checks.iter().any(|check| check.kind == CheckKind::Test).then_some(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Files, plan};
    use super::*;

    fn of(scripts: &serde_json::Value) -> Plan {
        let manifest = serde_json::json!({ "scripts": scripts }).to_string().into_bytes();
        plan(&Files { manifest: Some(manifest), ..Files::default() }).unwrap()
    }

    #[test]
    fn the_tests_need_the_build_and_nothing_else() {
        let plan = of(&serde_json::json!({ "build": "b", "lint": "l", "typecheck": "t", "test": "x" }));
        let tests = plan.tests().unwrap();
        assert_eq!(tests.checks.iter().map(|check| check.kind).collect::<Vec<_>>(), FOR_TESTS);
        assert!(of(&serde_json::json!({ "lint": "l" })).tests().is_none());
    }

    #[test]
    fn another_command_is_another_plan() {
        let one = of(&serde_json::json!({ "test": "x" }));
        assert_eq!(one.fingerprint(), of(&serde_json::json!({ "test": "y" })).fingerprint());
        assert_ne!(one.fingerprint(), of(&serde_json::json!({ "lint": "x" })).fingerprint());
    }
}
