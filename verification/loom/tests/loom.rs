//! Every interleaving of the models; and the broken variants, in which one must be found that fails.

use loom::model::Builder;
use securechat_loom::server::{
    commit_models::{commit, commit_late_batch, commit_no_room, commit_unsynced},
    rendezvous_models::{Act, rendezvous, rendezvous_late_deadline, rendezvous_lost_notify},
    two_flags,
};

/// Whether there is time for every interleaving of the larger models too: minutes instead of seconds.
fn is_thorough() -> bool {
    std::env::var_os("SECURECHAT_LOOM_THOROUGH").is_some()
}

/// Every interleaving.
fn every(model: impl Fn() + Sync + Send + 'static) {
    explore(None, model);
}

/// Every interleaving when there is time, else those with at most so many preemptions.
fn most(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    explore((!is_thorough()).then_some(preemptions), model);
}

/// Those with at most so many preemptions, and one more when there is time: all of them would take days.
fn bounded(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    explore(Some(preemptions + usize::from(is_thorough())), model);
}

fn explore(preemption_bound: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = preemption_bound;
    builder.max_branches = 20_000;
    let rounds = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counting = std::sync::Arc::clone(&rounds);
    builder.check(move || {
        counting.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        model();
    });
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!("{name}: {} interleavings", rounds.load(std::sync::atomic::Ordering::Relaxed));
}

macro_rules! tests {
    ($($test:ident: $how:ident $($bound:literal)? => $model:expr;)*) => {
        $( #[test] fn $test() { $how($($bound, )? || $model); } )*
    };
}

tests! {
    two_acceptances_without_a_clock: every => rendezvous::one_run([Act::Accept, Act::Accept], false);
    two_acceptances_or_the_time_runs_out: most 3 => rendezvous::one_run([Act::Accept, Act::Accept], true);
    an_acceptance_a_refusal_or_the_time: most 3 => rendezvous::one_run([Act::Accept, Act::Refuse], true);
    a_withdrawal_a_loss_or_the_time: most 3 => rendezvous::one_run([Act::Withdraw, Act::Leave], true);
    one_accepts_and_the_other_sleeps: every => rendezvous::one_run([Act::Accept, Act::Sleep], true);
    a_run_with_a_nearer_deadline_is_heard_of: every => rendezvous::a_nearer_deadline();
    a_stop_while_both_accept: every => rendezvous::a_stop([Act::Accept, Act::Accept]);
    a_stop_after_a_refusal: every => rendezvous::a_stop([Act::Accept, Act::Refuse]);
    one_sender_and_a_stop: bounded 3 => commit::senders(1);
    two_senders_and_a_stop: bounded 1 => commit::senders(2);
    a_disk_that_fails_at_once: most 3 => commit::a_failing_disk(0);
    a_disk_that_fails_later: most 3 => commit::a_failing_disk(1);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_lost_notify_is_found() {
    every(|| rendezvous_lost_notify::one_run([Act::Accept, Act::Accept], false));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_deadline_that_nobody_hears_of_is_found() {
    every(rendezvous_late_deadline::a_nearer_deadline);
}

#[test]
#[should_panic(expected = "both conclude the same")]
fn two_flags_instead_of_one_outcome_are_found() {
    every(two_flags::one_run);
}

#[test]
#[should_panic(expected = "acknowledged before the disk has it")]
fn an_acknowledgement_without_a_sync_is_found() {
    every(|| commit_unsynced::senders(0));
}

#[test]
#[should_panic(expected = "acknowledged before the disk has it")]
fn an_acknowledgement_by_an_earlier_sync_is_found() {
    explore(Some(2), || commit_late_batch::senders(1));
}

#[test]
#[should_panic(expected = "deadlock")]
fn room_that_nobody_hears_of_is_found() {
    explore(Some(2), || commit_no_room::a_failing_disk(3));
}
