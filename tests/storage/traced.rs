//! The order of what the server asks the system for, seen by strace: the disk has it, and only then the client is told.
//!
//! Left out, with a word on standard error, where there is no strace or it may not attach.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    alice_and_bob,
    common::{PATIENCE, TestServer, WireClient},
    log_file::LOG,
};

/// What is watched: everything that writes, syncs, renames or sends.
const CALLS: &str = "trace=openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg";

/// Between two looks at a trace that is being finished, which nothing announces.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A server with everything it asks the system for in a file.
struct Traced {
    server: TestServer,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Traced {
    /// `None`, and said so, where that is not possible.
    fn starts() -> Option<Self> {
        let probe =
            Command::new("strace").args(["-D", "-o", "/dev/null", "true"]).stdin(Stdio::null()).output();
        match probe {
            Ok(probe) if probe.status.success() && probe.stderr.is_empty() => {}
            Ok(probe) => return left_out(String::from_utf8_lossy(&probe.stderr).trim()),
            Err(error) => return left_out(&format!("strace: {error}")),
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("trace");
        let path = file.to_str().expect("a path that is text");
        // With -D the server is our child, and strace a process of its own that ends with it.
        let server = TestServer::starts_under(
            &["strace", "-D", "-f", "-y", "-s", "0", "-a", "1", "-e", CALLS, "-o", path],
            &[],
        );
        Some(Self { server, file, _folder: folder })
    }

    /// Stops the server. Every call is there twice, as it began and as it ended, in this order:
    /// `fsync(7</data>` and `fsync(7</data>) = 0`.
    fn steps(mut self) -> Vec<String> {
        let process = self.server.process().to_string();
        assert!(self.server.stops().success());
        let text = finished(&self.file, &process);
        let mut begun: Vec<(&str, &str)> = Vec::new();
        let mut steps = Vec::new();
        for line in text.lines() {
            let Some((thread, step)) = line.split_once(char::is_whitespace) else { continue };
            let step = step.trim_start();
            if let Some(call) = step.strip_suffix(" <unfinished ...>") {
                begun.push((thread, call));
                steps.push(call.to_owned());
            } else if step.starts_with("<... ") {
                let at = begun.iter().position(|(of, _)| *of == thread).expect("the beginning of a call");
                let (_, call) = begun.remove(at);
                let (_, result) = step.split_once("resumed>").expect("the end of a call");
                steps.push(format!("{call}{result}"));
            } else if let Some((call, _)) = step.rsplit_once(") = ") {
                steps.push(call.to_owned());
                steps.push(step.to_owned());
            }
        }
        steps
    }
}

/// The trace, once the end of the process is in it.
fn finished(file: &Path, process: &str) -> String {
    let ends = |line: &str| {
        line.split_once(char::is_whitespace)
            .is_some_and(|(of, step)| of == process && step.trim_start().starts_with("+++ exited with"))
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(file).expect("a trace");
        if text.lines().any(ends) {
            return text;
        }
        assert!(Instant::now() < deadline, "no end in\n{text}");
        thread::sleep(LOOK_AGAIN);
    }
}

/// Not through `eprintln!`, which the test runner swallows when all is well.
fn left_out<T>(why: &str) -> Option<T> {
    let _ = writeln!(std::io::stderr(), "LEFT OUT: the order of writing, syncing and telling ({why})");
    None
}

/// The place of the first step from `from` on that is looked for.
fn find(steps: &[String], from: usize, what: &str, wanted: impl Fn(&str) -> bool) -> usize {
    let found = steps.iter().skip(from).position(|step| wanted(step));
    found.map(|at| from + at).unwrap_or_else(|| panic!("no {what} in\n{}", steps[from..].join("\n")))
}

/// The socket of the connection that was answered first, as every call to it names it.
fn first_client(steps: &[String]) -> String {
    let first = steps.iter().find_map(|step| step.strip_prefix("sendto("));
    let socket = first.and_then(|call| call.split(',').next()).expect("an answer to somebody");
    format!("sendto({socket},")
}

fn succeeded(step: &str) -> bool {
    step.rsplit_once(" = ").is_some_and(|(_, result)| !result.starts_with('-'))
}

#[test]
fn a_message_is_synced_before_its_sender_is_told_that_it_is_stored() {
    let Some(traced) = Traced::starts() else { return };
    let (mut alice, bob, mut noise) = alice_and_bob(&traced.server);
    for number in 1..=3 {
        alice.sends(bob.name(), &noise.body(0));
        assert_eq!(alice.hears_it_is_stored(), number);
    }
    let steps = traced.steps();
    let to_alice = first_client(&steps);
    let mut at = 0;
    for _ in 1..=3 {
        let of_the_log =
            |step: &str, call: &str| step.starts_with(call) && step.contains(LOG) && succeeded(step);
        let written = find(&steps, at, "line written", |step| of_the_log(step, "pwrite64("));
        let of_the_journal =
            |step: &str, call: &str| step.starts_with(call) && step.contains("/journal-") && succeeded(step);
        let journal = find(&steps, at, "line in the journal", |step| of_the_journal(step, "pwrite64("));
        let synced =
            find(&steps, journal, "finished sync of the journal", |step| of_the_journal(step, "fdatasync("));
        let told = find(&steps, written, "answer", |step| step.starts_with(&to_alice));
        assert!(synced < told, "told at {told}, synced at {synced}:\n{}", steps.join("\n"));
        at = find(&steps, told, "finished answer", |step| step.starts_with(&to_alice) && succeeded(step)) + 1;
    }
}

#[test]
fn an_account_is_written_synced_renamed_and_its_folder_synced_before_it_is_said_to_be_made() {
    let Some(traced) = Traced::starts() else { return };
    let mut alice = WireClient::connects(&traced.server, "alice").expect("a connection");
    alice.registers_here();
    let data = traced.server.data().display().to_string();
    let steps = traced.steps();
    let unfinished = format!("{data}/.unfinished-");
    // The certificate was made before; the hello was sent before.
    let to_alice = first_client(&steps);
    let mut at = find(&steps, 0, "greeting", |step| step.starts_with(&to_alice));
    let mut then = |what: &str, wanted: &dyn Fn(&str) -> bool| {
        at = find(&steps, at, what, |step| wanted(step) && succeeded(step));
        at
    };
    let made = then("new file", &|step| step.starts_with("openat(") && step.contains(&unfinished));
    then("bytes written", &|step| step.starts_with("pwrite64(") && step.contains(&unfinished));
    then("sync of the new file", &|step| step.starts_with("fdatasync(") && step.contains(&unfinished));
    then("renaming", &|step| step.starts_with("rename"));
    let synced =
        then("sync of the folder", &|step| step.starts_with("fsync(") && step.contains(&format!("<{data}>")));
    let told = find(&steps, made, "answer", |step| step.starts_with(&to_alice));
    assert!(synced < told, "told at {told}, synced at {synced}:\n{}", steps.join("\n"));
}
