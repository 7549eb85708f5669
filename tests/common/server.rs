//! A server of the test's own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Instant,
};

use super::{PATIENCE, securechat, signal, transcript::Transcript, wait_for};

/// A server on a free port of the loopback interface, with folders of its own for its data and for its users' homes;
/// killed on drop, and the folders with it.
pub struct TestServer {
    folder: tempfile::TempDir,
    wrapper: Vec<String>,
    extra: Vec<String>,
    running: Option<Running>,
    port: u16,
    key: String,
}

struct Running {
    child: Child,
    output: Transcript,
    errors: Transcript,
}

impl TestServer {
    /// Starts a server and waits until it listens.
    pub fn starts() -> Self {
        Self::starts_with(&[])
    }

    /// The same, with more arguments on its command line; they are used again when it restarts.
    pub fn starts_with(arguments: &[&str]) -> Self {
        Self::starts_under(&[], arguments)
    }

    /// The same, by another program that becomes it, as `strace -D` does: the wrapper's name and arguments.
    pub fn starts_under(wrapper: &[&str], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let (wrapper, extra) = (owned(wrapper), owned(arguments));
        let mut server = Self { folder, wrapper, extra, running: None, port: 0, key: String::new() };
        server.restarts();
        server
    }

    /// Starts it again on its data and its port, after it was stopped or killed.
    pub fn restarts(&mut self) {
        assert!(self.running.is_none(), "the server still runs");
        let running = Running::starts(self.command(&self.host()));
        let listening = running.says("listening on ");
        let port = listening.rsplit(':').next().and_then(|port| port.parse().ok());
        self.port = port.unwrap_or_else(|| panic!("no port in {listening:?}"));
        let key = running.says("server key ");
        assert!(self.key.is_empty() || self.key == key, "the server's key changed: {} to {key}", self.key);
        self.key = key;
        self.running = Some(running);
    }

    /// Starts it again with other arguments than before.
    pub fn restarts_with(&mut self, arguments: &[&str]) {
        self.extra = arguments.iter().map(|&word| word.to_owned()).collect();
        self.restarts();
    }

    /// Starts a server on its data that has to refuse, whether this one runs or not: the exit status, and what it
    /// said on standard error.
    pub fn is_refused_a_start(&self) -> (Option<i32>, String) {
        let mut refused = Running::starts(self.command("127.0.0.1:0"));
        // Whichever comes first: the end, or what a server says that does start.
        let started = refused.output.find(0, &["listening on "]).is_some();
        assert!(!started, "it started:\n{}{}", refused.output.text(), refused.errors.text());
        let status = wait_for(&mut refused.child).expect("an exit status");
        assert!(refused.errors.ends(), "its errors end with it");
        (status.code(), refused.errors.text())
    }

    fn command(&self, listen: &str) -> Command {
        let mut command = securechat();
        command.args(["server", "--listen", listen, "--data"]).arg(self.data()).args(&self.extra);
        let mut command = match &self.wrapper[..] {
            [] => command,
            [program, arguments @ ..] => {
                let mut wrapped = Command::new(program);
                wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
                for (name, value) in command.get_envs() {
                    match value {
                        Some(value) => wrapped.env(name, value),
                        None => wrapped.env_remove(name),
                    };
                }
                wrapped
            }
        };
        command.current_dir(self.folder.path());
        command
    }

    /// Asks it to end (SIGTERM), and waits until it did.
    pub fn stops(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("a running server");
        signal(&running.child, "TERM");
        wait_for(&mut running.child)
            .unwrap_or_else(|| panic!("the server did not stop; its errors:\n{}", running.errors.text()))
    }

    /// Waits until it ends by itself: its exit status, and what it said on standard error.
    pub fn ends_by_itself(&mut self) -> (Option<i32>, String) {
        let mut running = self.running.take().expect("a running server");
        let status = wait_for(&mut running.child)
            .unwrap_or_else(|| panic!("the server did not end; its errors:\n{}", running.errors.text()));
        assert!(running.errors.ends(), "its errors end with it");
        (status.code(), running.errors.text())
    }

    /// From its next start on it is by no other program.
    pub fn is_unwrapped(&mut self) {
        self.wrapper.clear();
    }

    /// Ends it without a warning, as a power cut does.
    pub fn is_killed(&mut self) {
        drop(self.running.take().expect("a running server"));
    }

    /// Stops it for a while (SIGSTOP) and lets it go on (SIGCONT).
    pub fn is_frozen(&self, frozen: bool) {
        let running = self.running.as_ref().expect("a running server");
        signal(&running.child, if frozen { "STOP" } else { "CONT" });
        // One that was sent has not stopped every thread yet.
        let deadline = Instant::now() + PATIENCE;
        while frozen && !has_stopped(running.child.id()) {
            assert!(Instant::now() < deadline, "the server goes on");
            thread::yield_now();
        }
    }

    /// Its address, for `--host`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The fingerprint of its key, for `--server-key`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The text of a file in its data folder.
    pub fn data_file(&self, name: impl AsRef<Path>) -> String {
        let path = self.data().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The folder that a user's client keeps its files in.
    pub fn home_of(&self, name: &str) -> PathBuf {
        self.folder.path().join("homes").join(name)
    }

    /// Waits until it says these words on standard error.
    pub fn warns(&self, words: &str) {
        let errors = &self.running.as_ref().expect("a running server").errors;
        assert!(errors.find(0, &[words]).is_some(), "the server did not say {words:?}:\n{}", errors.text());
    }

    /// What it said on standard output since it was started the last time.
    pub fn output(&self) -> String {
        self.running.as_ref().map(|running| running.output.text()).unwrap_or_default()
    }

    /// What it said on standard error since it was started the last time.
    pub fn errors(&self) -> String {
        self.running.as_ref().map(|running| running.errors.text()).unwrap_or_default()
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.running.as_ref().expect("a running server").child.id()
    }
}

impl Running {
    fn starts(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let output = Transcript::of(child.stdout.take().expect("its output"));
        let errors = Transcript::of(child.stderr.take().expect("its errors"));
        Self { child, output, errors }
    }

    /// The rest of the line that begins with these words.
    fn says(&self, words: &str) -> String {
        let found = self.output.find(0, &[words]);
        let line = found.and_then(|(_, from)| Some((from, self.output.find(from, &["\n"])?.1)));
        let Some((from, to)) = line else {
            panic!(
                "no {words:?} from the server:\n{}\nits errors:\n{}",
                self.output.text(),
                self.errors.text()
            );
        };
        self.output.between(from, to).trim().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a signal has stopped every thread of a process; where the system does not say it is taken for granted.
fn has_stopped(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return true };
    // proc(5): the state comes first after the name.
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('T'))
    })
}
