//! Whether a login tells by its time if the name has an account: Welch's t over many samples of the server's own
//! check, known and unknown names in turns. Run at its full size, in the release profile, by `scripts/timing`.

use std::{fmt::Write as _, hint::black_box, time::Instant};

use super::*;
use crate::{
    crypto::{
        key_file::{KdfCost, KeyFile, Password},
        random::random,
    },
    wire::{Bytes, Username},
};

/// Samples of each of the two.
const SAMPLES: usize = 10_000;

/// Accounts in the table; every other name between them is unknown.
const ACCOUNTS: usize = 5_000;

/// Different login keys among them.
const KEYS: usize = 8;

/// Above it two sets of times are said to differ (as in the test vector leakage assessment of ISO/IEC 17825).
const T_MAX: f64 = 4.5;

/// Accounts with the even numbers' names.
fn accounts() -> (tempfile::TempDir, Accounts) {
    let folder = tempfile::tempdir().unwrap();
    let password = Password::new("correct horse".to_owned()).unwrap();
    let keys: Vec<String> = (0..KEYS)
        .map(|_| KeyFile::create(&name(0), &password, KdfCost::FLOOR).unwrap().1.login.public().into())
        .collect();
    let mut text = String::from("{");
    for number in 0..ACCOUNTS {
        let comma = if number == 0 { "" } else { "," };
        let (name, key) = (name(2 * number), &keys[number % KEYS]);
        write!(text, "{comma}\n\"{name}\":{{\"login_key\":\"{key}\",\"created\":\"2026-01-02T03:04:05Z\"}}")
            .unwrap();
    }
    text.push_str("\n}\n");
    std::fs::write(folder.path().join(ACCOUNTS_FILE), text).unwrap();
    let accounts = Accounts::load(folder.path(), FailStop::default()).unwrap();
    (folder, accounts)
}

fn name(number: usize) -> Username {
    format!("user{number:05}").parse().unwrap()
}

/// Nanoseconds that the check of each took: of names with an account, and of names without.
fn sample(check: impl Fn(&Username, &[u8; 32], &Bytes<64>) -> bool) -> [Vec<f64>; 2] {
    let mut times = [Vec::new(), Vec::new()];
    while times.iter().any(|times| times.len() < SAMPLES) {
        let [kind, high, low]: [u8; 3] = random().unwrap();
        let (kind, number) = (usize::from(kind % 2), usize::from(u16::from_be_bytes([high, low])) % ACCOUNTS);
        let (name, exporter) = (name(2 * number + kind), random().unwrap());
        // A signature of the right form, by nobody: its scalar is below the group's order.
        let mut signature: [u8; 64] = random().unwrap();
        signature[63] &= 0x0f;
        let signature = Bytes(signature);
        let start = Instant::now();
        let right = black_box(check(black_box(&name), black_box(&exporter), black_box(&signature)));
        let took = start.elapsed();
        assert!(!right);
        if times[kind].len() < SAMPLES {
            times[kind].push(took.as_nanos() as f64);
        }
    }
    times
}

/// Welch's t of two sets, of what is below the percentile of both together.
fn t(times: &[Vec<f64>; 2], percentile: usize) -> f64 {
    let mut all: Vec<f64> = times.concat();
    all.sort_by(f64::total_cmp);
    let most = all[(all.len() - 1) * percentile / 100];
    let [(mean_a, error_a), (mean_b, error_b)] = [&times[0], &times[1]].map(|times| {
        let kept: Vec<f64> = times.iter().copied().filter(|time| *time <= most).collect();
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}

#[test]
#[ignore = "a measurement, for a quiet machine and the release profile: scripts/timing"]
fn timing_of_known_and_unknown_names() {
    let (_folder, accounts) = accounts();
    let _warm =
        sample(|name, exporter, signature| accounts.verify_login(name, exporter, signature).is_some());
    let times =
        sample(|name, exporter, signature| accounts.verify_login(name, exporter, signature).is_some());
    let means = [&times[0], &times[1]].map(|times| times.iter().sum::<f64>() / times.len() as f64 / 1000.0);
    let (all, cropped) = (t(&times, 100), t(&times, 90));
    println!("timing: {SAMPLES} samples each, {ACCOUNTS} accounts");
    println!("timing: known names {:.3} us on average, unknown names {:.3} us", means[0], means[1]);
    println!("timing: t = {all:.2} of all, t = {cropped:.2} of the fastest 90 in a hundred");
    // The same measurement of a check that looks first whether there is an account: it must notice.
    let hasty = sample(|name, exporter, signature| {
        accounts.exists(name) && accounts.verify_login(name, exporter, signature).is_some()
    });
    println!("timing: control, a check that looks for the name first: t = {:.0}", t(&hasty, 100));
    assert!(t(&hasty, 100).abs() > T_MAX, "the measurement notices nothing");
    assert!(all.abs() < T_MAX && cropped.abs() < T_MAX, "t = {all}, {cropped}");
}
