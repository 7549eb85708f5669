//! From the lobby to the answer: naming somebody, being named, the key, and everything that can end it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

#[path = "meeting/waiting.rs"]
mod waiting;

use std::{
    thread,
    time::{Duration, Instant},
};

use common::{TestClient, TestServer, invite, open_conversation, reach_the_key};

const LOBBY: &str = "Who do you want to start a conversation with? ";

/// The other side of a lost connection is told within one second; machines under test are slow.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);

fn back_in_the_lobby(people: [&mut TestClient; 2]) {
    for person in people {
        person.is_in_the_lobby();
    }
}

/// Somebody else's code than the two on the screens.
fn wrong_code(codes: &(Option<String>, Option<String>)) -> String {
    let taken = [codes.0.clone().unwrap(), codes.1.clone().unwrap()];
    ["111111", "222222", "333333"]
        .into_iter()
        .find(|code| !taken.iter().any(|taken| taken == code))
        .unwrap()
        .to_owned()
}

#[test]
fn each_wrong_name_in_the_lobby_has_a_message_of_its_own_and_is_asked_again() {
    let server = TestServer::starts();
    server.registers("bob").logs_out();
    let mut alice = server.registers("alice");
    for (typed, told) in [
        ("nobody", "nobody is unknown: nobody has an account of that name\n"),
        ("bob", "bob is not connected\n"),
        ("alice", "that is you; name somebody else\n"),
        ("ALICE", "that is you; name somebody else\n"),
        ("alice+bob", "a username has only the letters a to z, digits, and _ . -\n"),
        ("hello there", "a username has only the letters a to z, digits, and _ . -\n"),
        ("yes", "that word has a meaning of its own here; please choose another name\n"),
        ("//etc", "a username begins with a letter a to z or a digit\n"),
    ] {
        let before = alice.saw_times(LOBBY);
        alice.types(typed);
        alice.sees(told);
        alice.is_in_the_lobby();
        assert_eq!(alice.saw_times(LOBBY), before + 1, "{}", alice.transcript());
    }
    // A blank line is no name and no mistake.
    alice.types("");
    alice.is_in_the_lobby();
    let mut bob = server.logs_in("bob");
    open_conversation(&mut alice, &mut bob);
}

#[test]
fn whoever_is_named_is_told_in_the_lobby_and_the_way_leads_to_the_conversation() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    alice.types(" Bob ");
    bob.sees("alice wants to start a conversation with you\n");
    for (person, peer) in [(&mut alice, "bob"), (&mut bob, "alice")] {
        person.sees(&format!("A new key with {peer} (number 1)\n"));
        person.sees(&format!("{peer}'s identity: "));
        person.sees("this identity is new to you, and not verified\n");
        person.sees("your code: ");
        person.sees(&format!("Accept this key? (yes / no / the code {peer} reads to you) "));
    }
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    bob.types("yes");
    alice.sees("Conversation with bob is open. Type a message, or exit to leave.\n");
    bob.sees("Conversation with alice is open. Type a message, or exit to leave.\n");
}

#[test]
fn the_two_screens_show_the_two_codes_each_its_own() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    let first = reach_the_key(&mut alice, &mut bob);
    assert_ne!(first.0, first.1);
    alice.types("no");
    bob.is_in_the_lobby();
    alice.is_in_the_lobby();
    let second = reach_the_key(&mut bob, &mut alice);
    assert_ne!(first.0, second.1, "a new run has new codes");
}

#[test]
fn the_code_that_the_other_reads_verifies_them_and_no_code_is_shown_again() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    let (of_alice, of_bob) = reach_the_key(&mut alice, &mut bob);
    let (of_alice, of_bob) = (of_alice.unwrap(), of_bob.unwrap());
    // As people read six digits.
    alice.types(&format!("{} {}", &of_bob[..3], &of_bob[3..]));
    alice.sees("Waiting for bob to answer...");
    bob.types(&of_alice);
    alice.talks_with("bob");
    bob.talks_with("alice");
    alice.leaves(&mut bob);
    let codes = reach_the_key(&mut alice, &mut bob);
    assert_eq!(codes, (None, None), "a verified contact");
    for person in [&alice, &bob] {
        assert_eq!(person.saw_times("this identity was verified on "), 1, "{}", person.transcript());
    }
}

#[test]
fn a_plain_yes_leaves_the_other_known_and_not_verified() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.leaves(&mut bob);
    let codes = reach_the_key(&mut bob, &mut alice);
    assert!(codes.0.is_some() && codes.1.is_some());
    for (person, peer) in [(&alice, "bob"), (&bob, "alice")] {
        assert_eq!(person.saw_times(&format!("The kept key with {peer} (number 1)\n")), 1);
        assert_eq!(person.saw_times("this identity is known since "), 1);
    }
}

#[test]
fn the_third_wrong_code_refuses_the_key_for_both() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    let codes = reach_the_key(&mut alice, &mut bob);
    let wrong = wrong_code(&codes);
    for _ in 0..2 {
        alice.types(&wrong);
        alice.sees("codes differ: someone may be between you\n");
        alice.sees("Accept this key? ");
    }
    alice.types(&wrong);
    alice.sees("codes differ: someone may be between you. That was the third; the key is refused\n");
    alice.sees("You refused the key\n");
    bob.sees("alice refused the key\n");
    back_in_the_lobby([&mut alice, &mut bob]);
    // Neither of the two holds a key now: the next is number 1 again, or higher, but new.
    reach_the_key(&mut alice, &mut bob);
    assert_eq!(alice.saw_times("A new key with bob"), 2);
}

#[test]
fn ones_own_code_is_no_answer_and_does_not_count_as_wrong() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    let codes = reach_the_key(&mut alice, &mut bob);
    let own = codes.0.clone().unwrap();
    for _ in 0..4 {
        alice.types(&own);
        alice.sees("that is your own code; ask bob for theirs\n");
        alice.sees("Accept this key? ");
    }
    alice.types(&codes.1.unwrap());
    bob.types("yes");
    alice.talks_with("bob");
}

#[test]
fn the_inviters_name_at_the_key_question_is_no_answer() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    alice.types("bob");
    alice.is_asked_about_the_key();
    bob.is_asked_about_the_key();
    for typed in ["alice", "Alice", "", "maybe", "hello", "123", "1234567"] {
        bob.types(typed);
        bob.sees("Accept this key? (yes / no / the code alice reads to you) ");
    }
    bob.never_saw("refused");
    bob.types("YES");
    bob.sees("Waiting for alice to answer...");
    alice.types("y");
    alice.talks_with("bob");
    bob.talks_with("alice");
}

#[test]
fn both_naming_each_other_at_once_is_one_rendezvous() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    for round in 0..30 {
        let order = if round % 2 == 0 { [&mut alice, &mut bob] } else { [&mut bob, &mut alice] };
        let [first, second] = order;
        let (name_first, name_second) = (first.name().to_owned(), second.name().to_owned());
        first.types(&name_second);
        second.types(&name_first);
        first.is_asked_about_the_key();
        second.is_asked_about_the_key();
        first.types("yes");
        second.types("yes");
        first.talks_with(&name_second);
        second.talks_with(&name_first);
        second.leaves(first);
    }
    for person in [&alice, &bob] {
        assert_eq!(person.saw_times("is open. Type a message"), 30);
        person.never_saw("busy");
        person.never_saw("refused");
    }
    // And none is left over: the next name is a name, and no second key was ever shown.
    for (person, peer) in [(&mut alice, "bob"), (&mut bob, "alice")] {
        person.types("nobody");
        person.sees("nobody is unknown");
        assert_eq!(person.saw_times(&format!("A new key with {peer} (number 1)")), 1);
        assert_eq!(person.saw_times(&format!("The kept key with {peer} (number 1)")), 29);
    }
}

/// A small generator (xorshift, Marsaglia 2003): the rounds differ, and a failing one can be run again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn two_scripts_that_name_each_other_and_say_yes_meet_in_whatever_order_their_lines_arrive() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    let mut dice = Dice(0x005e_c02e_c4a7);
    for round in 0..60 {
        let texts = [format!("from alice in round {round}"), format!("from bob in round {round}")];
        let scripts = [["bob", "yes", &texts[0]], ["alice", "yes", &texts[1]]];
        let mut typed = [0, 0];
        let mut order = Vec::new();
        while typed != [3, 3] {
            let who = usize::try_from(dice.below(2)).unwrap();
            if typed[who] == 3 {
                continue;
            }
            // One line, or all that are left at once.
            let lines = if dice.below(4) == 0 { 3 - typed[who] } else { 1 };
            let text: String =
                scripts[who][typed[who]..][..lines].iter().map(|line| format!("{line}\n")).collect();
            [&mut alice, &mut bob][who].types_bytes(text.as_bytes());
            typed[who] += lines;
            order.push((who, lines));
            // Not for anything to happen: so that the lines meet the other side at different steps.
            thread::sleep(Duration::from_micros(dice.below(5) * dice.below(2000)));
        }
        let story = format!("round {round}, (who, lines): {order:?}");
        for (person, text) in [(&mut alice, &texts[1]), (&mut bob, &texts[0])] {
            let met = person.sees_any(&[text, "is unknown", "refused", "a meaning of its own"]);
            assert_eq!(met, text, "{story}\n{}", person.transcript());
        }
        let (first, second) =
            if dice.below(2) == 0 { (&mut alice, &mut bob) } else { (&mut bob, &mut alice) };
        first.leaves(second);
    }
}

#[test]
fn two_scripts_piped_whole_meet_talk_and_end_with_status_0() {
    let server = TestServer::starts();
    let mut dice = Dice(0x0000_d1ce_0077);
    for round in 0..6 {
        let (a, b) = (format!("a{round}"), format!("b{round}"));
        let (mut alice, mut bob) = server.registers_two(&a, &b);
        let script = |peer: &str, me: &str| format!("{peer}\nyes\nhello from {me}\nexit\n");
        let (of_alice, of_bob) = (script(&b, &a), script(&a, &b));
        let (one, other) = (dice.below(3000), dice.below(3000));
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_micros(one));
                alice.types_bytes(of_alice.as_bytes());
                alice.closes_input();
            });
            scope.spawn(|| {
                thread::sleep(Duration::from_micros(other));
                bob.types_bytes(of_bob.as_bytes());
                bob.closes_input();
            });
        });
        alice.talks_with(&b);
        bob.talks_with(&a);
        alice.ends_well();
        bob.ends_well();
        // Whoever came first to their exit ended it for both; what they said before it arrived.
        let heard = bob.transcript().contains(&format!("hello from {a}"))
            || alice.transcript().contains(&format!("hello from {b}"));
        assert!(heard, "{}\n{}", alice.transcript(), bob.transcript());
        let kept = server.data_file(format!("conversations/{a}+{b}.txt"));
        assert!(kept.lines().count() >= 1);
    }
}

#[test]
fn a_refusal_by_either_or_by_both_sends_both_back_to_the_lobby() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    // By the invited one.
    reach_the_key(&mut alice, &mut bob);
    bob.types("no");
    bob.sees("You refused the key\n");
    alice.sees("bob refused the key\n");
    back_in_the_lobby([&mut alice, &mut bob]);
    // By the inviter.
    reach_the_key(&mut alice, &mut bob);
    alice.types("No");
    alice.sees("You refused the key\n");
    bob.sees("alice refused the key\n");
    back_in_the_lobby([&mut alice, &mut bob]);
    // After the other had accepted.
    reach_the_key(&mut alice, &mut bob);
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    bob.types("no");
    bob.sees("You refused the key\n");
    alice.sees("bob refused the key\n");
    back_in_the_lobby([&mut alice, &mut bob]);
    // Nothing of it is kept.
    assert!(!server.data().join("conversations/alice+bob.txt").exists());
    let keys = std::fs::read_to_string(server.data().join("keys_dico.json")).unwrap_or_default();
    assert!(!keys.contains("alice+bob"), "{keys}");
}

#[test]
fn a_refusal_by_both_at_once_is_one_outcome() {
    let server = TestServer::starts();
    for (a, b) in [("alice", "bob"), ("carol", "dave"), ("erin", "frank")] {
        let (mut one, mut other) = server.registers_two(a, b);
        // The other is asked wherever they are: no line of theirs is still on its way when both refuse.
        invite(&mut one, &mut other);
        one.is_asked_about_the_key();
        other.is_asked_about_the_key();
        one.types("no");
        other.types("no");
        let words = ["You refused the key\n", "refused the key\n"];
        let by = [one.sees_any(&words) == words[0], other.sees_any(&words) == words[0]];
        assert!(by[0] != by[1], "one of the two came first\n{}\n{}", one.transcript(), other.transcript());
        // The later no may have been read in the lobby, where it is no name: both lines are behind us once
        // another one is answered.
        for person in [&mut one, &mut other] {
            person.types("nobody");
            person.sees("nobody is unknown");
        }
        back_in_the_lobby([&mut one, &mut other]);
        open_conversation(&mut other, &mut one);
    }
}

#[test]
fn whose_keys_broke_off_three_times_must_be_named_before_they_are_answered_again() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    for count in 1..=3 {
        alice.types("bob");
        alice.is_asked_about_the_key();
        bob.is_asked_about_the_key();
        alice.types("no");
        bob.sees(&format!("a key with alice broke off before you answered ({count} of 3 within an hour; "));
        back_in_the_lobby([&mut alice, &mut bob]);
    }
    alice.types("bob");
    bob.sees("alice's invitation was declined: too many keys with alice broke off within an hour");
    alice.sees("bob's client waits until bob names you");
    alice.is_in_the_lobby();
    assert_eq!(bob.saw_times("your code: "), 3, "a fourth code was shown");
    bob.types("alice");
    bob.is_asked_about_the_key();
    alice.is_asked_about_the_key();
    bob.types("yes");
    alice.types("yes");
    alice.talks_with("bob");
}

#[test]
fn who_accepted_first_can_still_take_it_back() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    reach_the_key(&mut alice, &mut bob);
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    alice.types("no");
    alice.sees("You took back your invitation to bob\n");
    bob.sees("alice took the invitation back\n");
    back_in_the_lobby([&mut alice, &mut bob]);
    // Alice has used up the number of that key and Bob has not: hers is the one to go on from.
    open_conversation(&mut alice, &mut bob);
}

#[test]
fn who_leaves_at_the_question_has_refused() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    reach_the_key(&mut alice, &mut bob);
    bob.types("/leave");
    bob.sees("You refused the key\n");
    alice.sees("bob refused the key\n");
    back_in_the_lobby([&mut alice, &mut bob]);
    bob.never_saw("broke off before you answered");
    assert_eq!(bob.saw_times("Accept this key?"), 1);
}

#[test]
fn who_was_asked_and_ends_it_has_no_invitation_to_take_back() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    reach_the_key(&mut alice, &mut bob);
    bob.types("yes");
    bob.sees("Waiting for alice to answer...");
    bob.types("no");
    bob.sees("You ended this before both of you had answered; no key was agreed on\n");
    alice.sees("bob ended this before both of you had answered; no key was agreed on\n");
    back_in_the_lobby([&mut alice, &mut bob]);
}

#[test]
fn a_number_that_one_of_the_two_used_up_is_not_proposed_again() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    reach_the_key(&mut alice, &mut bob);
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    bob.types("no");
    alice.sees("bob refused the key\n");
    back_in_the_lobby([&mut alice, &mut bob]);
    bob.types("alice");
    alice.sees("A new key with bob (number 2)\n");
}

#[test]
fn who_names_somebody_with_a_number_that_is_used_up_is_told_and_names_them_again() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    reach_the_key(&mut alice, &mut bob);
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    bob.types("no");
    alice.sees("bob refused the key\n");
    back_in_the_lobby([&mut alice, &mut bob]);
    // A client that was started anew does not know which number the other saw.
    bob.types("exit");
    bob.ends_well();
    let mut bob = server.logs_in("bob");
    bob.types("alice");
    alice.sees("bob proposed key number 1, and number 1 is used already; declined\n");
    bob.sees("alice's machine has used key number 1 already; name alice again to go on from there\n");
    bob.is_in_the_lobby();
    bob.types("alice");
    alice.sees("A new key with bob (number 2)\n");
    alice.is_asked_about_the_key();
    bob.is_asked_about_the_key();
    alice.types("yes");
    bob.types("yes");
    alice.talks_with("bob");
    // The programs found out between them that it could not be: nobody refused.
    alice.never_saw("You refused the key");
    bob.never_saw("refused the key");
}
