//! How French is set: spaces that must not break, apostrophes, and words elided before a name.

/// French typography: no-break spaces before `: ; ? !` and within guillemets, and the apostrophe. The plain
/// no-break space, which every terminal's font has, and not the narrow one.
pub(crate) fn typeset(words: &str) -> String {
    const NO_BREAK: char = '\u{a0}';
    let mut set = String::with_capacity(words.len() + 8);
    let mut characters = words.chars().peekable();
    while let Some(character) = characters.next() {
        let before = characters.peek().is_some_and(|next| matches!(next, ':' | ';' | '?' | '!' | '»'));
        set.push(match character {
            ' ' if before || set.ends_with('«') => NO_BREAK,
            '\'' => '’',
            other => other,
        });
    }
    set.replace("...", "…")
}

/// `de` or `que` before a name, elided before a vowel: `de bob`, `d'alice`.
pub(in crate::client) fn before(word: &str, name: &str) -> String {
    let vowel = |letter: Option<char>| matches!(letter, Some('a' | 'e' | 'i' | 'o' | 'u'));
    let mut letters = name.chars();
    let (first, second) = (letters.next(), letters.next());
    // Before a vowel y is a consonant: `de yann`, but `d'yves`.
    let elides = vowel(first) || (first == Some('y') && second.is_some() && !vowel(second));
    match word.strip_suffix('e').filter(|_| elides) {
        Some(stem) => format!("{stem}’"),
        None => format!("{word} "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_is_set_as_french_is() {
        assert_eq!(
            typeset("Qui ? « moi » : l'un ; l'autre !"),
            "Qui\u{a0}? «\u{a0}moi\u{a0}»\u{a0}: l’un\u{a0}; l’autre\u{a0}!"
        );
        assert_eq!(typeset("SHA256:abc et 14:03... fin "), "SHA256:abc et 14:03… fin ");
        assert_eq!((before("que", "alice"), before("que", "bob")), ("qu’".to_owned(), "que ".to_owned()));
        for (name, article) in [
            ("alice", "d’"),
            ("bob", "de "),
            ("yves", "d’"),
            ("yann", "de "),
            ("7up", "de "),
            ("henri", "de "),
        ] {
            assert_eq!(before("de", name), article, "{name}");
        }
    }
}
