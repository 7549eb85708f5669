//! The invariants of ARCHITECTURE.md that can be seen in the source, checked by reading it.
//!
//! It reads names, not types: each rule is about who may name what. Tests inside `src/` (from
//! `#[cfg(test)]` on, and files that only tests compile) are free of the rules about names.

// A test's own functions may fail as a test does.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "tidy/source.rs"]
mod source;

use std::{collections::BTreeMap, fs, path::Path};

use source::{Source, sources};

/// Which modules of the crate each may name, besides itself. Dependencies point one way.
const LAYERS: [(&str, &[&str]); 11] = [
    ("wire", &[]),
    ("printable", &[]),
    ("crypto", &["wire", "printable"]),
    ("transport", &["wire", "printable", "crypto"]),
    ("status", &[]),
    ("store", &["wire", "printable", "crypto"]),
    ("server", &["wire", "printable", "crypto", "transport", "store", "status"]),
    ("client", &["wire", "printable", "crypto", "transport", "store", "status"]),
    ("cli", &["wire", "printable", "crypto", "transport", "store", "status", "server", "client"]),
    ("main", &["wire", "printable", "crypto", "transport", "store", "status", "server", "client", "cli"]),
    ("lib", &["wire", "printable", "crypto", "transport", "store", "status", "server", "client", "cli"]),
];

/// Which module alone may name a dependency.
const OWNERS: [(&str, &[&str]); 2] = [
    ("transport", &["rustls", "rustls_native_certs", "rcgen", "socket2"]),
    ("crypto", &["ring", "ml_kem", "argon2"]),
];

/// What opens messages and key files: never in the server's hands.
const OPENS: [&str; 6] = ["key_file", "session", "agreement", "vault", "resume", "receipt"];

/// What the inner modules never touch.
const OUTSIDE: [&str; 7] = [
    "std::net",
    "std::fs",
    "std::process",
    "std::env",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
];

const PRINT_MACROS: [&str; 5] = ["println!", "print!", "eprintln!", "eprint!", "dbg!"];

const LINES_MAX: usize = 500;

/// Whether `path` is `prefix` or something in it.
fn within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The names in `paths` that a rule forbids.
fn naming<'a>(
    source: &'a Source,
    forbidden: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = String> + 'a {
    let hits = source.paths.iter().filter(move |path| forbidden(path));
    hits.map(|path| format!("{} names {path}", source.file))
}

fn none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn dependencies_between_modules_point_one_way() {
    let layers: BTreeMap<_, _> = LAYERS.into_iter().collect();
    let mut breaches = Vec::new();
    for source in &sources() {
        let own = source.module();
        let Some(allowed) = layers.get(own) else {
            breaches.push(format!("{}: a module that no layer knows", source.file));
            continue;
        };
        breaches.extend(naming(source, |path| {
            LAYERS.iter().any(|(module, _)| {
                within(path, &format!("crate::{module}")) && *module != own && !allowed.contains(module)
            })
        }));
    }
    none(breaches);
}

#[test]
fn a_dependency_is_named_only_by_the_module_that_owns_it() {
    let mut breaches = Vec::new();
    for source in &sources() {
        for (owner, crates) in OWNERS.iter().filter(|(owner, _)| *owner != source.module()) {
            let named = naming(source, |path| crates.iter().any(|name| within(path, name)));
            breaches.extend(named.map(|breach| format!("{breach}, which is {owner}'s")));
        }
    }
    none(breaches);
}

#[test]
fn the_inner_modules_touch_neither_network_nor_files_nor_terminal() {
    let all = sources();
    let inner = all.iter().filter(|source| matches!(source.module(), "crypto" | "wire" | "printable"));
    none(inner.flat_map(|s| naming(s, |path| OUTSIDE.iter().any(|outside| within(path, outside)))).collect());
}

#[test]
fn the_server_cannot_name_what_opens_messages_or_key_files() {
    let all = sources();
    // Their types under shorter names, too.
    let mut forbidden: Vec<String> = OPENS.iter().map(|module| format!("crate::crypto::{module}")).collect();
    for source in all.iter().filter(|source| source.file == "crypto/mod.rs") {
        for path in &source.reexports {
            let path = path.strip_prefix("self::").unwrap_or(path);
            let mut parts = path.split("::");
            if parts.next().is_some_and(|module| OPENS.contains(&module)) {
                forbidden.extend(parts.last().map(|name| format!("crate::crypto::{name}")));
            }
        }
    }
    forbidden.push("crate::crypto::*".to_owned());
    let server = all.iter().filter(|source| source.module() == "server");
    none(server.flat_map(|s| naming(s, |path| forbidden.iter().any(|name| within(path, name)))).collect());
}

#[test]
fn printing_is_left_to_the_terminal_and_the_last_words() {
    let all = sources();
    let printing: Vec<_> =
        all.iter().filter(|source| PRINT_MACROS.iter().any(|name| source.calls(name))).collect();
    let may =
        |file: &str| file == "main.rs" || file.starts_with("client/terminal") || file.starts_with("server/");
    let breaches = printing.iter().filter(|source| !may(&source.file));
    let mut breaches: Vec<_> = breaches.map(|source| format!("{} prints", source.file)).collect();
    // The server has one place that says where it listens.
    let server: Vec<_> = printing.iter().filter(|source| source.module() == "server").collect();
    if server.len() > 1 {
        breaches
            .extend(server.iter().map(|source| format!("{} prints, and is not the only one", source.file)));
    }
    none(breaches);
}

#[test]
fn every_file_says_first_what_it_is() {
    let all = sources();
    let silent = all.iter().filter(|source| !source.text.starts_with("//! "));
    none(silent.map(|source| format!("{} does not begin with //!", source.file)).collect());
}

#[test]
fn no_file_is_too_long_or_without_a_subject() {
    let mut breaches = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            breaches.push(format!("{} has {lines} lines, over {LINES_MAX}", source.file));
        }
        let stem = source.file.rsplit('/').next().unwrap().trim_end_matches(".rs");
        if ["utils", "util", "helpers", "helper", "manager", "common", "misc"].contains(&stem) {
            breaches.push(format!("{} is named after no subject", source.file));
        }
    }
    none(breaches);
}

#[test]
fn every_label_stands_once_in_one_table() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in &sources() {
        for label in &source.labels {
            places.entry(label.clone()).or_default().push(source.file.clone());
        }
    }
    let mut breaches: Vec<_> = places
        .iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(label, files)| format!("{label:?} stands more than once: {}", files.join(", ")))
        .collect();
    let mut files: Vec<_> = places.values().flatten().collect();
    files.sort();
    files.dedup();
    if files.len() > 1 {
        breaches.push(format!("labels stand in more than one file: {files:?}"));
    }
    none(breaches);
}

#[test]
fn every_block_of_dependencies_begins_with_its_reason() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let mut breaches = Vec::new();
    let (mut in_dependencies, mut block_begins) = (false, false);
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.trim_matches(['[', ']']).ends_with("dependencies");
            block_begins = true;
        } else if line.is_empty() {
            block_begins = true;
        } else {
            if in_dependencies && block_begins && !line.starts_with("# ") {
                breaches.push(format!("no comment before the block that begins with: {line}"));
            }
            block_begins = false;
        }
    }
    none(breaches);
}
