//! The last words and the exit status.

fn main() {}
