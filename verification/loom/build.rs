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

    let commit = replaced(&read(sources, "commit.rs"), "Instant::now()", "parking_lot::clock::now()");
    write("commit.rs", &commit);
    write("commit_unsynced.rs", &replaced(&commit, "medium.commit(&batch)?;", "let _ = &medium;"));
    // What came in while the disk was busy is acknowledged with what was there before.
    let acknowledge = "acknowledge(&batch);";
    let late = format!("batch.append(&mut shared.queue.lock().waiting);\n{acknowledge}");
    write("commit_late_batch.rs", &replaced(&commit, acknowledge, &late));
    // Who waits for room is not told that there is some.
    let freed = "queue.bytes = queue.promised;\n                self.freed.notify_all();";
    write("commit_no_room.rs", &replaced(&commit, freed, "queue.bytes = queue.promised;"));
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
