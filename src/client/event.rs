//! Everything that can happen to the client, as one closed enum that one loop takes in order.

use super::{connection::Incoming, scripts::Call, terminal::Input};

/// One thing that happened.
// Names are kept in place, and events are taken one at a time: a box each would save nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub(super) enum Event {
    /// The person typed a line, or ended the input.
    Person(Input),
    /// A program asks for something.
    Program(Call),
    /// The server said something, or the connection ended.
    Server(Incoming),
    /// A time that the loop had set has come.
    Tick,
}
