//! What readers say to have: `receipts/alice+bob.txt`, a line for each member with the number and the
//! proof of their newest receipt, both of the same length whatever they say.
//!
//! Written without waiting for the disk: what a power cut takes is a mark at somebody's message, which the
//! reader's next receipt brings back. So a file that cannot be read is as good as none.

use std::path::{Path, PathBuf};

use crate::{
    store::{self, StoreError},
    wire::{Bytes, Pair, Received, Username, strict_base64},
};

/// The folder's name in the data folder.
pub(super) const RECEIPTS_FOLDER: &str = "receipts";

/// A line: twenty digits, a blank, 44 characters of base64, a newline.
const LINE_BYTES: usize = 20 + 1 + 44 + 1;

/// The receipts of a data folder. Nothing is kept in memory.
#[derive(Debug)]
pub(super) struct Receipts {
    folder: PathBuf,
}

impl Receipts {
    /// Opens the folder, and makes it.
    pub(super) fn open(data: &Path) -> Result<Self, StoreError> {
        let folder = data.join(RECEIPTS_FOLDER);
        store::create_folder(&folder)?;
        Ok(Self { folder })
    }

    /// The reader's newest receipt of what the other of the pair wrote.
    pub(super) fn newest(&self, pair: &Pair, reader: &Username) -> Result<Option<Received>, StoreError> {
        let text = store::read(&self.folder.join(file_name(pair)))?.unwrap_or_default();
        let [lower, higher] = lines(&text);
        Ok(if reader == pair.lower() { lower } else { higher })
    }

    /// Keeps a receipt, if it is newer than the last. Of two readers of one pair who come at the same
    /// moment, neither loses a line that is there: each writes its own.
    pub(super) fn keep(&self, pair: &Pair, reader: &Username, newer: Received) -> Result<bool, StoreError> {
        let path = self.folder.join(file_name(pair));
        let text = store::read(&path)?.unwrap_or_default();
        let [lower, higher] = lines(&text);
        let (mine, at) = if reader == pair.lower() { (lower, 0) } else { (higher, LINE_BYTES) };
        if mine.is_some_and(|mine| mine.number >= newer.number) {
            return Ok(false);
        }
        let file = store::open_or_create_unsynced(&path)?;
        if text.len() == 2 * LINE_BYTES {
            store::write_at(&file, &path, &line(&newer), at as u64)?;
        } else {
            let nothing = Received { number: 0, proof: Bytes([0; 32]) };
            let both = if at == 0 { [newer, nothing] } else { [nothing, newer] };
            store::write_at(&file, &path, &both.iter().flat_map(line).collect::<Vec<u8>>(), 0)?;
            store::cut(&file, &path, 2 * LINE_BYTES as u64)?;
        }
        Ok(true)
    }
}

fn file_name(pair: &Pair) -> String {
    format!("{pair}.txt")
}

/// The pair whose receipts are in a file of that name.
pub(super) fn pair_of(file_name: &str) -> Option<Pair> {
    file_name.strip_suffix(".txt")?.parse().ok()
}

/// Whether these are the bytes of such a file, or none at all.
pub(super) fn is_whole(text: &[u8]) -> bool {
    text.is_empty()
        || (text.len() == 2 * LINE_BYTES && text.chunks(LINE_BYTES).all(|line| read(line).is_some()))
}

fn line(received: &Received) -> Vec<u8> {
    format!("{:020} {}\n", received.number, strict_base64::encode(&received.proof.0)).into_bytes()
}

/// What the two lines say: of the lower name, of the higher one.
fn lines(text: &[u8]) -> [Option<Received>; 2] {
    if text.len() != 2 * LINE_BYTES {
        return [None, None];
    }
    let (lower, higher) = text.split_at(LINE_BYTES);
    [lower, higher].map(|line| read(line).filter(|received| received.number > 0))
}

fn read(line: &[u8]) -> Option<Received> {
    let text = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (number, proof) = text.split_once(' ')?;
    let digits = number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit());
    let proof: [u8; 32] = strict_base64::decode(proof.as_bytes())?.try_into().ok()?;
    let number = number.parse().ok().filter(|_| digits)?;
    Some(Received { number, proof: Bytes(proof) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(number: u64, mark: u8) -> Received {
        Received { number, proof: Bytes([mark; 32]) }
    }

    #[test]
    fn the_newest_receipt_of_each_member_is_kept_and_an_older_one_is_not() {
        let data = tempfile::tempdir().unwrap();
        let receipts = Receipts::open(data.path()).unwrap();
        let pair: Pair = "alice+bob".parse().unwrap();
        let (alice, bob) = (pair.lower(), pair.higher());
        assert_eq!(receipts.newest(&pair, bob).unwrap(), None);
        assert!(receipts.keep(&pair, bob, received(7, 1)).unwrap());
        assert!(receipts.keep(&pair, alice, received(9, 2)).unwrap());
        assert!(!receipts.keep(&pair, bob, received(7, 3)).unwrap());
        assert!(!receipts.keep(&pair, bob, received(6, 3)).unwrap());
        assert!(receipts.keep(&pair, bob, received(u64::MAX, 4)).unwrap());
        let receipts = Receipts::open(data.path()).unwrap();
        assert_eq!(receipts.newest(&pair, alice).unwrap(), Some(received(9, 2)));
        assert_eq!(receipts.newest(&pair, bob).unwrap(), Some(received(u64::MAX, 4)));
        assert!(is_whole(&std::fs::read(data.path().join("receipts/alice+bob.txt")).unwrap()));
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none_and_is_written_anew() {
        let data = tempfile::tempdir().unwrap();
        let receipts = Receipts::open(data.path()).unwrap();
        let pair: Pair = "alice+bob".parse().unwrap();
        let path = data.path().join("receipts/alice+bob.txt");
        for damage in [&b"nonsense"[..], &[0; 2 * LINE_BYTES], &[b'x'; 500]] {
            std::fs::write(&path, damage).unwrap();
            assert!(!is_whole(damage));
            assert_eq!(receipts.newest(&pair, pair.lower()).unwrap(), None);
            assert!(receipts.keep(&pair, pair.lower(), received(3, 1)).unwrap());
            assert_eq!(receipts.newest(&pair, pair.lower()).unwrap(), Some(received(3, 1)));
        }
    }
}
