//! The unit tests, run on one change after another: those that come to its place, the quickest first, until one fails.

use std::{
    collections::{BTreeMap, HashSet},
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// Tests are run together up to these seconds each, so that a slow one is run only when no quick one has failed.
const TOGETHER_UP_TO_S: [f64; 3] = [0.05, 0.5, 4.0];

/// How much longer than without a change a run may take before it counts as hanging.
const SLOWER: f64 = 5.0;
const HANGING_AFTER_S: f64 = 30.0;

#[derive(Debug, Clone)]
pub struct Test {
    /// Which program has it, and its name in there.
    program: usize,
    pub name: String,
    pub seconds: f64,
    /// The changes that it comes to.
    pub reaches: HashSet<u32>,
}

#[derive(Debug)]
pub enum Verdict {
    /// By a test of the part, or by another.
    Caught {
        by: String,
        of_part: bool,
    },
    Missed {
        reached: bool,
    },
}

pub struct Bench {
    /// Where tests are started, and where they have a folder for what they leave behind.
    pub folder: PathBuf,
    pub leavings: PathBuf,
}

enum Ran {
    Passed,
    Failed(String),
    Hung,
}

impl Bench {
    /// Runs each test alone, without a change: how long it takes, and which changes it comes to.
    pub fn measure(&self, programs: &[PathBuf], jobs: usize) -> Result<Vec<Test>> {
        let mut all = Vec::new();
        for (index, program) in programs.iter().enumerate() {
            let listed = Command::new(program).args(["--list", "--format", "terse"]).output()?;
            let listed = String::from_utf8(listed.stdout)?;
            let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
            all.extend(names.map(|name| (index, name.to_owned())));
        }
        let tests = each(&all, jobs, |job, (program, name)| {
            let reached = self.leavings.join(format!("reached-{job}"));
            fs::write(&reached, "")?;
            let begin = Instant::now();
            let ran =
                self.run(&programs[*program], &[name], job, 0, Duration::from_secs(600), Some(&reached))?;
            let seconds = begin.elapsed().as_secs_f64();
            if !matches!(ran, Ran::Passed) {
                bail!("{name} fails without any change");
            }
            let reaches = fs::read_to_string(&reached)?.lines().filter_map(|id| id.parse().ok()).collect();
            Ok(Test { program: *program, name: name.clone(), seconds, reaches })
        });
        tests.into_iter().collect()
    }

    /// Looks for a test that fails with this change in force, first among those of its part.
    pub fn judge(
        &self,
        programs: &[PathBuf],
        id: u32,
        tests: &[&Test],
        of_part: impl Fn(&Test) -> bool,
        job: usize,
    ) -> Result<Verdict> {
        let (part, others): (Vec<&Test>, Vec<&Test>) = tests.iter().copied().partition(|test| of_part(test));
        for (of_part, tests) in [(true, &part), (false, &others)] {
            for together in together(tests) {
                let Some(first) = together.first() else { continue };
                let seconds: f64 = together.iter().map(|test| test.seconds).sum();
                let within = Duration::from_secs_f64(HANGING_AFTER_S + SLOWER * seconds);
                let names: Vec<&str> = together.iter().map(|test| test.name.as_str()).collect();
                match self.run(&programs[first.program], &names, job, id, within, None)? {
                    Ran::Passed => {}
                    Ran::Failed(by) => return Ok(Verdict::Caught { by, of_part }),
                    Ran::Hung => return Ok(Verdict::Caught { by: "no end".to_owned(), of_part }),
                }
            }
        }
        Ok(Verdict::Missed { reached: !tests.is_empty() })
    }

    /// Runs these tests, one at a time, up to the first that fails.
    fn run(
        &self,
        program: &Path,
        names: &[&str],
        job: usize,
        id: u32,
        within: Duration,
        reached: Option<&Path>,
    ) -> Result<Ran> {
        let leavings = self.leavings.join(format!("of-{job}"));
        let _ = fs::remove_dir_all(&leavings);
        fs::create_dir_all(&leavings)?;
        let mut program = Command::new(program);
        program.args(names).args(["--exact", "--test-threads", "1"]).current_dir(&self.folder);
        program
            .env("MUTANT", id.to_string())
            .env("TMPDIR", &leavings)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        program.env_remove("MUTANT_REACHED");
        if let Some(reached) = reached {
            program.env("MUTANT_REACHED", reached);
        }
        let mut child = program.spawn()?;
        let (tell, told) = channel();
        if let Some(said) = child.stdout.take() {
            thread::spawn(move || {
                BufReader::new(said).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
            });
        }
        let deadline = Instant::now() + within;
        let (mut begun, mut outcome) = (String::new(), None);
        while outcome.is_none() {
            match told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some((name, result)) =
                        line.strip_prefix("test ").and_then(|line| line.split_once(" ... "))
                    {
                        begun = name.to_owned();
                        if result.contains("FAILED") {
                            outcome = Some(Ran::Failed(begun.clone()));
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => outcome = Some(Ran::Hung),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let _ = if outcome.is_some() { child.kill() } else { Ok(()) };
        let status = child.wait()?;
        let _ = fs::remove_dir_all(&leavings);
        Ok(outcome.unwrap_or_else(|| {
            if status.success() { Ran::Passed } else { Ran::Failed(format!("the end after {begun}")) }
        }))
    }
}

/// The tests in the order in which they are run: those of one program that take about as long with each other.
fn together<'a>(tests: &[&'a Test]) -> Vec<Vec<&'a Test>> {
    let mut groups: BTreeMap<(usize, usize), Vec<&Test>> = BTreeMap::new();
    for test in tests {
        let speed = TOGETHER_UP_TO_S.iter().filter(|up_to| test.seconds > **up_to).count();
        groups.entry((speed, test.program)).or_default().push(test);
    }
    groups.into_values().collect()
}

/// Does something with each, by so many threads, and keeps the order.
pub fn each<T: Sync, R: Send>(all: &[T], jobs: usize, work: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for job in 0..jobs {
            let (next, done, work) = (&next, &done, &work);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = all.get(index) else { return };
                    let result = work(job, one);
                    done.lock().unwrap().push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// How many changes are looked at beside each other: one a processor, or what `MUTANTS_JOBS` says.
pub fn jobs() -> usize {
    let wanted = env::var("MUTANTS_JOBS").ok().and_then(|jobs| jobs.parse().ok());
    wanted.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
}
