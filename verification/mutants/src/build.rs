//! Building the woven crate: what the compiler refuses is taken out, until it refuses nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{list::Mutant, weave};

/// The programs with the tests, and what is not in them.
pub struct Built {
    pub programs: Vec<PathBuf>,
    /// Changes that do not compile.
    pub refused: BTreeSet<u32>,
    /// Changes that this way of making them cannot express.
    pub beyond: BTreeSet<u32>,
}

/// The crate whose sources are changed, as they were at first.
pub struct Crate {
    folder: PathBuf,
    sources: BTreeMap<String, String>,
}

impl Crate {
    pub fn read(folder: &Path, mutants: &[Mutant]) -> Result<Self> {
        let files: BTreeSet<&String> = mutants.iter().map(|mutant| &mutant.file).collect();
        let read = |file: &String| Ok((file.clone(), fs::read_to_string(folder.join(file))?));
        let sources = files.into_iter().map(read).collect::<Result<_>>()?;
        let root = fs::read_to_string(folder.join("src/lib.rs"))?;
        fs::write(folder.join("src/lib.rs"), format!("{root}mod mutant;\n"))?;
        fs::write(folder.join("src/mutant.rs"), weave::MODULE)?;
        Ok(Self { folder: folder.to_owned(), sources })
    }

    /// Weaves the changes into the crate, and builds its tests.
    pub fn build(&self, mutants: &[Mutant]) -> Result<Built> {
        let (mut refused, mut beyond) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let mut places = BTreeMap::new();
            for (file, source) in &self.sources {
                let here = mutants.iter().filter(|mutant| mutant.file == *file);
                let wanted: Vec<&Mutant> = here
                    .filter(|mutant| !refused.contains(&mutant.id) && !beyond.contains(&mutant.id))
                    .collect();
                let (woven, cannot) = weave::weave(source, &wanted).with_context(|| file.clone())?;
                beyond.extend(cannot.iter().map(|mutant| mutant.id));
                fs::write(self.folder.join(file), &woven.text)?;
                places.insert(file.as_str(), woven.places);
            }
            let before = refused.len() + beyond.len();
            match self.compile(&places, "1")? {
                Outcome::Built(programs) => return Ok(Built { programs, refused, beyond }),
                // What seems to be about several changes may follow from what is about one.
                Outcome::Refused(blame) if blame.refused.is_empty() => beyond.extend(blame.unsure),
                Outcome::Refused(blame) => refused.extend(blame.refused),
            }
            println!(
                "{} changes do not compile, {} are for a build of their own",
                refused.len(),
                beyond.len()
            );
            if refused.len() + beyond.len() == before {
                bail!("the compiler refuses what is no change");
            }
        }
    }

    /// Builds the tests with this change alone, as text; `None` when it does not compile. In the order in which
    /// those of all are.
    pub fn build_alone(&self, mutant: &Mutant) -> Result<Option<Vec<PathBuf>>> {
        for (file, source) in &self.sources {
            let changed = if *file == mutant.file { mutant.applied(source)? } else { source.clone() };
            fs::write(self.folder.join(file), changed)?;
        }
        match self.compile(&BTreeMap::new(), "0")? {
            Outcome::Built(tests) => Ok(Some(tests)),
            Outcome::Refused(_) => Ok(None),
        }
    }

    /// What is built once for many tests is a little optimised; all is built with the checks that tests have.
    fn compile(&self, places: &Places<'_>, level: &str) -> Result<Outcome> {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["test", "--lib", "--test", "*", "--no-run", "--message-format=json"])
            .current_dir(&self.folder);
        cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", level).env("CARGO_PROFILE_DEV_DEBUG", "0");
        let output = cargo.stderr(Stdio::null()).output()?;
        let (mut all, mut tests) = (Blame::default(), Vec::new());
        for line in String::from_utf8(output.stdout)?.lines() {
            let said: Value = serde_json::from_str(line)?;
            if let Some(path) = said["executable"].as_str() {
                tests.push(PathBuf::from(path));
            }
            let message = &said["message"];
            if message["level"] == "error"
                && message["spans"].as_array().is_some_and(|spans| !spans.is_empty())
            {
                let Blame { refused, unsure } = blame(message, places);
                if refused.is_empty() && unsure.is_empty() && !places.is_empty() {
                    bail!(
                        "an error that is of no change:\n{}",
                        message["rendered"].as_str().unwrap_or_default()
                    );
                }
                all.refused.extend(refused);
                all.unsure.extend(unsure);
            }
        }
        // One order for every build.
        tests.sort();
        Ok(if output.status.success() { Outcome::Built(tests) } else { Outcome::Refused(all) })
    }
}

/// Where in each woven source the changes stand.
type Places<'a> = BTreeMap<&'a str, Vec<(Range<usize>, u32)>>;

enum Outcome {
    Built(Vec<PathBuf>),
    Refused(Blame),
}

/// What an error says of the changes.
#[derive(Default)]
struct Blame {
    /// It is in the text of these.
    refused: BTreeSet<u32>,
    /// It is about something that has these in it.
    unsure: BTreeSet<u32>,
}

fn blame(message: &Value, places: &Places<'_>) -> Blame {
    let mut spans: Vec<&Value> = message["spans"].as_array().into_iter().flatten().collect();
    spans.sort_by_key(|span| span["is_primary"] != true);
    let within = |span: &&Value| {
        let here = places.get(span["file_name"].as_str()?)?;
        let at = |of: &str| usize::try_from(span[of].as_u64()?).ok();
        let (start, end) = (at("byte_start")?, at("byte_end")?);
        let ids = |lies: &dyn Fn(&Range<usize>) -> bool| -> BTreeSet<u32> {
            here.iter().filter(|(place, _)| lies(place)).map(|(_, id)| *id).collect()
        };
        Some((
            ids(&|place| place.start <= start && end <= place.end),
            ids(&|place| start <= place.start && place.end <= end),
        ))
    };
    let found: Vec<_> = spans.iter().filter_map(within).collect();
    let mut sure = found.iter().map(|(inside, _)| inside).filter(|ids| !ids.is_empty());
    if let Some(ids) = sure.next() {
        return Blame { refused: ids.clone(), unsure: BTreeSet::new() };
    }
    let mut around = found.into_iter().map(|(_, around)| around).filter(|ids| !ids.is_empty());
    Blame { refused: BTreeSet::new(), unsure: around.next().unwrap_or_default() }
}
