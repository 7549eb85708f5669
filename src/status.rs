//! The exit statuses, in the sysexits manner: what a script can tell without reading words.

/// A flag, or what follows it, is wrong.
pub const USAGE: u8 = 64;
/// A file of this machine is damaged, or a history that was written out is not whole.
pub const DATA: u8 = 65;
/// A file that is needed is not there.
pub const NO_INPUT: u8 = 66;
/// The host is not known.
pub const NO_HOST: u8 = 68;
/// The server cannot be reached, is none, or has no room; or cannot listen.
pub const UNAVAILABLE: u8 = 69;
/// The machine refused something.
pub const OS: u8 = 71;
/// A file could not be read or written.
pub const IO: u8 = 74;
/// The connection was lost: trying again may help.
pub const TEMPORARY: u8 = 75;
/// The other side speaks something else.
pub const PROTOCOL: u8 = 76;
/// The server's key changed, a login was refused, or the system does not allow it.
pub const NO_PERMISSION: u8 = 77;
/// The configuration file is wrong.
pub const CONFIG: u8 = 78;
