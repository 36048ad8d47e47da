//! A Redis server of a test's own: on a socket in a temporary directory, ended by its process, never by its name.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Server {
    socket: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// None, said loudly, where the machine has no Redis; a failure where services are required.
    pub fn at(dir: &Path) -> Option<Server> {
        let there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if there.is_err() {
            let required = std::env::var_os("AUDIT_REQUIRE_SERVICES").is_some_and(|value| value == "1");
            assert!(!required, "no redis-server, and AUDIT_REQUIRE_SERVICES=1 asks for one");
            println!("SKIP: no redis-server on this machine; how contracts meet is not proven here");
            return None;
        }
        Some(Server { socket: dir.join("redis.sock"), child: None })
    }

    /// As it is named to a program.
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    pub fn start(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--dir"])
            .arg(self.socket.parent().expect("a directory"))
            .arg("--unixsocket")
            .arg(&self.socket)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.expect("redis-server starts"));
        self.until("it answers", |server| server.ask(&["PING"]) == "PONG");
    }

    /// As a power cut ends it.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the server is ours");
            child.wait().expect("its end");
        }
    }

    /// What it answers to one command.
    pub fn ask(&self, words: &[&str]) -> String {
        let said = Command::new("redis-cli").arg("-s").arg(&self.socket).args(words).output().expect("redis-cli");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    pub fn until(&self, what: &str, holds: impl Fn(&Server) -> bool) {
        let patience = Instant::now() + Duration::from_secs(60);
        while !holds(self) {
            assert!(Instant::now() < patience, "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
