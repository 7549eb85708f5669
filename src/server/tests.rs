//! The whole server, over real links.
