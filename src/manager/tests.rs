use super::*;

fn signs(manifest: &str, files: &[(&str, &str)]) -> Signs {
    let mut signs = Signs { manifest: Some(manifest.as_bytes().to_vec()), ..Signs::default() };
    for (path, text) in files {
        signs.paths.push((*path).to_owned());
        if LOCKFILES.contains(path) {
            signs.lockfiles.insert((*path).to_owned(), text.as_bytes().to_vec());
        } else if *path == ".yarnrc.yml" {
            signs.yarnrc = Some(text.as_bytes().to_vec());
        }
    }
    signs
}

fn found(manifest: &str, files: &[(&str, &str)]) -> String {
    match signs(manifest, files).manager() {
        Ok(Manager { kind, version, lockfile }) => {
            format!("{kind:?} {} {lockfile}", version.as_deref().unwrap_or("-"))
        }
        Err(failure) => {
            assert_eq!(failure.outcome(), Outcome::DeclinedPolicy);
            failure.public().to_owned()
        }
    }
}

const CLASSIC: (&str, &str) = ("yarn.lock", "# yarn lockfile v1\n\n");
const BERRY: (&str, &str) = ("yarn.lock", "# x\n\n__metadata:\n  version: 6\n  cacheKey: 8\n");
const NPM_1: (&str, &str) = ("package-lock.json", "{\n  \"lockfileVersion\": 1\n}");
const NPM_3: (&str, &str) = ("package-lock.json", "{\n  \"lockfileVersion\": 3,\n}");
const PNPM_6: (&str, &str) = ("pnpm-lock.yaml", "lockfileVersion: '6.0'\n");

#[test]
fn the_lockfiles_format_tells_the_manager_and_its_version() {
    for (file, expected) in [
        (NPM_1, "Npm 6 package-lock.json"),
        (("package-lock.json", "{\n\t\"lockfileVersion\": 2"), "Npm 8 package-lock.json"),
        (NPM_3, "Npm - package-lock.json"),
        (("npm-shrinkwrap.json", "{\"a\":1,\n\"lockfileVersion\": 3}"), "Npm - npm-shrinkwrap.json"),
        (CLASSIC, "YarnClassic 1.22.22 yarn.lock"),
        (BERRY, "YarnBerry 3.8.7 yarn.lock"),
        (("yarn.lock", "__metadata:\n  version: 4\n"), "YarnBerry 2.4.2 yarn.lock"),
        (("yarn.lock", "__metadata:\n  version: 8\n"), "YarnBerry 4 yarn.lock"),
        (("pnpm-lock.yaml", "lockfileVersion: 5.4\n"), "Pnpm 7 pnpm-lock.yaml"),
        (PNPM_6, "Pnpm 8 pnpm-lock.yaml"),
        (("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"), "Pnpm 10 pnpm-lock.yaml"),
    ] {
        assert_eq!(found("{}", &[file]), expected);
    }
}

#[test]
fn a_pinned_version_wins() {
    let yarnrc = (".yarnrc.yml", "yarnPath: .yarn/releases/yarn-3.2.4.cjs\n");
    for (manifest, files, expected) in [
        (r#"{"packageManager":"pnpm@8.1.0+sha256.abc"}"#, vec![PNPM_6], "Pnpm 8.1.0 pnpm-lock.yaml"),
        (r#"{"packageManager":"yarn@3.6.0"}"#, vec![BERRY, yarnrc], "YarnBerry 3.6.0 yarn.lock"),
        (r#"{"packageManager":"yarn@stable"}"#, vec![BERRY], "YarnBerry 3.8.7 yarn.lock"),
        ("{}", vec![BERRY, yarnrc], "YarnBerry 3.2.4 yarn.lock"),
        (r#"{"volta":{"yarn":"1.22.5"}}"#, vec![CLASSIC], "YarnClassic 1.22.5 yarn.lock"),
        // A yarn that wrote another format is not the one in charge.
        (r#"{"packageManager":"yarn@4.1.0"}"#, vec![CLASSIC], "YarnClassic 1.22.22 yarn.lock"),
        (r#"{"engines":{"pnpm":"8.6.2"}}"#, vec![PNPM_6], "Pnpm 8.6.2 pnpm-lock.yaml"),
        (r#"{"engines":{"pnpm":">=8"}}"#, vec![PNPM_6], "Pnpm 8 pnpm-lock.yaml"),
        (r#"{"packageManager":"npm@10.2.0"}"#, vec![NPM_3], "Npm 10.2.0 package-lock.json"),
        (r#"{"packageManager":"pnpm@8.1.0"}"#, vec![NPM_3, PNPM_6], "Pnpm 8.1.0 pnpm-lock.yaml"),
        ("{}", vec![("npm-shrinkwrap.json", "{}"), NPM_3], "Npm - npm-shrinkwrap.json"),
    ] {
        assert_eq!(found(manifest, &files), expected);
    }
}

#[test]
fn what_contradicts_or_is_not_driven_is_declined_by_name() {
    for (manifest, files, said) in [
        ("{}", vec![], "without a lockfile"),
        (r#"{"packageManager":"pnpm@8.1.0"}"#, vec![], "without a lockfile of pnpm"),
        ("{}", vec![NPM_3, CLASSIC], "package-lock.json and yarn.lock"),
        (
            r#"{"packageManager":"pnpm@8.1.0"}"#,
            vec![NPM_3],
            "packageManager names pnpm, and there is package-lock.json",
        ),
        ("{}", vec![("bun.lock", "")], "bun is not driven"),
        ("{}", vec![BERRY, (".yarn/cache/a.zip", "")], ".yarn/cache/a.zip"),
        ("{}", vec![BERRY, (".pnp.cjs", "")], ".pnp.cjs"),
        ("{}", vec![("yarn.lock", "__metadata:\n  version: 6\n\n\"a@exec:./x.js\":\n")], "exec:"),
        ("{}", vec![("pnpm-lock.yaml", "lockfileVersion: '9.0'\n\npnpmfileChecksum: abc\n")], "pnpmfile"),
        (r#"{"packageManager":"pnpm@12.1.0"}"#, vec![PNPM_6], "only pnpm 7 to 11"),
    ] {
        let failure = found(manifest, &files);
        assert!(failure.contains(said), "{failure}");
    }
}

#[test]
fn nothing_that_runs_with_the_door_open_runs_scripts() {
    for (kind, version) in [
        (Kind::Npm, None),
        (Kind::Npm, Some("6")),
        (Kind::YarnClassic, Some("1.22.22")),
        (Kind::YarnBerry, Some("2.4.2")),
        (Kind::YarnBerry, Some("3.8.7")),
        (Kind::YarnBerry, Some("4")),
        (Kind::Pnpm, Some("8")),
    ] {
        let manager = Manager { kind, version: version.map(str::to_owned), ..Manager::default() };
        let off = manager.environment().contains(&("YARN_ENABLE_SCRIPTS", "0".to_owned()));
        for words in [manager.frozen(), manager.lock()] {
            assert!(off || words.contains(&"--ignore-scripts".to_owned()), "{words:?}");
        }
        if kind == Kind::Pnpm {
            assert!(manager.lock().contains(&"--ignore-pnpmfile".to_owned()));
        }
    }
}
