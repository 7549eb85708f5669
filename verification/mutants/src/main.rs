//! Mutation testing of the crate in a folder, by one build: `securechat-mutants FOLDER OUT PART TESTS...`, where OUT has
//! the list of each part's changes (`PART.json`, as cargo-mutants lists them), and TESTS are filters, as for `cargo test`.
//! What was caught, missed and refused by the compiler goes to `OUT/PART.txt`, a line for each change.
//!
//! `MUTANTS_ONLY` names a file with the names of the only changes to look at, one a line; tests that take longer than
//! `MUTANTS_TEST_S_MAX` seconds are left out.

mod build;
mod list;
mod run;
mod sites;
mod weave;

use std::{
    collections::{BTreeMap, HashSet},
    env, fs,
    path::Path,
    time::Instant,
};

use anyhow::{Result, bail};

use crate::{
    build::{Built, Crate},
    list::Mutant,
    run::{Bench, Test, Verdict},
};

/// Of one change.
enum Outcome {
    DoesNotCompile,
    Judged(Verdict),
}

struct Part {
    name: String,
    filters: Vec<String>,
}

impl Part {
    fn has(&self, test: &Test) -> bool {
        self.filters.iter().any(|filter| test.name.contains(filter.as_str()))
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, out, rest @ ..] = arguments.as_slice() else { bail!("usage: FOLDER OUT [PART TESTS]...") };
    let (folder, out) = (fs::canonicalize(folder)?, fs::canonicalize(out)?);
    let (mut parts, mut mutants) = (Vec::new(), Vec::new());
    for of_part in rest.chunks(2) {
        let [name, filters] = of_part else { bail!("a part without tests") };
        list::read(&out.join(format!("{name}.json")), parts.len(), &mut mutants)?;
        parts.push(Part {
            name: name.clone(),
            filters: filters.split_whitespace().map(str::to_owned).collect(),
        });
    }
    if let Some(path) = env::var_os("MUTANTS_ONLY") {
        let text = fs::read_to_string(path)?;
        let wanted: HashSet<&str> = text.lines().collect();
        mutants.retain(|mutant| wanted.contains(mutant.name.as_str()));
    }
    println!("{} changes", mutants.len());
    let outcomes = run(&folder, &out, &parts, &mutants)?;
    tell(&out, &parts, &mutants, &outcomes)
}

fn run(folder: &Path, out: &Path, parts: &[Part], mutants: &[Mutant]) -> Result<BTreeMap<u32, Outcome>> {
    let begin = Instant::now();
    let told = |what: &str| println!("{:>5} s  {what}", begin.elapsed().as_secs());
    let of_crate = Crate::read(folder, mutants)?;
    let Built { programs, refused, beyond } = of_crate.build(mutants)?;
    told("built");
    let bench = Bench { folder: folder.to_owned(), leavings: out.to_owned() };
    let jobs = run::jobs();
    let mut tests = bench.measure(&programs, jobs)?;
    told(&format!("{} tests, all good without a change", tests.len()));
    leave_out_slow(&mut tests);

    let mut outcomes: BTreeMap<u32, Outcome> =
        refused.into_iter().map(|id| (id, Outcome::DoesNotCompile)).collect();
    let asked: Vec<&Mutant> =
        mutants.iter().filter(|m| !outcomes.contains_key(&m.id) && !beyond.contains(&m.id)).collect();
    let verdicts = run::each(&asked, jobs, |job, mutant| {
        let reaching: Vec<&Test> = tests.iter().filter(|test| test.reaches.contains(&mutant.id)).collect();
        let verdict = bench.judge(&programs, mutant.id, &reaching, |test| parts[mutant.part].has(test), job);
        if let Ok(Verdict::Missed { .. }) = &verdict {
            told(&format!("missed: {}", mutant.name));
        }
        verdict
    });
    for (mutant, verdict) in asked.iter().zip(verdicts) {
        outcomes.insert(mutant.id, Outcome::Judged(verdict?));
    }
    tell(out, parts, mutants, &outcomes)?;
    told("what is woven is judged");
    // Nothing says which tests come to what is not woven: all of them are run.
    let tests: Vec<&Test> = tests.iter().collect();
    for mutant in mutants.iter().filter(|mutant| beyond.contains(&mutant.id)) {
        let outcome = match of_crate.build_alone(mutant)? {
            None => Outcome::DoesNotCompile,
            Some(alone) => {
                Outcome::Judged(bench.judge(&alone, 0, &tests, |test| parts[mutant.part].has(test), 0)?)
            }
        };
        if let Outcome::Judged(Verdict::Missed { .. }) = &outcome {
            told(&format!("missed: {}", mutant.name));
        }
        outcomes.insert(mutant.id, outcome);
    }
    told("what had a build of its own is judged");
    Ok(outcomes)
}

fn leave_out_slow(tests: &mut Vec<Test>) {
    let most =
        env::var("MUTANTS_TEST_S_MAX").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(f64::INFINITY);
    for test in tests.iter().filter(|test| test.seconds > most) {
        println!("left out: {}, {:.0} s", test.name, test.seconds);
    }
    tests.retain(|test| test.seconds <= most);
}

fn tell(out: &Path, parts: &[Part], mutants: &[Mutant], outcomes: &BTreeMap<u32, Outcome>) -> Result<()> {
    println!(
        "part | changes | do not compile | caught by its tests | by others | missed | caught of those that compile"
    );
    for (index, part) in parts.iter().enumerate() {
        let (mut refused, mut own, mut others, mut missed) = (0, 0, 0, 0);
        let mut lines = String::new();
        for mutant in mutants.iter().filter(|mutant| mutant.part == index) {
            let Some(outcome) = outcomes.get(&mutant.id) else { continue };
            let (count, word, by) = match outcome {
                Outcome::DoesNotCompile => (&mut refused, "refused", ""),
                Outcome::Judged(Verdict::Caught { by, of_part: true }) => (&mut own, "caught", by.as_str()),
                Outcome::Judged(Verdict::Caught { by, .. }) => (&mut others, "caught", by.as_str()),
                Outcome::Judged(Verdict::Missed { reached: true }) => (&mut missed, "missed", ""),
                Outcome::Judged(Verdict::Missed { .. }) => (&mut missed, "missed", "no test comes there"),
            };
            *count += 1;
            lines.push_str(&format!("{word}\t{}\t{by}\n", mutant.name));
        }
        fs::write(out.join(format!("{}.txt", part.name)), lines)?;
        let (all, caught) = (refused + own + others + missed, own + others);
        let share = 100.0 * f64::from(caught) / f64::from((caught + missed).max(1));
        println!("{} | {all} | {refused} | {own} | {others} | {missed} | {share:.1}%", part.name);
    }
    Ok(())
}
