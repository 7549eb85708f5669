//! securechat: private conversations between people, on a server they run themselves.
//!
//! The modules, in reading order:
//!
//! - [`wire`]: names, frames, the messages of both directions;
//! - [`status`]: the exit statuses;
//! - [`printable`]: text from others, made safe to show;
//! - [`crypto`]: key files, identities, the agreement, sealed messages;
//! - [`transport`]: TCP, TLS and deadlines;
//! - [`store`]: files that survive a crash;
//! - [`server`]: accounts, presence, rendezvous, the log;
//! - [`client`]: the person's side;
//! - [`cli`]: the command line.

#![forbid(unsafe_code)]

pub mod cli;
pub mod client;
pub mod crypto;
pub mod printable;
pub mod server;
pub mod status;
pub mod store;
pub mod transport;
pub mod wire;
