//! Both ends of real connections over loopback.

mod links;
mod reception;
mod strangers;
