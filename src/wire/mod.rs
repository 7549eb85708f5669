//! What travels: names, frames, and the two closed enums, one a direction.
//!
//! Everything here is plain data, parsed once at the edge into types that cannot be wrong. It
//! knows neither sockets nor cryptography: a signature or a ciphertext is so many bytes.

mod body;
mod by_hand;
mod bytes;
mod error_code;
mod frame;
pub mod limits;
mod message;
mod name;
mod registration;
mod steps;
pub mod strict_base64;

pub use body::{Body, BodyError, BodyRef, Header, StreamId};
pub use by_hand::{
    MessageFrames, SendBuffer, SendRef, StoredFrames, encode_event, push_milliseconds, push_number,
    push_seconds,
};
pub use bytes::{Blob, Bytes, BytesError};
pub use error_code::ErrorCode;
pub use frame::{FrameError, Frames, encode, read_frame, write_frame};
pub use message::{Contact, Entry, Event, KeptKey, Outcome, OwnCopy, Received, Request, Role};
pub use name::{NameError, Pair, Username};
pub use registration::{InvitationCode, InvitationCodeError, Registration};
pub use steps::{Agreement, Confirm, Decline, Offer, Reply, Resume, ResumeReply, Seen};

/// The port a server listens on unless told otherwise.
pub const DEFAULT_PORT: u16 = 4117;

/// The version of the protocol this program speaks. Another one is an error, not a negotiation.
pub const PROTOCOL_VERSION: u32 = 1;
