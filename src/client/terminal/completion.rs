//! What Tab completes: names and commands.

use crate::client::{Overview, words};

/// What there is to complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Names of people, in order.
    pub(super) names: Vec<String>,
    /// Commands with their `/`, in order.
    pub(super) commands: Vec<String>,
}

/// What Tab comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Completion {
    /// Nothing begins so.
    Nothing,
    /// From this byte of the line up to the cursor it becomes this.
    Becomes(usize, String),
    /// It could be any of these, and nothing more can be completed.
    AnyOf(Vec<String>),
}

impl Known {
    /// What somebody who sees this may mean.
    pub(super) fn of(overview: &Overview) -> Self {
        let names = overview.contacts.iter().map(|contact| contact.name.to_string()).collect();
        Self { names, commands: words::commands() }
    }

    /// Completes the word that ends at the cursor: a command at the start of the line, else a name.
    pub(super) fn complete(&self, line: &str, cursor: usize) -> Completion {
        let Some(before) = line.get(..cursor) else { return Completion::Nothing };
        let start = before.rfind(char::is_whitespace).map_or(0, |at| {
            at + before.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
        });
        let word = before.get(start..).unwrap_or_default();
        let is_command = start == 0 && word.starts_with('/');
        // Between the words of a message Tab is a slip of the finger, not a wish for a list of everybody.
        if word.is_empty() && start > 0 && !before.starts_with('/') {
            return Completion::Nothing;
        }
        let (of, typed) = if is_command {
            (&self.commands, word.to_owned())
        } else {
            // Names are lower-cased as they are typed anywhere else.
            (&self.names, word.to_ascii_lowercase())
        };
        let fitting: Vec<&String> = of.iter().filter(|known| known.starts_with(&typed)).collect();
        match fitting.as_slice() {
            [] => Completion::Nothing,
            [only] => {
                Completion::Becomes(start, if is_command { format!("{only} ") } else { (*only).clone() })
            }
            [first, rest @ ..] => {
                let common = rest.iter().fold(first.as_str(), |common, other| shared(common, other));
                if common.len() > word.len() {
                    Completion::Becomes(start, common.to_owned())
                } else {
                    Completion::AnyOf(fitting.into_iter().cloned().collect())
                }
            }
        }
    }
}

/// What both begin with.
fn shared<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    let end = same.map_or(one.len().min(other.len()), |((at, _), _)| at);
    one.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Known {
            names: owned(&["albert", "alice", "bob"]),
            commands: owned(&["/help", "/history", "/verify", "/who"]),
        }
    }

    fn tab(line: &str) -> Completion {
        known().complete(line, line.len())
    }

    fn becomes(start: usize, with: &str) -> Completion {
        Completion::Becomes(start, with.to_owned())
    }

    #[test]
    fn commands_are_completed_at_the_start_of_a_line_and_names_elsewhere() {
        assert_eq!(tab("/w"), becomes(0, "/who "));
        assert_eq!(tab("b"), becomes(0, "bob"));
        assert_eq!(tab("B"), becomes(0, "bob"));
        assert_eq!(tab("/verify b"), becomes(8, "bob"));
        assert_eq!(tab("ask bo"), becomes(4, "bob"));
        assert_eq!(tab("ask /w"), Completion::Nothing);
    }

    #[test]
    fn what_is_common_comes_first_and_then_the_list() {
        assert_eq!(tab("a"), becomes(0, "al"));
        assert_eq!(tab("al"), Completion::AnyOf(vec!["albert".into(), "alice".into()]));
        assert_eq!(tab("/h"), Completion::AnyOf(vec!["/help".into(), "/history".into()]));
        assert_eq!(tab("/verify "), Completion::AnyOf(known().names));
        assert_eq!(tab(""), Completion::AnyOf(known().names));
    }

    #[test]
    fn in_the_middle_of_a_message_nobody_is_listed() {
        assert_eq!(tab("hello "), Completion::Nothing);
        assert_eq!(tab("hello x"), Completion::Nothing);
    }

    #[test]
    fn only_what_stands_before_the_cursor_counts() {
        assert_eq!(known().complete("bo is here", 2), becomes(0, "bob"));
        assert_eq!(known().complete("漢字 bo", 9), becomes(7, "bob"));
        assert_eq!(known().complete("漢", 1), Completion::Nothing);
    }
}
