//! A source file as the rules see it: its text, the paths it names, the labels it holds.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a label begins with. The application protocol of TLS has no blank and is none.
const LABEL_BEGIN: &str = "securechat/1 ";

/// One file of `src/`.
pub(crate) struct Source {
    /// Its path in `src/`, with `/`.
    pub(crate) file: String,
    pub(crate) text: String,
    /// Every path it names outside its tests, with grouped imports written out, from the crate's root
    /// where it is the crate's own. A file that only tests compile names none.
    pub(crate) paths: Vec<String>,
    /// The paths it exports again, as written.
    pub(crate) reexports: Vec<String>,
    /// The labels outside comments and tests, with repeats.
    pub(crate) labels: Vec<String>,
    code: String,
}

impl Source {
    fn new(file: &str, text: &str, of_tests: bool) -> Self {
        let shown = if of_tests { "" } else { text.split("#[cfg(test)]\nmod tests {").next().unwrap() };
        let (code, strings) = without_comments_and_strings(shown);
        let mut paths = Vec::new();
        let mut reexports = Vec::new();
        for statement in code.split(';') {
            let Some((before, tree)) = split_use(statement) else { continue };
            let mut found = Vec::new();
            flatten("", tree, &mut found);
            if before.trim_end().ends_with("pub") {
                reexports.extend(found.iter().cloned());
            }
            paths.extend(found);
        }
        for path in inline_paths(&code) {
            // Under a name that was imported: `use std::io` makes `io::stdout` a `std::io::stdout`.
            let (first, rest) = path.split_once("::").unwrap();
            let imported = paths.iter().filter(|path| path.rsplit("::").next() == Some(first));
            let written_out: Vec<_> = imported.map(|path| format!("{path}::{rest}")).collect();
            paths.extend(if written_out.is_empty() { vec![path] } else { written_out });
        }
        let paths = paths.iter().map(|path| absolute(file, path)).collect();
        let labels = strings.into_iter().filter(|text| text.starts_with(LABEL_BEGIN)).collect();
        Self { file: file.to_owned(), text: text.to_owned(), paths, reexports, labels, code }
    }

    /// The module of the crate that the file belongs to.
    pub(crate) fn module(&self) -> &str {
        self.file.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// Whether it uses this macro outside its tests.
    pub(crate) fn calls(&self, name: &str) -> bool {
        self.code.match_indices(name).any(|(at, _)| {
            let before = self.code[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    }
}

/// All files of `src/`.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 10, "the sources were not found");
    let read = |file: &PathBuf| {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        (name, fs::read_to_string(file).unwrap())
    };
    let files: Vec<(String, String)> = files.iter().map(read).collect();
    let test_modules: Vec<String> = files.iter().flat_map(|(file, text)| test_modules(file, text)).collect();
    let of_tests = |file: &str| {
        let module = file.trim_end_matches(".rs");
        test_modules.iter().any(|tests| {
            module.strip_prefix(tests.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    files.iter().map(|(file, text)| Source::new(file, text, of_tests(file))).collect()
}

/// The modules in files of their own that this file declares for its tests only, as paths without `.rs`.
fn test_modules(file: &str, text: &str) -> Vec<String> {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let stem = name.trim_end_matches(".rs");
    let mut found = Vec::new();
    for after in text.split("#[cfg(test)]").skip(1) {
        let Some(end) = after.find([';', '{']).filter(|end| after[*end..].starts_with(';')) else { continue };
        let declaration = &after[..end];
        let Some((_, module)) = declaration.rsplit_once("mod ") else { continue };
        // A path of its own starts where this file is; without one it is below this file's module.
        let path = declaration.split_once("path = \"").and_then(|(_, rest)| rest.split_once(".rs\""));
        let parts = match path {
            Some((path, _)) => vec![folder, path],
            None if matches!(stem, "mod" | "lib" | "main") => vec![folder, module.trim()],
            None => vec![folder, stem, module.trim()],
        };
        found.push(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"));
    }
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code with a `""` for each string and nothing for each comment; and the strings.
fn without_comments_and_strings(text: &str) -> (String, Vec<String>) {
    let (mut code, mut strings) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if let Some((string, after)) = raw_string(rest, code.chars().next_back()) {
            strings.push(string.to_owned());
            code.push_str("\"\"");
            rest = after;
        } else if c == '"' {
            let end = closing_quote(&rest[1..]);
            strings.push(rest[1..1 + end].to_owned());
            code.push_str("\"\"");
            rest = rest.get(end + 2..).unwrap_or_default();
        } else if let Some(after) = char_literal(rest) {
            code.push_str("' '");
            rest = after;
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    (code, strings)
}

fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// `r"..."` and `r#"..."#`, unless the `r` ends a word.
fn raw_string(text: &str, before: Option<char>) -> Option<(&str, &str)> {
    if before.is_some_and(|c| c.is_alphanumeric() && c != 'b' || c == '_') {
        return None;
    }
    let hashes = text.strip_prefix('r')?.chars().take_while(|c| *c == '#').count();
    let inner = text.get(1 + hashes..)?.strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inner.find(&close)?;
    Some((&inner[..end], &inner[end + close.len()..]))
}

/// A character literal, which may be a quote; a lifetime is none.
fn char_literal(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('\'')?;
    let first = inner.chars().next()?;
    let end = if first == '\\' { 2 + inner.get(2..)?.find('\'')? } else { first.len_utf8() };
    inner.get(end..)?.strip_prefix('\'')
}

/// A `use` statement's parts: what stands before the word, and the tree after it.
fn split_use(statement: &str) -> Option<(&str, &str)> {
    let at = statement.match_indices("use ").map(|(at, _)| at).find(|at| {
        statement[..*at].chars().next_back().is_none_or(|c| c.is_whitespace() || matches!(c, '}' | '{' | ']'))
    })?;
    Some((&statement[..at], &statement[at + 4..]))
}

/// `a::{b, c::{self, d as e}}` as `a::b`, `a::c`, `a::c::d`.
fn flatten(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    if let Some(at) = tree.find('{') {
        let prefix = format!("{prefix}{}", tree[..at].trim());
        let inner = tree[at + 1..].trim_end().strip_suffix('}').unwrap_or(&tree[at + 1..]);
        let (mut depth, mut start) = (0, 0);
        for (i, c) in inner.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    flatten(&prefix, &inner[start..i], found);
                    start = i + 1;
                }
                _ => {}
            }
        }
        flatten(&prefix, &inner[start..], found);
    } else if !tree.is_empty() {
        let name = tree.split(" as ").next().unwrap().trim();
        let path = format!("{prefix}{name}");
        found.push(path.strip_suffix("::self").unwrap_or(&path).to_owned());
    }
}

/// Paths of two and more names, wherever they stand. They may repeat imports.
fn inline_paths(code: &str) -> Vec<String> {
    let in_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = code.split(|c: char| !in_path(c));
    let paths = words.map(|word| word.trim_matches(':')).filter(|word| word.contains("::"));
    paths.map(str::to_owned).collect()
}

/// A path that climbs by `super::` or stands on `self::`, from the crate's root.
fn absolute(file: &str, path: &str) -> String {
    let stem = file.trim_end_matches(".rs");
    let mut module: Vec<&str> = stem.strip_suffix("/mod").unwrap_or(stem).split('/').collect();
    if matches!(stem, "lib" | "main") {
        module.clear();
    }
    let mut rest = path;
    if let Some(after) = rest.strip_prefix("self::") {
        rest = after;
    } else if rest.starts_with("super::") {
        while let Some(after) = rest.strip_prefix("super::") {
            module.pop();
            rest = after;
        }
    } else if let Some(after) = rest.strip_prefix("securechat::") {
        return format!("crate::{after}");
    } else {
        return rest.to_owned();
    }
    module.insert(0, "crate");
    module.push(rest);
    module.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, path: &str) -> bool {
        Source::new("server/room.rs", text, false).paths.iter().any(|found| found == path)
    }

    #[test]
    fn imports_are_seen_in_whatever_form() {
        assert!(names("use std::{fs, io::{self, Read as _}};", "std::fs"));
        assert!(names("use std::{fs, io::{self, Read as _}};", "std::io"));
        assert!(names("use std::{fs, io::{self, Read as _}};", "std::io::Read"));
        assert!(names(
            "#[cfg(unix)]\nuse crate::crypto::{\n    label,\n    vault::Vault,\n};",
            "crate::crypto::vault::Vault"
        ));
        assert!(names("fn f() { crate::client::run() }", "crate::client::run"));
        assert!(names("use super::super::client::Terminal;", "crate::client::Terminal"));
        assert!(names("use std::io; fn f() { io::stdout() }", "std::io::stdout"));
        assert!(names("use crate::crypto; fn f() { crypto::vault::open() }", "crate::crypto::vault::open"));
        assert!(names("use super::hall;", "crate::server::hall"));
        assert!(names("fn f() {\n    use rustls::Error as E;\n}", "rustls::Error"));
    }

    #[test]
    fn comments_strings_and_tests_name_nothing() {
        assert!(!names("// std::fs\nfn f() {}", "std::fs"));
        assert!(!names("const A: &str = \"std::fs\";", "std::fs"));
        assert!(!names("const A: &str = r#\"\"std::fs\"#;", "std::fs"));
        assert!(!names("const A: char = '\"'; // \" std::fs", "std::fs"));
        assert!(!names("#[cfg(test)]\nmod tests {\n    use std::fs;\n}", "std::fs"));
        assert!(names("const A: char = '\"'; use std::fs; const B: char = '\"';", "std::fs"));
        assert!(names("fn f<'a>(a: &'a str) { std::fs::read(a) }", "std::fs::read"));
    }

    #[test]
    fn files_that_only_tests_compile_are_known() {
        let text = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more {}\nmod other;\n#[cfg(test)]\nuse a::b;";
        assert_eq!(test_modules("server/mod.rs", text), ["server/tests"]);
        assert_eq!(test_modules("server/room.rs", text), ["server/room/tests"]);
        assert_eq!(test_modules("lib.rs", text), ["tests"]);
        let text = "#[cfg(test)]\n#[path = \"room_tests.rs\"]\nmod tests;";
        assert_eq!(test_modules("server/room.rs", text), ["server/room_tests"]);
    }

    #[test]
    fn labels_and_macros_are_seen() {
        let text =
            "const A: &str = \"securechat/1 a\"; const B: &[u8] = b\"securechat/1 a\"; // \"securechat/1 b\"";
        assert_eq!(Source::new("crypto/label.rs", text, false).labels, ["securechat/1 a", "securechat/1 a"]);
        let prints = |text: &str| Source::new("crypto/label.rs", text, false).calls("println!");
        assert!(prints("fn f() { println!(\"x\") }"));
        assert!(prints("fn f() { std::println!(\"x\") }"));
        assert!(!prints("fn f() { eprintln!(\"x\") } // println!"));
    }
}
