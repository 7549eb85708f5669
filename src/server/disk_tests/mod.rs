//! What the server keeps when its disk does not do what it is told.
//!
//! - `story`: what people did, what they were promised, and whether a data folder keeps it;
//! - `faults`: every call to the disk fails once in every way;
//! - `power_cut`: every state in which a power cut may leave the disk.
//!
//! They are here and not in `tests/` because they reach under the server's sockets, and because no
//! switch that makes a disk fail is in any program but this one.

mod faults;
mod power_cut;
mod story;
