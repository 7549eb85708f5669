//! What people do again and again, in the words of the way through.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{client::TestClient, pty::Pty, securechat, server::TestServer};

/// Each person's password; with a blank and letters outside ASCII, as people's are.
pub fn password_of(name: &str) -> String {
    format!("correct pferd bäckerei {name}")
}

impl TestServer {
    /// The command of this person's client; key files cost as little as is allowed.
    pub fn client_command(&self, name: &str) -> Command {
        self.client_command_at(&self.home_of(name))
    }

    /// The same with its files in another folder.
    pub fn client_command_at(&self, home: &Path) -> Command {
        let mut command = self.newcomer_command_at(home);
        command.args(["--server-key", self.key()]);
        command
    }

    /// The same for somebody who was told the address, and no fingerprint of the server's key.
    pub fn newcomer_command(&self, name: &str) -> Command {
        self.newcomer_command_at(&self.home_of(name))
    }

    fn newcomer_command_at(&self, home: &Path) -> Command {
        let mut command = securechat();
        command.arg("client").args(["--host", &self.host()]).arg("--home").arg(home);
        command.env("SECURECHAT_KEY_FILE_MEMORY_MIB", "19").env("SECURECHAT_KEY_FILE_PASSES", "2");
        command
    }

    /// Where this person's client keeps what belongs to this server.
    pub fn folder_of(&self, name: &str) -> PathBuf {
        self.home_of(name).join(format!("127.0.0.1~{}", self.port()))
    }

    /// Where this person's key file lies.
    pub fn key_file_of(&self, name: &str) -> PathBuf {
        self.folder_of(name).join(format!("{name}.txt"))
    }

    /// Starts this person's client, which asks its first question.
    pub fn client(&self, name: &str) -> TestClient {
        TestClient::starts(name, self.client_command(name))
    }

    /// Starts this person's client on a terminal.
    pub fn client_on_a_terminal(&self, name: &str) -> Pty {
        Pty::spawn(self.client_command(name))
    }

    /// A new account: the person is in the lobby.
    pub fn registers(&self, name: &str) -> TestClient {
        let mut client = self.client(name);
        client.says_they_are_new(name, &password_of(name));
        client.sees("Account created");
        client.is_in_the_lobby();
        client
    }

    /// Somebody who has an account and their key file: the person is in the lobby.
    pub fn logs_in(&self, name: &str) -> TestClient {
        let mut client = self.client(name);
        client.says_who_they_are(name, &password_of(name));
        client.is_in_the_lobby();
        client
    }

    /// The same with a client that ends when its connection is lost.
    pub fn logs_in_without_retry(&self, name: &str) -> TestClient {
        let mut command = self.client_command(name);
        command.args(["--retry", "0"]);
        let mut client = TestClient::starts(name, command);
        client.says_who_they_are(name, &password_of(name));
        client.is_in_the_lobby();
        client
    }

    /// Two people with new accounts, in the lobby.
    pub fn registers_two(&self, first: &str, second: &str) -> (TestClient, TestClient) {
        (self.registers(first), self.registers(second))
    }

    /// Two people with new accounts, in conversation.
    pub fn two_in_conversation(&self, first: &str, second: &str) -> (TestClient, TestClient) {
        let (mut first, mut second) = self.registers_two(first, second);
        open_conversation(&mut first, &mut second);
        (first, second)
    }
}

impl TestClient {
    /// Answers the first three questions: an account there is, whose, and the password.
    pub fn says_who_they_are(&mut self, name: &str, password: &str) {
        self.sees("Do you already have an account? (yes/no) ");
        self.types("yes");
        self.sees("Username: ");
        self.types(name);
        self.sees("Password: ");
        self.types(password);
    }

    /// The same of who has no account yet, up to the password.
    pub fn says_they_are_new(&mut self, name: &str, password: &str) {
        self.sees("Do you already have an account? (yes/no) ");
        self.types("no");
        self.sees("Username: ");
        self.types(name);
        self.sees("Password: ");
        self.types(password);
    }

    /// Sends a message that the other one sees.
    pub fn says_to(&mut self, peer: &mut TestClient, text: &str) {
        self.types(text);
        peer.sees(&format!("] {}: {text}\n", self.name()));
    }

    /// Leaves the conversation: both are in the lobby.
    pub fn leaves(&mut self, peer: &mut TestClient) {
        self.types("exit");
        self.sees("You left the conversation");
        self.is_in_the_lobby();
        peer.sees(&format!("{} left the conversation", self.name()));
        peer.is_in_the_lobby();
    }

    /// Logs out in the lobby.
    pub fn logs_out(&mut self) {
        self.types("exit");
        self.ends_well();
    }

    /// Waits for the lobby's question.
    pub fn is_in_the_lobby(&mut self) {
        self.sees("Who do you want to start a conversation with? ");
    }

    /// Waits for the block of the key and the question below it: this person's code, or nothing for a verified contact.
    pub fn is_asked_about_the_key(&mut self) -> Option<String> {
        let code = match self.sees_any(&["your code: ", "Accept this key? "]) {
            "your code: " => {
                let code = self.reads_line();
                self.sees("Accept this key? ");
                Some(code)
            }
            _ => None,
        };
        if let Some(code) = &code {
            assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()), "a code: {code:?}");
        }
        code
    }

    /// Waits for the conversation with this person to be open.
    pub fn talks_with(&mut self, peer: &str) {
        self.sees(&format!("Conversation with {peer} is open. Type a message, or exit to leave."));
    }
}

/// The first names the second, who is told.
pub fn invite(first: &mut TestClient, second: &mut TestClient) {
    first.types(second.name());
    second.sees(&format!("{} wants to start a conversation with you", first.name()));
}

/// The first names the second, and both are asked about the key: their codes.
pub fn reach_the_key(first: &mut TestClient, second: &mut TestClient) -> (Option<String>, Option<String>) {
    invite(first, second);
    (first.is_asked_about_the_key(), second.is_asked_about_the_key())
}

/// From the lobby to an open conversation, both answering yes: their codes, where they were shown.
pub fn open_conversation(
    first: &mut TestClient,
    second: &mut TestClient,
) -> (Option<String>, Option<String>) {
    let codes = reach_the_key(first, second);
    first.types("yes");
    first.sees(&format!("Waiting for {} to answer...", second.name()));
    second.types("yes");
    first.talks_with(second.name());
    second.talks_with(first.name());
    codes
}
