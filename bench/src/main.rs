//! Measures securechat beside bare relays of its own shape, and beside other servers where they are
//! installed. `scripts/bench` runs it; docs/PERFORMANCE.md says what came of it.
//!
//! Three roles in one program: the conductor (`run`), which starts everything in turn and writes the tables;
//! the load generator (`load`), a process of its own; the relays (`relay`).
//!
//! In reading order: `line` and `person`, the protocol's client side; `noise`, messages made beforehand;
//! `crowd`, `talk` (`ours`), `idle`, `logins`, `pages`, the workloads; `relay` (`frames`, `journal`); `rivals`; `meter`; `data`,
//! `target` (`brokers`), `workloads` (`growth`, `client` with its `peer` and `export`), `report`, the conductor's.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Result;
use clap::{Parser, Subcommand};
use rustix::process::{Resource, getrlimit, setrlimit};

mod brokers;
mod client;
mod crowd;
mod data;
mod export;
mod frames;
mod growth;
mod idle;
mod journal;
mod line;
mod load;
mod logins;
mod meter;
mod noise;
mod ours;
mod pages;
mod peer;
mod person;
mod poll;
mod relay;
mod report;
mod rivals;
mod talk;
mod target;
mod workloads;

/// Measures securechat.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Runs workloads and prints their tables
    Run(workloads::RunArgs),
    /// Puts one server under load and prints the figures as JSON
    Load(load::LoadArgs),
    /// Is a bare relay on a free port of the loopback
    Relay {
        /// What it does with a message besides handing it on
        kind: relay::Kind,
        /// Where it keeps what it keeps
        folder: PathBuf,
    },
}

/// As many files as the system lets this process, and those it starts, have.
fn raise_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused, the workloads for which it is too little say so.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn main() -> Result<()> {
    raise_files();
    match Cli::parse().role {
        Role::Run(args) => workloads::run(&args),
        Role::Load(args) => Ok(writeln!(io::stdout(), "{}", serde_json::to_string(&load::run(&args)?)?)?),
        Role::Relay { kind, folder } => relay::run(kind, &folder),
    }
}
