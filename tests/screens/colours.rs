//! Colours: the terminal's own sixteen, or none.

use regex::Regex;

use crate::{
    full_screen, line,
    stage::{Person, Stage},
};

const SIZE: (u16, u16) = (80, 24);

/// Two people talk in this view; how alice's screen is painted.
fn talk<'s>(stage: &'s Stage, whole_screen: bool) -> Person<'s> {
    let register =
        |name| if whole_screen { full_screen::registers(stage, name) } else { stage.registers(name) };
    let (alice, bob) = (register("alice"), register("bob"));
    if whole_screen {
        alice.types("bob\r");
        let (of_alice, of_bob) = (alice.is_asked_about_the_key(), bob.is_asked_about_the_key());
        full_screen::answer_the_key(&alice, &bob, &of_alice, &of_bob);
    } else {
        line::meet(&alice, &bob);
    }
    alice.types("hello bob\r");
    bob.sees("hello bob");
    bob.types("only you can read this\r");
    alice.sees("only you can read this");
    alice
}

/// The numbers of all that paints this screen (ECMA-48 section 8.3.117).
fn numbers(painted: &str) -> Vec<u32> {
    let sequence = Regex::new("\u{1b}\\[([0-9;]*)m").unwrap();
    let all = sequence.captures_iter(painted).map(|found| found.get(1).unwrap().as_str().to_owned());
    all.flat_map(|list| list.split(';').map(|number| number.parse().unwrap_or(0)).collect::<Vec<_>>())
        .collect()
}

#[test]
fn what_is_painted_is_painted_in_the_terminals_own_colours() {
    for (arguments, name) in [(&[][..], "line"), (&["--full-screen"][..], "full-screen")] {
        let Some(stage) = Stage::opens(SIZE, arguments) else { return };
        let alice = talk(&stage, name == "full-screen");
        alice.shows_in_colours(name);
        let numbers = numbers(&alice.painted());
        assert!(numbers.iter().any(|number| (30..=37).contains(number)), "{name} has colours: {numbers:?}");
        // 38 and 48 begin any other colour than those.
        assert!(numbers.iter().all(|number| ![38, 48].contains(number)), "{name}: {numbers:?}");
    }
}

#[test]
fn who_wants_no_colours_has_none() {
    for (arguments, environment) in [
        (&[][..], ("NO_COLOR", "1")),
        (&["--full-screen"][..], ("NO_COLOR", "1")),
        (&["--plain"][..], ("LANG", "C")),
    ] {
        let Some(stage) = Stage::opens(SIZE, arguments) else { return };
        let stage = stage.with(&[environment]);
        let alice = talk(&stage, arguments.contains(&"--full-screen"));
        let painted = alice.painted();
        let coloured = numbers(&painted)
            .into_iter()
            .any(|number| (30..=38).contains(&number) || (40..=48).contains(&number) || number >= 90);
        assert!(!coloured, "{arguments:?} {environment:?}: {painted:?}");
        let bare = arguments == ["--plain"];
        assert!(!bare || !painted.contains('\u{1b}'), "{arguments:?} {environment:?}: {painted:?}");
    }
}
