//! Child programs: started, heard, killed.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use workspace_tests::story::Told;

/// Which build is killed.
#[derive(Clone, Debug)]
pub struct Victim {
    pub program: PathBuf,
    bug: Option<String>,
}

impl Victim {
    /// The plain build.
    pub fn plain() -> Victim {
        Victim { program: env!("CARGO_BIN_EXE_victim").into(), bug: None }
    }

    /// The build with planted bugs, one of them switched on.
    pub fn with_bug(bug: &str) -> Victim {
        Victim { program: nested(&["--bin", "victim-seeded", "--features", "seeded-bugs"]), bug: Some(bug.into()) }
    }

    /// The build whose panics abort.
    pub fn aborting() -> Victim {
        let config = "profile.dev.panic=\"abort\"";
        let args = ["--bin", "victim-abort", "--features", "panics-abort", "--config", config];
        Victim { program: nested(&args), bug: None }
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).stderr(Stdio::null());
        if let Some(bug) = &self.bug {
            command.env("AUDIT_SEEDED_BUG", bug);
        }
        command
    }

    pub fn start(&self, words: &[&str]) -> Running {
        Running::of(self.command(words))
    }

    /// Runs to its end.
    pub fn run(&self, words: &[&str]) -> Ended {
        self.start(words).ended()
    }

    /// Opens and closes the trail in a process of its own; what it said.
    pub fn settle(&self, trail: &Path) -> Result<String, String> {
        let ended = self.run(&["settle", &trail.to_string_lossy()]);
        if ended.status.success() { Ok(ended.said) } else { Err(format!("{:?}: {}", ended.status, ended.said)) }
    }
}

/// Builds a program beside the ones that this test was built with, once for each set of arguments.
pub fn nested(args: &[&str]) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let built = Path::new(env!("CARGO_BIN_EXE_victim"));
    let target = built.parent().and_then(Path::parent).expect("a target directory");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "workspace-tests"])
        .args(args)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .env("CARGO_TARGET_DIR", target)
        .status()
        .expect("cargo");
    assert!(status.success(), "building {args:?}");
    target.join("debug").join(args[1])
}

/// A child that runs.
pub struct Running {
    pub child: Child,
    ready: Receiver<()>,
    said: JoinHandle<String>,
}

/// A child that has ended.
pub struct Ended {
    pub status: ExitStatus,
    pub said: String,
}

impl Running {
    pub fn of(mut command: Command) -> Running {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the child starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        let (tell, ready) = channel();
        let said = std::thread::spawn(move || {
            let (mut said, mut line) = (String::new(), Vec::new());
            while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                if line == b"R\n" {
                    // Nobody may be waiting any more.
                    let _heard = tell.send(());
                }
                said.push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
            said
        });
        Running { child, ready, said }
    }

    /// Until it says that it is ready, or ends.
    pub fn ready(&self) -> bool {
        self.ready.recv().is_ok()
    }

    /// SIGKILL after this time.
    pub fn killed_after(mut self, time: Duration) -> Ended {
        std::thread::sleep(time);
        drop(self.child.kill());
        self.ended()
    }

    /// Closes its standard input and waits.
    pub fn ended(mut self) -> Ended {
        drop(self.child.stdin.take());
        let status = self.child.wait().expect("the child's end");
        Ended { status, said: self.said.join().expect("what it said") }
    }
}

/// A directory with the path of a trail in it.
pub fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let trail = dir.path().join("trail");
    (dir, trail)
}

/// As [`place`], in memory where the system has such a place: what a kill leaves does not depend on the device, and
/// there is time for many more of them.
pub fn fast_place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory");
    let trail = dir.path().join("trail");
    (dir, trail)
}

/// Told and effects of a trail's programs.
pub fn hear(trail: &Path, ended: &[&Ended]) -> Told {
    let mut told = Told::default();
    ended.iter().for_each(|ended| told.hear(&ended.said));
    told.look_at(&trail.with_extension("effects"));
    told
}
