//! A person at a client, over pipes.

use std::{
    io::Write,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
};

use super::{signal, transcript::Transcript, wait_for};

/// A client whose standard input the test types into; killed on drop.
pub struct TestClient {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Transcript,
    errors: Transcript,
    typed: Vec<String>,
    /// Where the words seen last end, in bytes of the output.
    seen: usize,
}

impl TestClient {
    /// Starts a client by this command, for the person of this name.
    pub fn starts(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the client starts");
        let input = child.stdin.take();
        let output = Transcript::of(child.stdout.take().expect("its output"));
        let errors = Transcript::of(child.stderr.take().expect("its errors"));
        Self { name: name.to_owned(), child, input, output, errors, typed: Vec::new(), seen: 0 }
    }

    /// Whose client it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Types a line.
    pub fn types(&mut self, line: &str) {
        self.typed.push(line.to_owned());
        self.types_bytes(format!("{line}\n").as_bytes());
    }

    /// Types anything: several lines, half a line, what is no text.
    pub fn types_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("an open input");
        if let Err(error) = input.write_all(bytes).and_then(|()| input.flush()) {
            panic!("{} cannot type: {error}\n{}", self.name, self.story());
        }
    }

    /// Ends its standard input.
    pub fn closes_input(&mut self) {
        self.input = None;
    }

    /// Waits for these words after the ones seen last.
    pub fn sees(&mut self, words: &str) {
        self.sees_any(&[words]);
    }

    /// Waits for whichever of these words comes first after the ones seen last; which it was.
    pub fn sees_any<'words>(&mut self, words: &[&'words str]) -> &'words str {
        let Some((which, end)) = self.output.find(self.seen, words) else {
            panic!("{} did not see {words:?}\n{}", self.name, self.story());
        };
        self.seen = end;
        words[which]
    }

    /// Waits for these words, and for the end of their line: what stands between.
    pub fn reads_after(&mut self, words: &str) -> String {
        self.sees(words);
        self.reads_line()
    }

    /// Waits for the end of the line that the words seen last are in: what stands between.
    pub fn reads_line(&mut self) -> String {
        let from = self.seen;
        self.sees("\n");
        self.output.between(from, self.seen).trim().to_owned()
    }

    /// Waits for these words on standard error, wherever they are there.
    pub fn is_warned(&self, words: &str) {
        assert!(
            self.errors.find(0, &[words]).is_some(),
            "{} was not warned {words:?}\n{}",
            self.name,
            self.story()
        );
    }

    /// Fails if these words were ever shown. Means something only after words that would have come later.
    pub fn never_saw(&self, words: &str) {
        assert!(!self.output.text().contains(words), "{} saw {words:?}\n{}", self.name, self.story());
    }

    /// How often these words were shown so far.
    pub fn saw_times(&self, words: &str) -> usize {
        self.output.text().matches(words).count()
    }

    /// Everything on standard output so far.
    pub fn transcript(&self) -> String {
        self.output.text()
    }

    /// Everything on standard error so far.
    pub fn stderr(&self) -> String {
        self.errors.text()
    }

    /// Waits for it to end by itself, and for all it said.
    pub fn ends(&mut self) -> ExitStatus {
        let status = if self.output.ends() && self.errors.ends() { wait_for(&mut self.child) } else { None };
        status.unwrap_or_else(|| panic!("{} did not end\n{}", self.name, self.story()))
    }

    /// Waits for it to end by itself, with status 0.
    pub fn ends_well(&mut self) {
        let status = self.ends();
        assert!(status.success(), "{} ended with {status}\n{}", self.name, self.story());
    }

    /// Ends it without a warning.
    pub fn is_killed(&mut self) {
        self.child.kill().expect("a client to kill");
        self.child.wait().expect("its status");
    }

    /// Sends it a signal by its name ("TERM", "STOP", "CONT").
    pub fn is_signalled(&self, name: &str) {
        signal(&self.child, name);
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// All there is to know when a test fails.
    fn story(&self) -> String {
        format!(
            "{name} typed: {:#?}\n--- {name}'s screen; words seen until byte {}:\n{}\n--- {name}'s errors:\n{}\n---",
            self.typed,
            self.seen,
            self.transcript(),
            self.stderr(),
            name = self.name,
        )
    }
}

impl Drop for TestClient {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
