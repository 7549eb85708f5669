//! Sweeps: the line is cut after N bytes, for many N, in the middle of whatever those bytes are.

use crate::{
    arrived,
    common::{Cut, TestServer, Way},
    conversation_is, first_over_a_line,
};

/// Steps of a sweep in `cargo test`; with `SECURECHAT_SWEEP=all` so many times as fine.
const FINER: u64 = 12;

fn step(coarse: u64) -> usize {
    let all = std::env::var("SECURECHAT_SWEEP").is_ok_and(|sweep| sweep == "all");
    usize::try_from(if all { coarse / FINER } else { coarse }).unwrap().max(1)
}

/// Each of the two directions and of the two ways to cut.
fn ways(after: u64) -> (Way, Cut) {
    (
        if after.is_multiple_of(2) { Way::Up } else { Way::Down },
        if (after / 2).is_multiple_of(2) { Cut::Breaks } else { Cut::Ends },
    )
}

/// Three messages one way and two the other, with the cut somewhere in their bytes and confirmations.
#[test]
fn messages_in_flight_at_a_cut_arrive_once_and_in_order() {
    let server = TestServer::starts();
    let (line, mut alice, mut bob) = first_over_a_line(&server);
    let (mut of_alice, mut of_bob) = (Vec::new(), Vec::new());
    for after in (1_u64..2_400).step_by(step(113)) {
        let (way, how) = ways(after);
        line.cuts_after(way, after, how);
        for number in 0..3 {
            let word = format!("a {after} {number}");
            alice.types(&word);
            of_alice.push(word);
            if number < 2 {
                let word = format!("b {after} {number}");
                bob.types(&word);
                of_bob.push(word);
            }
        }
        let last = of_alice.last().unwrap().clone();
        let open = "Conversation with bob is open again.\n";
        // Cut in the middle, or, where the bytes were fewer, right after.
        if !line.has_cut() && alice.sees_any(&[open, &format!("bob: b {after} 1\n")]) != open {
            line.cuts_no_more();
            line.cuts(how);
            alice.sees(open);
        }
        bob.sees(&format!("alice: {last}\n"));
        let mark = format!("done {after}");
        bob.types(&mark);
        alice.sees(&mark);
        of_bob.push(mark);
    }
    assert_eq!(arrived(&alice, "bob"), of_bob);
    assert_eq!(arrived(&bob, "alice"), of_alice);
    conversation_is(&server, &mut alice, &mut bob, &of_alice, &of_bob);
}

/// The second cut falls in the coming back itself: handshake, login, what is sent again, the run over the
/// kept key, the reading of what was missed.
#[test]
fn a_cut_in_the_middle_of_coming_back_is_one_more_cut() {
    let server = TestServer::starts();
    let (line, mut alice, mut bob) = first_over_a_line(&server);
    let (mut of_alice, mut of_bob) = (Vec::new(), Vec::new());
    for after in (1_u64..5_200).step_by(step(397)) {
        let (way, how) = ways(after);
        line.refuses(true);
        line.cuts(how);
        alice.sees("the connection to the server was lost");
        let word = format!("a {after}");
        alice.types(&word);
        alice.sees("(this is sent when the connection is back)");
        of_alice.push(word);
        line.cuts_after(way, after, how);
        line.refuses(false);
        alice.sees("Conversation with bob is open again.\n");
        bob.sees(&format!("alice: a {after}\n"));
        line.cuts_no_more();
        // Where the cut fell behind the opening, it is behind it for both.
        line.cuts(how);
        alice.sees("Conversation with bob is open again.\n");
        let mark = format!("b {after}");
        bob.types(&mark);
        alice.sees(&mark);
        of_bob.push(mark);
    }
    conversation_is(&server, &mut alice, &mut bob, &of_alice, &of_bob);
}
