//! Which change is in force: the one whose number is in `MUTANT`. Where `MUTANT_REACHED` names a file, it gets the number
//! of each change that the program came to.

use std::{
    env,
    fs::File,
    io::Write,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

struct Chosen {
    id: u32,
    reached: Option<File>,
}

static CHOSEN: OnceLock<Chosen> = OnceLock::new();
static SEEN: [AtomicBool; 1 << 14] = [const { AtomicBool::new(false) }; 1 << 14];

fn choose() -> Chosen {
    let id = env::var("MUTANT").ok().and_then(|id| id.parse().ok()).unwrap_or(0);
    let reached = env::var_os("MUTANT_REACHED").and_then(|path| File::options().append(true).open(path).ok());
    Chosen { id, reached }
}

pub(crate) fn is(id: u32) -> bool {
    let chosen = CHOSEN.get_or_init(choose);
    if let Some(mut reached) = chosen.reached.as_ref()
        && let Some(seen) = SEEN.get(id as usize)
        && !seen.load(Ordering::Relaxed)
        && !seen.swap(true, Ordering::Relaxed)
    {
        let _ = reached.write_all(format!("{id}\n").as_bytes());
    }
    chosen.id == id
}

pub(crate) fn off(id: u32) -> bool {
    !is(id)
}
