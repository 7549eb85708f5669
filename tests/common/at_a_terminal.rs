//! People who sit at a terminal, with others at a pipe.

use super::{Pty, TestClient, TestServer};

/// The line view, and plain lines.
pub const VIEWS: [&[&str]; 2] = [&[], &["--plain"]];

/// Of everybody who registers so.
pub const PASSWORD: &str = "Geheimnis 42 pferd";

/// The server's key, the account, the password twice: in the lobby.
pub fn registers_at_a_terminal(server: &TestServer, name: &str) -> Pty {
    registers_with(server.client_command(name), name)
}

/// The same with a command of one's own.
pub fn registers_with(command: std::process::Command, name: &str) -> Pty {
    let person = registers_in_any_view(command, name);
    person.sees_line_typed(">");
    person
}

/// In the lobby, whatever the view.
pub fn registers_in_any_view(command: std::process::Command, name: &str) -> Pty {
    let mut person = Pty::spawn(command);
    person.sees("Do you already have an account? (yes/no)");
    person.types("no\r");
    person.sees("Username:");
    person.types(&format!("{name}\r"));
    person.sees("Password:");
    person.types(&format!("{PASSWORD}\r"));
    person.sees("Repeat password:");
    person.types(&format!("{PASSWORD}\r"));
    person.sees("Account created");
    person.sees("Who do you want to start a conversation with?");
    person
}

/// Both are asked, both say yes, and the one at the terminal sees an empty line to type on.
pub fn open_from_the_pipe(peer: &mut TestClient, person: &mut Pty, name: &str) {
    peer.types(name);
    peer.is_asked_about_the_key();
    peer.types("yes");
    person.sees("Accept this key?");
    person.types("yes\r");
    person.sees("is open. Type a message, or exit to leave.");
    peer.talks_with(name);
    person.sees_line_typed(&format!("{}>", peer.name()));
}
