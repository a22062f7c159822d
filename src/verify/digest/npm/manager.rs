//! What npm, yarn and pnpm say themselves: about the tree of packages, the
//! lockfile, the engine, and scripts and programs that are not there.

use super::super::gather::Gather;
use super::super::{Category, Cause};

/// Lines kept of one complaint of npm's.
const KEPT: usize = 60;

#[derive(Debug, Default)]
pub(super) struct Manager {
    found: Gather,
    /// Packages for another engine, which npm only warns about.
    warned: Gather,
    /// npm's code, and the lines below it.
    code: String,
    below: Vec<String>,
    engine: (String, String),
    /// The script that was started last, and its command.
    script: Option<String>,
    command: Option<String>,
    echoed: bool,
}

impl Manager {
    /// Whether the line was the manager's.
    pub(super) fn line(&mut self, line: &str, said: &str) -> bool {
        let echoed = std::mem::take(&mut self.echoed);
        match line.as_bytes().first() {
            Some(b'n') => self.npm(line),
            Some(b'>') => self.echo(line, echoed),
            Some(b'e' | b'$') => self.yarn(line),
            _ => self.other(line, said),
        }
    }

    /// `> name@1.0.0 script`, and on the next line `> command`.
    fn echo(&mut self, line: &str, echoed: bool) -> bool {
        let Some(said) = line.strip_prefix("> ") else { return false };
        let mut words = said.split(' ');
        let (package, script, more) = (words.next().unwrap_or_default(), words.next(), words.next());
        if echoed {
            self.command = Some(said.to_owned());
            return true;
        }
        if let (true, Some(script), None) = (package.contains('@') || package.len() > 1, script, more) {
            self.script = Some(script.to_owned());
            self.echoed = true;
            return true;
        }
        false
    }

    fn npm(&mut self, line: &str) -> bool {
        let prefixes = ["npm error", "npm ERR!", "npm warn", "npm WARN"];
        let Some((prefix, said)) =
            prefixes.iter().find_map(|prefix| line.strip_prefix(prefix).map(|said| (*prefix, said)))
        else {
            return false;
        };
        let said = said.strip_prefix(' ').unwrap_or(said);
        if prefix.ends_with("warn") || prefix.ends_with("WARN") {
            self.warning(said);
            return true;
        }
        if let Some(code) = said.strip_prefix("code ") {
            self.close();
            code.trim().clone_into(&mut self.code);
        } else if said.starts_with("Missing script:") {
            self.found.add(Cause::new(Category::MissingScript, said));
        } else if self.below.len() < KEPT && !said.trim().is_empty() {
            self.below.push(said.to_owned());
        }
        true
    }

    /// A warning is five lines of an object.
    fn warning(&mut self, said: &str) {
        let Some(said) = said.strip_prefix("EBADENGINE ") else { return };
        let said = said.trim();
        if let Some(package) = said.strip_prefix("package: ") {
            package.trim_matches(['\'', ',']).clone_into(&mut self.engine.0);
        } else if let Some(required) = said.strip_prefix("required: ") {
            required.trim_end_matches(',').clone_into(&mut self.engine.1);
        } else if let Some(current) = said.strip_prefix("current: ") {
            let (package, required) = std::mem::take(&mut self.engine);
            let message = format!("{package} requires {required}, and this is {current}");
            let key = required;
            self.warned.add_as(Cause::new(Category::Engine, message), key);
        }
    }

    fn yarn(&mut self, line: &str) -> bool {
        if let Some(command) = line.strip_prefix("$ ") {
            self.command = Some(command.to_owned());
            return true;
        }
        let Some(said) = line.strip_prefix("error ") else { return false };
        if said.starts_with("Command failed")
            || said.starts_with("TS")
            || said.starts_with("An unexpected") && said.len() < 40
        {
            return !said.starts_with("TS");
        }
        let said = said.strip_prefix("An unexpected error occurred: ").unwrap_or(said);
        let kind = if said.contains("The engine \"") {
            Category::Engine
        } else if said.contains("lockfile needs to be updated") {
            Category::DependencyLock
        } else if said.starts_with("Command \"") && said.contains("not found") {
            Category::MissingScript
        } else if said.contains("Couldn't find") || said.contains("registry") || said.contains("404") {
            Category::DependencyResolution
        } else {
            // A line that follows another complaint.
            return said.contains("Found incompatible module");
        };
        self.found.add(Cause::new(kind, said));
        true
    }

    fn other(&mut self, line: &str, said: &str) -> bool {
        if line == "Error: no test specified" {
            self.found.add(Cause::new(
                Category::NoTests,
                "no test specified: npm's placeholder is the test script",
            ));
            return true;
        }
        let first = said.as_bytes().first();
        match first {
            Some(0xe2) if said.starts_with("➤ YN") => self.berry(said),
            Some(b'E') if said.starts_with("ERR_PNPM_") => self.pnpm(said),
            Some(b's' | b'/' | b'\'' | b'b') => self.shell(said),
            Some(b'F' | b'<') => self.machine(said),
            Some(b'U') if said.starts_with("Usage Error: ") => {
                let kind =
                    if said.contains("find a script") { Category::MissingScript } else { Category::Config };
                self.found.add(Cause::new(kind, said.trim_start_matches("Usage Error: ")));
                true
            }
            _ => false,
        }
    }

    /// `➤ YN0082: │ foo@npm:99: No candidates found`
    fn berry(&mut self, said: &str) -> bool {
        let Some((code, said)) = said.trim_start_matches("➤ ").split_once(": ") else { return true };
        let said = said.trim_start_matches(['│', '└', '┌', ' ']);
        let kind = match code {
            "YN0028" | "YN0018" => Category::DependencyLock,
            "YN0082" | "YN0035" | "YN0001" | "YN0027" | "YN0016" | "YN0080" => Category::DependencyResolution,
            "YN0002" | "YN0060" | "YN0086" if said.contains("doesn't satisfy") => Category::PeerConflict,
            "YN0071" => Category::PeerConflict,
            _ => return true,
        };
        if code == "YN0001" && !said.contains("Error") {
            return true;
        }
        let cause = Cause::new(kind, format!("{code}: {said}"));
        // Peers that do not fit are a warning here.
        if kind == Category::PeerConflict {
            self.warned.add(cause)
        } else {
            self.found.add(cause)
        }
        true
    }

    /// `ERR_PNPM_NO_MATCHING_VERSION  No matching version found for …`
    fn pnpm(&mut self, said: &str) -> bool {
        let (code, text) = said.split_once(char::is_whitespace).unwrap_or((said, ""));
        let kind = match code.trim_start_matches("ERR_PNPM_") {
            "OUTDATED_LOCKFILE" | "LOCKFILE_CONFIG_MISMATCH" | "BROKEN_LOCKFILE" | "NO_LOCKFILE" => {
                Category::DependencyLock
            }
            "UNSUPPORTED_ENGINE" => Category::Engine,
            "PEER_DEP_ISSUES" => Category::PeerConflict,
            "NO_SCRIPT" | "NO_SCRIPT_OR_SERVER" | "RECURSIVE_EXEC_FIRST_FAIL" => Category::MissingScript,
            "RECURSIVE_RUN_FIRST_FAIL" | "RECURSIVE_FAIL" => return true,
            _ => Category::DependencyResolution,
        };
        self.found.add(Cause::new(kind, format!("{code}: {}", text.trim())));
        true
    }

    /// `sh: 1: jest: not found`, `bash: jest: command not found`.
    fn shell(&mut self, said: &str) -> bool {
        let shell = ["sh: ", "/bin/sh: ", "bash: "].iter().any(|shell| said.starts_with(shell));
        if !shell || !said.ends_with("not found") {
            return false;
        }
        let program = said.trim_end_matches("command not found").trim_end_matches("not found");
        let program = program.trim_end_matches([':', ' ']).rsplit(": ").next().unwrap_or_default();
        self.found.add(Cause::new(
            Category::MissingScript,
            format!("the program {program} is not installed: {said}"),
        ));
        true
    }

    fn machine(&mut self, said: &str) -> bool {
        let crashed = said.contains("JavaScript heap out of memory");
        if crashed {
            self.found.add(Cause::new(Category::Crash, said));
        }
        crashed
    }

    /// The script that was started last.
    pub(super) fn step(&self) -> Option<&str> {
        self.script.as_deref()
    }

    /// The command that was started last.
    pub(super) fn command(&self) -> Option<String> {
        self.command.clone()
    }

    /// What npm said since its last code.
    fn close(&mut self) {
        let code = std::mem::take(&mut self.code);
        let below = std::mem::take(&mut self.below);
        for cause in complaint(&code, &below) {
            self.found.add(cause);
        }
    }

    /// Into the causes, and into what is only warned about.
    pub(super) fn finish(mut self, gather: &mut Gather, warned: &mut Gather) {
        self.close();
        gather.extend(self.found.finish());
        warned.extend(self.warned.finish());
    }
}

/// What npm's lines say, for its code.
fn complaint(code: &str, below: &[String]) -> Vec<Cause> {
    let line = |start: &str| {
        below.iter().map(|line| line.trim()).find_map(|line| line.strip_prefix(start)).unwrap_or_default()
    };
    let lines = |start: &'static str| {
        below.iter().map(|line| line.trim()).filter_map(move |line| line.strip_prefix(start))
    };
    match code {
        "" | "ELIFECYCLE" => Vec::new(),
        "ERESOLVE" => vec![unresolved(below)],
        "EUSAGE" => {
            let differs = |line: &&str| line.starts_with("Invalid: ") || line.starts_with("Missing: ");
            let mut causes: Vec<Cause> = below
                .iter()
                .map(|line| line.trim())
                .filter(differs)
                .map(|line| Cause::new(Category::DependencyLock, line))
                .collect();
            if causes.is_empty() {
                let first = below.first().map(String::as_str).unwrap_or_default();
                causes.push(Cause::new(Category::DependencyLock, first));
            }
            causes
        }
        "ETARGET" => {
            vec![Cause::new(Category::DependencyResolution, format!("ETARGET: {}", line("notarget ")))]
        }
        "E404" => {
            let missing = lines("404 ")
                .find(|line| line.contains("could not be found") || line.contains("not in this registry"));
            let said = missing.map(str::trim).unwrap_or_else(|| line("404 "));
            vec![Cause::new(Category::DependencyResolution, format!("E404: {said}"))]
        }
        "EBADENGINE" => {
            let package = line("notsup Not compatible with your version of node/npm: ");
            let (required, actual) = (line("notsup Required: "), line("notsup Actual: "));
            vec![Cause::new(
                Category::Engine,
                format!("{package} requires {required}, and this is {}", actual.trim()),
            )]
        }
        code => {
            let kind = match code {
                "EINTEGRITY" => Category::DependencyLock,
                "EJSONPARSE" | "EBADPLATFORM" | "ECONFIG" => Category::Config,
                "ENOENT" | "EACCES" | "ENOSPC" => Category::Crash,
                _ => Category::DependencyResolution,
            };
            let noise = |line: &&String| {
                line.starts_with("A complete log")
                    || line.starts_with("path ")
                    || line.starts_with("errno ")
                    || line.starts_with("syscall ")
            };
            let said = below.iter().find(|line| !noise(line)).map(String::as_str).unwrap_or_default();
            vec![Cause::new(kind, format!("{code}: {said}"))]
        }
    }
}

/// Which package asks for which peer, and which one is there.
fn unresolved(below: &[String]) -> Cause {
    let below: Vec<&str> = below.iter().map(|line| line.trim()).collect();
    let find = |start: &str| below.iter().find_map(|line| line.strip_prefix(start));
    let mut asks = below.iter().skip_while(|line| !line.starts_with("Could not resolve dependency"));
    let ask = asks.find(|line| line.starts_with("peer ") || line.contains(" from "));
    let found = find("Found: ").unwrap_or_default();
    let conflicting = find("Conflicting peer dependency: ");
    match ask {
        Some(ask) => {
            let conflicting = conflicting.map(|other| format!("; it would take {other}")).unwrap_or_default();
            Cause::new(Category::PeerConflict, format!("ERESOLVE: found {found}, but {ask}{conflicting}"))
        }
        None => {
            let first = below.first().copied().unwrap_or_default();
            Cause::new(Category::PeerConflict, format!("ERESOLVE: {first}"))
        }
    }
}
