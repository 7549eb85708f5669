//! Takes the sources as they are, without their unit tests, and makes the broken variants of them: the
//! same source with one line changed. A change that no longer fits its source stops the build.

use std::{env, fs, path::Path};

fn main() {
    let sources = Path::new("../../src/server");
    let out = env::var("OUT_DIR").unwrap();
    println!("cargo::rerun-if-changed=../../src/server");
    println!("cargo::rerun-if-changed=../../src/wire");
    let write = |name: &str, text: &str| fs::write(Path::new(&out).join(name), text).unwrap();

    // The clock is the model's.
    let rendezvous = replaced(&read(sources, "rendezvous.rs"), "Instant::now()", "parking_lot::clock::now()");
    write("rendezvous.rs", &rendezvous);
    write("rendezvous_lost_notify.rs", &replaced(&rendezvous, "self.wake(&state);", ""));
    write("rendezvous_late_deadline.rs", &replaced(&rendezvous, "deadline < nearest", "deadline > nearest"));

    let commit = read(sources, "commit.rs");
    write("commit.rs", &commit);
    write("commit_unsynced.rs", &replaced(&commit, "durable.sync()?;", "let _ = durable;"));
    // What came in while the disk was busy is acknowledged with what was there before.
    let batch = "for work in batch {";
    let late = "for work in batch.into_iter().chain(waiting.try_iter()) {";
    write("commit_late_batch.rs", &replaced(&commit, batch, late));
    write("outgoing.rs", &read(sources, "outgoing.rs"));
}

/// A source without its module documentation, which cannot be included, and without its tests.
fn read(folder: &Path, name: &str) -> String {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    let (code, _tests) = text.split_once("#[cfg(test)]\nmod tests").unwrap_or((&text, ""));
    code.lines().filter(|line| !line.starts_with("//!")).map(|line| format!("{line}\n")).collect()
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the source no longer has `{from}`: the model is to be looked at again");
    text.replace(from, to)
}
