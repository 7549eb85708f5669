//! The limits of the protocol itself, each with its unit. The server's own limits (how many
//! connections, how long a login may take) are in `server::limits`.

/// A frame's JSON before login, in bytes. Checked before a byte of it is allocated.
pub const FRAME_BYTES_MAX_BEFORE_LOGIN: usize = 4 * 1024;

/// A frame's JSON after login, in bytes. Checked before a byte of it is allocated.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// The text of one message, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// The length of a username, in bytes (which are ASCII characters).
pub const USERNAME_BYTES_MAX: usize = 32;

/// The fixed part of a body: version (1), epoch (4), stream (16), counter (8), previous hash (32).
pub const HEADER_BYTES: usize = 1 + 4 + 16 + 8 + 32;

/// The tag that the AEAD appends, in bytes (RFC 8439, section 2.8).
pub const TAG_BYTES: usize = 16;

/// The smallest padded plaintext, in bytes.
pub const PADDED_BYTES_MIN: usize = 128;

/// After the smallest, plaintexts are padded to multiples of this many bytes.
pub const PADDED_BYTES_STEP: usize = 256;

/// The fields of a plaintext besides the text: a length (4), the sending time (8), what the sender
/// last saw of the other (1 + 16 + 8 + 32).
pub const PLAINTEXT_FIELDS_BYTES: usize = 4 + 8 + 1 + 16 + 8 + 32;

/// The largest padded plaintext, in bytes: the longest text, its fields, rounded up.
pub const PADDED_BYTES_MAX: usize =
    (TEXT_BYTES_MAX + PLAINTEXT_FIELDS_BYTES).div_ceil(PADDED_BYTES_STEP) * PADDED_BYTES_STEP;

/// The largest body, in bytes before base64.
pub const BODY_BYTES_MAX: usize = HEADER_BYTES + PADDED_BYTES_MAX + TAG_BYTES;

/// The smallest body, in bytes before base64.
pub const BODY_BYTES_MIN: usize = HEADER_BYTES + PADDED_BYTES_MIN + TAG_BYTES;

/// A sealed copy of a conversation key, in bytes before base64: larger is refused.
pub const SEALED_KEY_BYTES_MAX: usize = 512;

/// Entries that one `read` may ask for. The answer may hold fewer: it also ends at a full frame.
pub const READ_ENTRIES_MAX: u32 = 500;

/// Names in one answer to `who`. The answer also says how many there are in all.
pub const WHO_NAMES_MAX: usize = 1000;

/// How far above its own highest used epoch a client accepts a proposed one.
pub const EPOCH_STEP_MAX: u32 = 1000;

/// Contacts in one answer to `contacts`.
pub const CONTACTS_MAX: usize = 100;
