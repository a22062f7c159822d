//! The container from inside: what an attacker finds, and what leaves it.

use std::collections::HashMap;
use std::time::Duration;

use chaperone::exec::{Command, Exec as _, Exit, TreeSize};
use chaperone::ids::SessionId;
use chaperone::sandbox::{Container, Sandbox, Settings, Spec};

use super::world::toolbox;

fn sandbox(instance: &str) -> Sandbox {
    Sandbox::new(Settings {
        socket: "/var/run/docker.sock".into(),
        runtime: None,
        toolbox: toolbox(),
        memory_bytes: 4 << 30,
        cpus: 2.0,
        instance: instance.into(),
    })
}

fn spec(session: SessionId, fence: u64) -> Spec {
    Spec {
        session,
        fence,
        role: "test".into(),
        image: "chaperone/npm:node22".into(),
        ecosystem: chaperone::change::Ecosystem::Npm,
        gateway: None,
        tree: TreeSize { files: 10, bytes: 1000 },
    }
}

async fn start(sandbox: &Sandbox) -> Container {
    sandbox.start(&spec(SessionId::generate(), 1)).await.unwrap()
}

/// What a program says, and how it ended.
async fn node(container: &Container, script: &str) -> (Exit, String) {
    let output = container.run(Command::new(["node", "-e", script])).await.unwrap();
    (output.exit, format!("{}{}", output.stdout_text(), output.stderr_text()))
}

#[tokio::test(flavor = "multi_thread")]
async fn code_in_the_container_finds_no_way_out() {
    let sandbox = sandbox("test-attacks");
    let container = start(&sandbox).await;
    let attempts = [
        ("write the root file system", "fs.writeFileSync('/etc/x', 'x')"),
        ("write the tool server", "fs.writeFileSync('/opt/chaperone/toolbox', 'x')"),
        ("read the tool server's state", "fs.readdirSync('/state')"),
        ("read the tool server's memory", "fs.readFileSync('/proc/1/mem')"),
        ("read the tool server's environment", "fs.readFileSync('/proc/' + server() + '/environ')"),
        ("speak on the tool server's input", "fs.writeFileSync('/proc/' + server() + '/fd/0', 'x')"),
        ("kill the tool server", "process.kill(server(), 'SIGKILL')"),
        ("become root", "process.setuid(0)"),
        ("become the tool server", "process.setuid(10002)"),
        ("find the engine's socket", "fs.readFileSync('/var/run/docker.sock')"),
        (
            "run from the temporary directory",
            "fs.copyFileSync('/bin/true', '/tmp/t'); fs.chmodSync('/tmp/t', 0o755); cp.execFileSync('/tmp/t')",
        ),
        ("make a device", "cp.execFileSync('mknod', ['/tmp/d', 'c', '1', '3'], { stdio: 'pipe' })"),
        ("mount", "cp.execFileSync('mount', ['-t', 'tmpfs', 'x', '/tmp'], { stdio: 'pipe' })"),
        ("make a namespace", "cp.execFileSync('unshare', ['-U', 'true'], { stdio: 'pipe' })"),
        ("read the kernel's symbols", "if (fs.readFileSync('/proc/kallsyms').length === 0) process.exit(1)"),
    ];
    let prelude = "const fs = require('fs'), cp = require('child_process');
        const server = () => Number(fs.readdirSync('/proc').find((pid) => { try {
            return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('toolbox\\0serve') && pid !== '1'; } catch { return false; } }));";
    for (what, script) in attempts {
        let (exit, said) = node(&container, &format!("{prelude} {script}; console.log('SUCCEEDED');")).await;
        assert!(exit != Exit::Code(0) && !said.contains("SUCCEEDED"), "could {what}: {exit:?} {said}");
    }
    container.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_network_and_no_secret() {
    let sandbox = sandbox("test-network");
    let container = start(&sandbox).await;
    let (_, interfaces) =
        node(&container, "console.log(Object.keys(require('os').networkInterfaces()).join())").await;
    assert_eq!(interfaces.trim(), "lo");
    let (_, environment) = node(&container, "console.log(Object.keys(process.env).sort().join())").await;
    let known = ["CI", "HOME", "HOSTNAME", "LANG", "NO_COLOR", "PATH", "TMPDIR", "TZ"];
    assert!(
        environment.trim().split(',').all(|name| known.contains(&name) || name.starts_with("npm_config_")),
        "{environment}"
    );
    let (_, capabilities) = node(&container, "console.log(require('fs').readFileSync('/proc/self/status', 'utf8').match(/Cap(Eff|Bnd|Prm):\\s*0+\\n/g).length)").await;
    assert_eq!(capabilities.trim(), "3");
    container.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_runs_too_long_is_killed_with_all_its_children() {
    let sandbox = sandbox("test-timeout");
    let container = start(&sandbox).await;
    // A child in a session of its own, which a group kill does not reach, and
    // which neither goes when it is asked to nor lets its own child go.
    let script = "require('child_process').spawn('sh', ['-c', 'trap \"\" TERM HUP INT; sleep 987; sleep 987'], { detached: true, stdio: 'ignore' }).unref(); process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
    let output =
        container.run(Command::new(["node", "-e", script]).timeout(Duration::from_secs(1))).await.unwrap();
    assert_eq!(output.exit, Exit::TimedOut);
    assert!(output.duration < Duration::from_secs(5), "{:?}", output.duration);
    let left = "const fs = require('fs'); console.log(fs.readdirSync('/proc').filter((pid) => { try { return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('98' + '7'); } catch { return false; } }).length)";
    assert_eq!(node(&container, left).await.1.trim(), "0");
    container.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn output_is_capped_and_a_missing_program_is_said_to_be_missing() {
    let sandbox = sandbox("test-output");
    let container = start(&sandbox).await;
    let mut flood =
        Command::new(["node", "-e", "for (let i = 0; i < 1e5; i++) console.log('x'.repeat(100))"]);
    flood.output_cap = 10_000;
    let output = container.run(flood).await.unwrap();
    assert!(output.success() && output.truncated && output.stdout.len() < 11_000, "{}", output.stdout.len());
    let missing = container.run(Command::new(["no-such-program"])).await.unwrap();
    assert_eq!(missing.exit, Exit::NotStarted);
    container.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_goes_in_and_only_its_change_comes_out() {
    let sandbox = sandbox("test-tree");
    let container = start(&sandbox).await;
    let mut tar = tar::Builder::new(Vec::new());
    for (path, mode, content) in
        [("a.txt", 0o664, "one\n"), ("bin/run", 0o775, "#!/bin/sh\n"), ("gone.txt", 0o664, "x")]
    {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    container.put_tree(&*tar.into_inner().unwrap()).await.unwrap();
    container.remember_base().await.unwrap();
    assert!(!String::from_utf8(container.take_changes().await.unwrap()).unwrap().contains("a.txt"));
    let change = "const fs = require('fs'); fs.appendFileSync('a.txt', 'two\\n'); fs.unlinkSync('gone.txt');
        fs.writeFileSync('new.bin', Buffer.from([0, 255, 10, 0])); fs.mkdirSync('node_modules/x', { recursive: true });
        fs.writeFileSync('node_modules/x/y', ''); fs.symlinkSync('/etc/passwd', 'link'); fs.mkdirSync('.git'); fs.writeFileSync('.git/config', '[core]\\nfsmonitor = touch /work/pwned\\n')";
    assert_eq!(node(&container, change).await.0, Exit::Code(0));
    let export = container.take_changes().await.unwrap();
    let text = String::from_utf8_lossy(&export);
    for part in [
        "{\"path\":\"a.txt\",\"mode\":33188,\"size\":8}\none\ntwo\n",
        "{\"path\":\"gone.txt\",\"mode\":null,\"size\":0}",
        "\"new.bin\",\"mode\":33188,\"size\":4",
        "{\"path\":\"link\",\"mode\":57344,",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!text.contains("node_modules") && !text.contains("pwned") && !text.contains("bin/run"), "{text}");
    container.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reaper_takes_what_no_live_lease_owns() {
    let sandbox = sandbox("test-reaper");
    let (alive, dead) = (SessionId::generate(), SessionId::generate());
    let kept = sandbox.start(&spec(alive, 2)).await.unwrap();
    for (session, fence) in [(alive, 1), (dead, 1)] {
        sandbox.start(&spec(session, fence)).await.unwrap();
    }
    assert_eq!(sandbox.reap(&HashMap::from([(alive, 2)])).await.unwrap(), 2);
    assert_eq!(node(&kept, "console.log('alive')").await.1.trim(), "alive");
    assert_eq!(sandbox.reap(&HashMap::new()).await.unwrap(), 1);
}
