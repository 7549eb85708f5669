//! The server: accounts, presence, the meeting of two people, and the storage of what it cannot read.
#![allow(dead_code)]
mod accounts;
mod conversation_log;
mod json_file;
mod keyring;
pub mod limits;
mod log_line;
mod logs;
mod outgoing;
