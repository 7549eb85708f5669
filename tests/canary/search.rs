//! Looks for secrets in bytes: raw, as hexadecimal digits of either case, as base64 of either alphabet at any alignment.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// A secret is looked for in parts of this many bytes: half of one that was overwritten is still a leak.
const PART_BYTES: usize = 16;

/// Memory and files are mostly zeros; blocks of them are passed over at once.
const BLOCK_BYTES: usize = 4096;

/// Everything that must not be found.
pub(crate) struct Search {
    patterns: Vec<Pattern>,
    /// The patterns that begin with these two bytes.
    by_beginning: Vec<Vec<usize>>,
}

struct Pattern {
    bytes: Vec<u8>,
    name: String,
}

impl Search {
    pub(crate) fn new() -> Self {
        Self { patterns: Vec::new(), by_beginning: vec![Vec::new(); 1 << 16] }
    }

    /// Looks for this secret too, in every way it may be written.
    pub(crate) fn add(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= PART_BYTES, "{name} is too short to be told from chance");
        let parts = secret.chunks_exact(PART_BYTES).enumerate();
        for (part, bytes) in parts {
            for (way, bytes) in ways_to_write(bytes) {
                let beginning = usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
                self.by_beginning[beginning].push(self.patterns.len());
                self.patterns.push(Pattern { bytes, name: format!("{name}, part {part}, {way}") });
            }
        }
    }

    /// How many secrets' parts are looked for, in all ways.
    pub(crate) fn len(&self) -> usize {
        self.patterns.len()
    }

    /// What is in there, each once.
    pub(crate) fn finds_in(&self, bytes: &[u8]) -> Vec<&str> {
        let mut found = vec![false; self.patterns.len()];
        let zeros = [0; BLOCK_BYTES];
        for start in (0..bytes.len().saturating_sub(1)).step_by(BLOCK_BYTES) {
            let end = bytes.len().min(start + BLOCK_BYTES);
            // In a block of zeros a pattern can only begin that has zeros of its own to begin with.
            let start = if bytes[start..end] == zeros[..end - start] {
                end.saturating_sub(PART_BYTES).max(start)
            } else {
                start
            };
            // With one byte of the next block, so that a pattern may begin in two.
            let block = &bytes[start..bytes.len().min(end + 1)];
            for (offset, two) in block.windows(2).enumerate() {
                let candidates = &self.by_beginning[usize::from(u16::from_le_bytes([two[0], two[1]]))];
                for &candidate in candidates {
                    found[candidate] |= bytes[start + offset..].starts_with(&self.patterns[candidate].bytes);
                }
            }
        }
        let found = self.patterns.iter().zip(found).filter(|(_, found)| *found);
        found.map(|(pattern, _)| pattern.name.as_str()).collect()
    }

    /// Fails if anything is in there.
    pub(crate) fn finds_nothing_in(&self, place: &str, bytes: &[u8]) {
        let found = self.finds_in(bytes);
        assert!(found.is_empty(), "{place} holds {found:#?}");
    }
}

fn ways_to_write(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut ways = vec![
        ("raw".to_owned(), bytes.to_vec()),
        ("as hex".to_owned(), HEXLOWER.encode(bytes).into_bytes()),
        ("as HEX".to_owned(), HEXUPPER.encode(bytes).into_bytes()),
    ];
    for (alphabet, encoding) in [("base64", &BASE64_NOPAD), ("url-safe base64", &BASE64URL_NOPAD)] {
        for before in 0..3 {
            let text = encoding.encode(&[&vec![0; before], bytes].concat());
            // Six bits a character: those that hold a bit of what is before or behind are another's.
            let (first, end) = ((before * 8).div_ceil(6), (before + bytes.len()) * 8 / 6);
            let text = text.as_bytes()[first..end].to_vec();
            ways.push((format!("as {alphabet} after {before} bytes"), text));
        }
    }
    ways
}

#[test]
fn a_secret_is_found_however_it_is_written_and_wherever_it_is() {
    let secret: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(151) ^ 0x5a).collect();
    let mut search = Search::new();
    search.add("the secret", &secret);
    let ways = 3 + 2 * 3;
    assert_eq!(search.len(), 2 * ways);
    let surrounded = |before: usize| [&vec![0xee; before], &secret[..], &[0x77; 5]].concat();
    for before in 0..7 {
        let bytes = surrounded(before);
        for (way, text) in [
            ("raw", bytes.clone()),
            ("as hex", HEXLOWER.encode(&bytes).into_bytes()),
            ("as HEX", HEXUPPER.encode(&bytes).into_bytes()),
            ("as base64", BASE64_NOPAD.encode(&bytes).into_bytes()),
            ("as url-safe base64", BASE64URL_NOPAD.encode(&bytes).into_bytes()),
        ] {
            for zeros in [0, 1, BLOCK_BYTES - 20, BLOCK_BYTES - 1, 3 * BLOCK_BYTES + 1] {
                let hidden = [&vec![0; zeros], &text[..], &vec![0; 9000]].concat();
                let found = search.finds_in(&hidden);
                for part in ["part 0", "part 1"] {
                    let told = |name: &&str| name.contains(part) && name.contains(way);
                    assert!(found.iter().any(told), "{part} {way}, {before} {zeros}: {found:?}");
                }
            }
        }
    }
    let mut of_zeros = Search::new();
    of_zeros.add("zeros and ones", &[0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    for zeros in 0..7 {
        let hidden = [&vec![0; BLOCK_BYTES + zeros], &[1; 20][..]].concat();
        assert!(of_zeros.finds_in(&hidden).iter().any(|name| name.ends_with("raw")), "{zeros}");
    }
    let half = &secret[16..];
    assert_eq!(search.finds_in(half), ["the secret, part 1, raw"]);
    assert!(search.finds_in(&secret[1..16]).is_empty());
    search.finds_nothing_in("nothing", &[]);
}
