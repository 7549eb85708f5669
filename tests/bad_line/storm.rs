//! A hundred cuts in a row while two people send 200 messages.

use crate::{
    arrived, both_over_lines,
    common::{Cut, TestServer},
    conversation_is,
};

/// Cuts in `cargo test`; `SECURECHAT_CUTS` asks for more.
const CUTS: usize = 30;

/// Messages that each of the two types between two cuts.
const BETWEEN: usize = 2;

#[test]
fn messages_of_two_people_over_many_cuts_arrive_once_and_in_order() {
    let cuts = std::env::var("SECURECHAT_CUTS").ok().and_then(|cuts| cuts.parse().ok()).unwrap_or(CUTS);
    let server = TestServer::starts();
    let (lines, mut alice, mut bob) = both_over_lines(&server);
    let (mut of_alice, mut of_bob) = (Vec::new(), Vec::new());
    for round in 0..cuts {
        for number in 0..BETWEEN {
            for (person, words) in [(&mut alice, &mut of_alice), (&mut bob, &mut of_bob)] {
                let word = format!("{} {round}-{number}", person.name());
                person.types(&word);
                words.push(word);
            }
            if number == round % BETWEEN {
                // One of the lines, the other, or both; at a byte that no test chose.
                let how = if round % 5 == 0 { Cut::Ends } else { Cut::Breaks };
                for (which, line) in lines.iter().enumerate() {
                    if round % 3 == which || round % 3 == 2 {
                        line.cuts(how);
                    }
                }
            }
        }
        // What was typed is on its way, or waits: the next cut need not wait for it, but for a line to cut.
        for (which, (person, peer)) in [(&mut alice, "bob"), (&mut bob, "alice")].into_iter().enumerate() {
            if round % 3 == which || round % 3 == 2 {
                person.sees("connected again");
            }
            person.sees(&format!("Conversation with {peer} is open again."));
        }
    }
    for (person, mark) in [(&mut alice, "the last of alice"), (&mut bob, "the last of bob")] {
        person.types(mark);
    }
    of_alice.push("the last of alice".to_owned());
    of_bob.push("the last of bob".to_owned());
    alice.sees("bob: the last of bob");
    bob.sees("alice: the last of alice");
    assert_eq!(arrived(&alice, "bob"), of_bob);
    assert_eq!(arrived(&bob, "alice"), of_alice);
    conversation_is(&server, &mut alice, &mut bob, &of_alice, &of_bob);
}
