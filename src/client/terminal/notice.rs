//! Telling a person who looks elsewhere that something arrived: when asked for, and never what it says.

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

use serde::Deserialize;

/// At most one notice in this time: a hundred messages are no hundred bells.
const NOTICE_EVERY: Duration = Duration::from_secs(3);

/// How a person wants to be told that something arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notify {
    /// Not at all.
    #[default]
    Off,
    /// The terminal's bell.
    Bell,
    /// A notice of the desktop, by the sequence OSC 9: who it is from, as whatever the terminal sits on may keep it.
    Osc9,
}

impl FromStr for Notify {
    type Err = NotifyError;

    fn from_str(text: &str) -> Result<Self, NotifyError> {
        match text {
            "off" => Ok(Self::Off),
            "bell" => Ok(Self::Bell),
            "osc9" => Ok(Self::Osc9),
            _ => Err(NotifyError),
        }
    }
}

/// There is no such way of telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give off, bell or osc9")]
pub struct NotifyError;

/// What rings, and when it rang last.
#[derive(Debug)]
pub(super) struct Notices {
    notify: Notify,
    last: Option<Instant>,
}

impl Notices {
    pub(super) fn new(notify: Notify) -> Self {
        Self { notify, last: None }
    }

    /// What to send to the terminal now that something of this person's arrived.
    pub(super) fn arrived(&mut self, from: &str, now: Instant) -> Option<String> {
        let bell = match self.notify {
            Notify::Off => return None,
            Notify::Bell => "\x07".to_owned(),
            // BEL ends it in every terminal; ST does not.
            Notify::Osc9 => format!("\x1b]9;securechat: {from}\x07"),
        };
        if self.last.is_some_and(|last| now.duration_since(last) < NOTICE_EVERY) {
            return None;
        }
        self.last = Some(now);
        Some(bell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_rings_unless_asked_for_and_a_notice_says_only_who() {
        let now = Instant::now();
        assert_eq!(Notices::new(Notify::default()).arrived("bob", now), None);
        assert_eq!(Notices::new(Notify::Bell).arrived("bob", now).as_deref(), Some("\x07"));
        assert_eq!(
            Notices::new(Notify::Osc9).arrived("bob", now).as_deref(),
            Some("\x1b]9;securechat: bob\x07")
        );
    }

    #[test]
    fn a_flood_rings_once_in_a_while() {
        let (mut notices, start) = (Notices::new(Notify::Bell), Instant::now());
        assert!(notices.arrived("bob", start).is_some());
        assert!((1..300).all(|i| notices.arrived("bob", start + NOTICE_EVERY * i / 300).is_none()));
        assert!(notices.arrived("bob", start + NOTICE_EVERY).is_some());
    }

    #[test]
    fn a_way_that_is_not_there_is_named() {
        assert_eq!("osc9".parse(), Ok(Notify::Osc9));
        assert_eq!("loud".parse::<Notify>().unwrap_err().to_string(), "give off, bell or osc9");
    }
}
