//! Recovery forms, printed and typed again.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

fn form_of(name: &str, server: &str, salt: u8) -> RecoveryForm {
    let key_file = KeyFile {
        username: name.parse().unwrap(),
        cost: KdfCost::default(),
        salt: Bytes([salt; 16]),
        sealed: Bytes(std::array::from_fn(|at| u8::try_from(at * 5).unwrap_or(salt))),
    };
    RecoveryForm::new(server, &key_file).unwrap()
}

fn form() -> RecoveryForm {
    form_of("alice", "chat.example.org:4117", 7)
}

/// What is printed, without numbers and blanks: one text a line.
fn lines(form: &RecoveryForm) -> Vec<String> {
    form.to_string().lines().map(|line| line[4..].replace(' ', "")).collect()
}

/// The lines as somebody types them who types the numbers too.
fn typed(lines: &[String]) -> String {
    lines.iter().enumerate().map(|(at, line)| format!("{}: {line}\n", at + 1)).collect()
}

fn wrong(line: usize, problem: LineProblem) -> Result<RecoveryForm, RecoveryError> {
    Err(RecoveryError::Line { line, problem })
}

#[test]
fn what_is_printed_is_read_back_however_it_is_typed() {
    let form = form();
    let printed = form.to_string();
    assert_eq!(title(), "securechat recovery form 1");
    assert!(printed.starts_with(" 1: 0"), "{printed}");
    assert!(printed.lines().all(|line| line.len() == 36), "{printed}");
    assert!(lines(&form).iter().all(|line| line.len() == LINE_SYMBOLS), "{printed}");
    let looks_alike = printed.replace('0', "o").replace('1', "l").replace('V', "u");
    // The numbers are numbers.
    let looks_alike = looks_alike.replace(" l:", " 1:").replace("lo:", "10:");
    for text in [
        printed.clone(),
        printed.to_lowercase(),
        printed.replace('\n', "\r\n"),
        printed.replace('\n', " "),
        printed.replace(' ', "\n"),
        printed.replace(": ", " : "),
        format!("{}\n  account: alice at [1:2::3]:4117, key SHA256:ab\n\n{printed}", title()),
        typed(&lines(&form)),
        lines(&form).join("\n"),
        looks_alike,
    ] {
        assert_eq!(RecoveryForm::read(&text), Ok(form.clone()), "{text}");
    }
}

#[test]
fn each_mistake_names_its_line() {
    let good = lines(&form());
    let with = |at: usize, line: &str| {
        let mut lines = good.clone();
        lines[at] = line.to_owned();
        typed(&lines)
    };
    let short = &good[2][1..];
    assert_eq!(RecoveryForm::read(&with(2, short)), wrong(3, LineProblem::Length(25)));
    assert_eq!(RecoveryForm::read(&with(2, &format!("{short}*"))), wrong(3, LineProblem::Character('*')));
    let other = if good[3].starts_with('7') { "8" } else { "7" };
    assert_eq!(
        RecoveryForm::read(&with(3, &format!("{other}{}", &good[3][1..]))),
        wrong(4, LineProblem::Check)
    );
    let all_but_one = good.len() - 1;
    let missing = wrong(good.len(), LineProblem::Missing);
    assert_eq!(RecoveryForm::read(&typed(&good[..all_but_one])), missing);
    let more = [good.clone(), vec![good[0].clone()]].concat();
    assert_eq!(
        RecoveryForm::read(&typed(&more)),
        wrong(good.len() + 1, LineProblem::AfterTheEnd(good.len()))
    );
    let left_out = typed(&good).replacen(&format!("2: {}\n", good[1]), "", 1);
    assert_eq!(RecoveryForm::read(&left_out), wrong(2, LineProblem::OutOfPlace(3)));
    for nothing in ["", "  \n", ":"] {
        assert!(RecoveryForm::read(nothing).is_err(), "{nothing:?}");
    }
    assert_eq!(RecoveryForm::read(""), Err(RecoveryError::NoForm));
}

#[test]
fn what_stands_before_a_colon_among_the_lines_is_a_number_or_a_mistake() {
    for stray in ["x:", "ab:", "123:"] {
        let typed = form().to_string().replace(" 2:", &format!(" {stray} 2:"));
        assert_eq!(RecoveryForm::read(&typed), wrong(1, LineProblem::Character(':')), "{typed}");
    }
}

#[test]
fn a_text_is_read_up_to_a_length() {
    let printed = form().to_string();
    let with_blanks = |bytes: usize| format!("{printed}{}", " ".repeat(bytes - printed.len()));
    assert_eq!(RecoveryForm::read(&with_blanks(TEXT_BYTES_MAX)), Ok(form()));
    for bytes in [TEXT_BYTES_MAX + 1, 2 * TEXT_BYTES_MAX] {
        assert_eq!(RecoveryForm::read(&with_blanks(bytes)), Err(RecoveryError::NoForm));
    }
}

#[test]
fn lines_of_two_forms_are_no_form() {
    let (one, other) = (lines(&form()), lines(&form_of("alice", "chat.example.org:4117", 9)));
    let mixed: Vec<String> = one[..3].iter().chain(&other[3..]).cloned().collect();
    assert_eq!(RecoveryForm::read(&typed(&mixed)), Err(RecoveryError::Together));
}

#[test]
fn a_form_of_another_version_and_a_cost_out_of_bounds_are_refused() {
    let printed = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let end = bytes.len() - CHECK_BYTES;
        let check = check(&bytes[..end]);
        bytes[end..].copy_from_slice(&check);
        RecoveryForm::from_bytes(&bytes)
    };
    let good = form().to_bytes();
    assert_eq!(printed(&good), Ok(form()));
    let mut other = good.clone();
    other[0] = 2;
    assert_eq!(printed(&other), Err(RecoveryError::OtherVersion));
    let mut dear = good.clone();
    dear[2] = 0xff;
    assert_eq!(printed(&dear), Err(RecoveryError::Cost(CostError::AboveCeiling)));
    assert_eq!(RecoveryForm::new(&"a".repeat(256), form().key_file()), Err(RecoveryError::Server));
    let longest = form_of(&"a".repeat(32), &"b".repeat(SERVER_BYTES_MAX), 1);
    assert_eq!(RecoveryForm::read(&longest.to_string()), Ok(longest.clone()));
    assert_eq!(longest.to_string().lines().count(), LINES_MAX);
}

proptest! {
    #[test]
    fn one_wrong_character_is_found_in_its_line(line: Index, at: Index, other in 1..32_usize) {
        let mut lines = lines(&form());
        let line = line.index(lines.len());
        let mut symbols: Vec<char> = lines[line].chars().collect();
        let at = at.index(symbols.len());
        let value = (ALPHABET.find(symbols[at]).unwrap() + other) % 32;
        symbols[at] = ALPHABET.chars().nth(value).unwrap();
        lines[line] = symbols.into_iter().collect();
        prop_assert_eq!(RecoveryForm::read(&typed(&lines)), wrong(line + 1, LineProblem::Check));
    }

    #[test]
    fn two_swapped_characters_are_found_in_their_line(line: Index, one: Index, other: Index) {
        let mut lines = lines(&form());
        let line = line.index(lines.len());
        let mut symbols: Vec<char> = lines[line].chars().collect();
        let (one, other) = (one.index(symbols.len()), other.index(symbols.len()));
        prop_assume!(symbols[one] != symbols[other]);
        symbols.swap(one, other);
        lines[line] = symbols.into_iter().collect();
        prop_assert_eq!(RecoveryForm::read(&typed(&lines)), wrong(line + 1, LineProblem::Check));
    }

    #[test]
    fn a_missing_character_and_one_too_many_are_found_in_their_line(line: Index, at: Index) {
        let good = lines(&form());
        let line = line.index(good.len());
        let at = at.index(good[line].len());
        let mut missing = good.clone();
        missing[line].remove(at);
        prop_assert_eq!(RecoveryForm::read(&typed(&missing)), wrong(line + 1, LineProblem::Length(25)));
        let mut doubled = good.clone();
        let character = doubled[line].chars().nth(at).unwrap();
        doubled[line].insert(at, character);
        prop_assert_eq!(RecoveryForm::read(&typed(&doubled)), wrong(line + 1, LineProblem::Length(27)));
    }

    #[test]
    fn swapped_lines_are_found_with_and_without_their_numbers(one: Index, other: Index) {
        let mut lines = lines(&form());
        let (one, other) = (one.index(lines.len()), other.index(lines.len()));
        prop_assume!(one != other);
        lines.swap(one, other);
        let first = one.min(other) + 1;
        let unnumbered = RecoveryForm::read(&lines.join("\n"));
        prop_assert_eq!(unnumbered, wrong(first, LineProblem::Check));
    }

    #[test]
    fn every_key_file_is_printed_and_read_back(
        name in "[a-z]{1,32}", server in "[a-z0-9.:]{1,60}", salt: [u8; 16], sealed in vec(any::<u8>(), SEALED_BYTES),
        memory_kib in KdfCost::FLOOR.memory_kib..=KdfCost::CEILING.memory_kib, passes in 2..=20_u32,
    ) {
        let Ok(username) = name.parse() else { return Ok(()) };
        let cost = KdfCost { memory_kib, passes };
        let key_file = KeyFile { username, cost, salt: Bytes(salt), sealed: Bytes(sealed.try_into().unwrap()) };
        let form = RecoveryForm::new(&server, &key_file).unwrap();
        prop_assert_eq!(RecoveryForm::read(&form.to_string()), Ok(form));
    }

    #[test]
    fn any_text_is_a_form_or_an_error(text in "(( ?[0-9]{1,2}:)?[ 0-9A-Za-z]{0,40}\n?){0,6}|\\PC{0,60}") {
        let _ = RecoveryForm::read(&text);
    }
}
