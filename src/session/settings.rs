//! What the repository's own `.github/agent.yml` changes in a session.
//!
//! Read once, from the default branch: at the commit that the session starts
//! from, or where a pull request is changed at today's. It narrows what the service and the change type allow and
//! never widens it; a file that is not understood ends the session.

use std::time::Duration;

use globset::GlobSet;

use super::image::Image;
use super::{Rooms, Session};
use crate::change::{Ecosystem, Limits, Subject, Way};
use crate::config::repo::{self, Commands, Known, PATH, PullRequest, RepoConfig, Role};
use crate::evidence::{ChangedFile, Finding};
use crate::failure::Failure;
use crate::model::Model;
use crate::outcome::Outcome;
use crate::publish::Opening;
use crate::record::SessionEvent;
use crate::registry::Registry;
use crate::verify::{self, CheckKind, Told};
use crate::workspace::{Mirror, Want};

/// The finding of a path that the repository protects or does not allow. No
/// change type can allow it: it is not a rule of test integrity.
pub(super) const PATH_RULE: &str = "path-protected";

/// The file, ready for use.
#[derive(Debug)]
pub(super) struct Settings {
    own: RepoConfig,
    allowed: Option<GlobSet>,
    protected: GlobSet,
    model: Model,
}

impl Settings {
    fn new(own: RepoConfig, model: &Model) -> Result<Self, Failure> {
        let globs = |patterns: &[String]| {
            repo::globs(patterns)
                .map_err(|error| Failure::bug("use the globs of a repository").because(error))
        };
        let allowed = own.paths.allowed.as_deref().map(globs).transpose()?;
        let protected = globs(&own.paths.protected)?;
        let model = model
            .choosing(own.models.agent.as_deref(), own.models.judge.as_deref())
            .ok_or_else(|| Failure::bug("use the models that a repository chose"))?;
        Ok(Self { own, allowed, protected, model })
    }

    /// How the pull request is opened.
    pub(super) fn opening(&self) -> Opening<'_> {
        let PullRequest { draft, labels, reviewers } = &self.own.pull_request;
        Opening { draft: *draft, labels, reviewers }
    }

    /// Which alerts are answered.
    pub(super) fn policy(&self, service: &crate::advisory::Policy) -> crate::advisory::Policy {
        self.own.policy(service)
    }

    fn limits(&self, ceiling: Limits) -> Limits {
        self.own.limits.under(ceiling)
    }

    /// The paths of a change that the repository keeps from the agent.
    pub(super) fn kept_paths(&self, files: &[ChangedFile]) -> Vec<Finding> {
        let finding = |file: &ChangedFile| {
            let path = file.path.as_str();
            let message = if self.protected.is_match(path) {
                format!("{PATH} protects this path")
            } else if self.allowed.as_ref().is_some_and(|allowed| !allowed.is_match(path)) {
                format!("{PATH} does not allow this path")
            } else {
                return None;
            };
            Some(Finding { rule: PATH_RULE.to_owned(), path: path.to_owned(), line: None, message })
        };
        files.iter().filter_map(finding).collect()
    }

    /// Refuses a tree of the engine's own that touches such a path: no repair
    /// could help.
    pub(super) fn keep_paths(&self, files: &[ChangedFile]) -> Result<(), Failure> {
        let kept = self.kept_paths(files);
        let Some(first) = kept.first() else { return Ok(()) };
        let more = match kept.len() {
            1 => String::new(),
            all => format!(", nor {} other paths", all - 1),
        };
        let (path, why) = (&first.path, &first.message);
        Err(Failure::user(Outcome::IntegrityFailed, format!("change {path}{more}: {why}")))
    }

    /// The image with the major that the repository chose.
    pub(super) fn image(&self, rooms: &Rooms, ecosystem: Ecosystem, image: Image) -> Image {
        let own = match ecosystem {
            Ecosystem::Npm => self.own.runtime.node,
            Ecosystem::Maven => self.own.runtime.jdk,
        };
        match own {
            Some(major) => rooms.images.with_major(ecosystem, image, major),
            None => image,
        }
    }

    /// What the repository says about its checks, in the words of the room
    /// that runs them.
    pub(super) fn declared(&self) -> verify::Declared {
        let verify = &self.own.verify;
        let mut declared = verify::Declared::default();
        for kind in CheckKind::ALL {
            let told = match kind {
                CheckKind::Build => &verify.build,
                CheckKind::Typecheck => &verify.typecheck,
                CheckKind::Lint => &verify.lint,
                CheckKind::Test => &verify.test,
            };
            if let Some(Commands(commands)) = told {
                let told = if commands.is_empty() { Told::Off } else { Told::Commands(commands.clone()) };
                declared.checks.insert(kind, told);
            }
            let minutes = verify.timeout_minutes.of(kind.name());
            declared.timeouts.extend(minutes.map(|minutes| (kind, Duration::from_secs(minutes * 60))));
        }
        declared
    }

    /// Is the change type on here?
    fn admit_change(&self, change: &str) -> Result<(), Failure> {
        if self.own.is_on(change) {
            return Ok(());
        }
        Err(Failure::user(Outcome::DeclinedPolicy, format!("run {change} here: {PATH} turns it off")))
    }

    /// Is this person one of those who may start a run?
    fn admit_person(&self, login: &str, role: Option<Role>) -> Result<(), Failure> {
        let triggers = &self.own.triggers;
        let refused = |why: String| {
            Err(Failure::user(
                Outcome::DeclinedPolicy,
                format!("run for {login}: {PATH} lets {why} start a run"),
            ))
        };
        if let Some(least) = self.least_role()
            && role.is_none_or(|role| role < least)
        {
            return refused(format!("people with the role {} or more", least.name()));
        }
        match &triggers.people {
            Some(people) if !people.iter().any(|known| known.eq_ignore_ascii_case(login)) => {
                refused(format!("{} people, and nobody else,", people.len()))
            }
            _ => Ok(()),
        }
    }

    /// More than the role that everybody needs.
    fn least_role(&self) -> Option<Role> {
        self.own.triggers.role.filter(|least| *least > Role::Write)
    }
}

impl Session<'_> {
    /// Reads the repository's file, once for a run.
    ///
    /// # Errors
    /// It is not understood, or asks for what the service does not have.
    pub(super) async fn configure(&self, mirror: &Mirror) -> Result<(), Failure> {
        if self.settings.get().is_some() {
            return Ok(());
        }
        // A pull request stands on an old commit; what the repository says
        // today counts.
        let today = match self.request.way {
            Way::Fresh | Way::Again { .. } | Way::Sibling { .. } => None,
            Way::Revise { .. } | Way::Appeal { .. } => {
                let (repository, source) = (self.request.subject.repository(), self.source().await?);
                Some(self.rooms.workspace.fetch(&repository, &source, Want::DefaultBranch).await?)
            }
        };
        let mirror = today.as_ref().unwrap_or(mirror);
        let file = mirror.read(&mirror.base().tree, PATH).await?;
        let own = RepoConfig::read(file.as_deref(), &known(self.rooms))?;
        let settings = Settings::new(own, &self.rooms.model)?;
        self.settings.get_or_init(|| settings);
        let limits = self.limits();
        if file.is_some() {
            self.recorder.record(SessionEvent::Configured { limits }).await?;
        }
        Ok(())
    }

    /// Refuses a change type or a person that the repository's file does not
    /// let run.
    ///
    /// # Errors
    /// As said; or GitHub cannot be reached.
    pub(super) async fn admit(&self) -> Result<(), Failure> {
        let settings = self.settings()?;
        settings.admit_change(&self.request.change)?;
        let Subject::Issue { sender, sender_id, .. } = &self.request.subject else { return Ok(()) };
        if self.is_by_policy(*sender_id) {
            return Ok(());
        }
        let role = match (settings.least_role(), self.request.subject.on_github(), &self.rooms.github) {
            (Some(_), Some(repo), Some(github)) => Role::of(github.permission(&repo, sender).await?),
            _ => None,
        };
        settings.admit_person(sender, role)
    }

    /// # Errors
    /// They were not read yet, which is a fault of the order.
    pub(super) fn settings(&self) -> Result<&Settings, Failure> {
        self.settings.get().ok_or_else(|| Failure::bug("use the repository's settings before they are read"))
    }

    /// The limits of the change type, under the operator's and the
    /// repository's. The money cap is the operator's: a prompt file and a
    /// repository can lower it only.
    pub(super) fn limits(&self) -> Limits {
        let ceiling = self.rooms.limits;
        let limits = match self.rooms.catalog.get(&self.request.change) {
            Some(change) => change.limits.at_most(ceiling),
            None => ceiling,
        };
        self.settings.get().map_or(limits, |settings| settings.limits(limits))
    }

    /// The models of this session.
    pub(super) fn model(&self) -> &Model {
        self.settings.get().map_or(&self.rooms.model, |settings| &settings.model)
    }

    /// The gateway as this session sees it: without what is too young here.
    pub(super) async fn registry(&self, ecosystem: Ecosystem) -> Result<Registry, Failure> {
        let registry = self.rooms.registry(self.id, self.fence, ecosystem).await?;
        let cooldown = self.settings.get().and_then(|settings| settings.own.cooldown());
        Ok(registry.settled_for(cooldown))
    }
}

/// What a repository may choose from here.
fn known(rooms: &Rooms) -> Known {
    Known {
        changes: Some(rooms.catalog.names()),
        node: Some(rooms.images.npm.majors.all.clone()),
        jdk: Some(rooms.images.maven.majors.all.clone()),
        models: Some(rooms.model.choices()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::ChangeKind;

    fn settings(text: &str) -> Settings {
        let own = RepoConfig::read(Some(text.as_bytes()), &Known::default()).unwrap();
        Settings::new(own, &model()).unwrap()
    }

    fn model() -> Model {
        let price = crate::model::Price::per_million(1.0, 1.0, 1.0, 1.0);
        Model::new(crate::model::Settings {
            base_url: "http://127.0.0.1:1".into(),
            api_key: crate::secret::Secret::new("k"),
            model: "plain".into(),
            judge_model: None,
            choices: vec!["small".into()],
            prices: crate::model::Prices::with(["plain", "small"].map(|name| (name.to_owned(), price))),
            retry_pause: Duration::from_secs(1),
            request_timeout: Duration::from_secs(1),
        })
        .unwrap()
    }

    fn changed(path: &str) -> ChangedFile {
        ChangedFile { path: path.into(), kind: ChangeKind::Modified, added: 1, removed: 1 }
    }

    #[test]
    fn a_repository_declares_its_checks_and_their_time() {
        let read = |text: &str| settings(text).declared();
        let own = read("verify:\n  build: false\n  test: npm run all\n  timeout_minutes: {test: 20}\n");
        let words = ["npm", "run", "all"].map(str::to_owned).to_vec();
        let checks = [(CheckKind::Build, Told::Off), (CheckKind::Test, Told::Commands(vec![words]))].into();
        let timeouts = [(CheckKind::Test, Duration::from_mins(20))].into();
        assert_eq!(own, verify::Declared { checks, timeouts });
        let all = read("verify:\n  timeout_minutes: 3\n");
        assert_eq!(all.timeouts.values().collect::<Vec<_>>(), [&Duration::from_mins(3); 4]);
        assert_eq!(read(""), verify::Declared::default());
    }

    #[test]
    fn paths_are_kept_from_the_agent_by_either_list() {
        let own = settings("paths: {allowed: ['src/**', '*.json'], protected: ['src/db/**']}\n");
        let kept = |path: &str| own.kept_paths(&[changed(path)]).pop().map(|finding| finding.message);
        assert_eq!((kept("src/a.js"), kept("package.json")), (None, None));
        assert!(kept("src/db/1.sql").unwrap().ends_with("protects this path"));
        assert!(kept("lib/a.js").unwrap().ends_with("does not allow this path"));
        let refusal = own.keep_paths(&["src/a.js", "lib/a.js", "lib/b.js"].map(changed)).unwrap_err();
        assert_eq!(refusal.outcome(), Outcome::IntegrityFailed);
        assert!(refusal.public().starts_with("change lib/a.js, nor 1 other paths"), "{refusal}");
        assert!(settings("").keep_paths(&[changed("lib/a.js")]).is_ok());
        // No change type can allow it.
        assert!(!crate::evidence::RULES.contains(&PATH_RULE));
    }

    #[test]
    fn change_types_and_people_are_only_ever_narrowed() {
        let own = settings("changes: {bump: false}\n");
        assert!(own.admit_change("security").is_ok());
        assert_eq!(own.admit_change("bump").unwrap_err().outcome(), Outcome::DeclinedPolicy);
        let (write, admin) = (Some(Role::Write), Some(Role::Admin));
        for (text, login, role, may) in [
            ("", "ann", write, true),
            ("triggers: {role: write}", "ann", write, true),
            // Nobody looked the role up: everybody here has it.
            ("triggers: {role: write}", "ann", None, true),
            ("triggers: {role: maintain}", "ann", write, false),
            ("triggers: {role: maintain}", "ann", admin, true),
            ("triggers: {role: maintain}", "ann", None, false),
            ("triggers: {people: [Ann]}", "ann", write, true),
            ("triggers: {people: [ann]}", "bob", admin, false),
            ("triggers: {role: admin, people: [ann]}", "ann", write, false),
        ] {
            assert_eq!(settings(text).admit_person(login, role).is_ok(), may, "{text} {login} {role:?}");
        }
    }

    #[test]
    fn models_are_chosen_of_those_that_are_offered() {
        use crate::record::Caller;
        let own = settings("models: {judge: small}\n").model;
        assert_eq!((own.name(Caller::Agent), own.name(Caller::Judge)), ("plain", "small"));
        let other = RepoConfig::read(Some(b"models: {judge: huge}\n"), &Known::default()).unwrap();
        assert!(Settings::new(other, &model()).is_err());
    }

    #[test]
    fn the_rest_is_handed_on() {
        let own = settings("limits: {turns: 3}\npull_request: {draft: true}\ncooldown_hours: 2\n");
        assert_eq!(own.limits(Limits::default()).turns, 3);
        assert!(own.opening().draft);
        assert_eq!(own.own.cooldown(), Some(Duration::from_hours(2)));
    }
}
