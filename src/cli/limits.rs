//! The settings of what keeps people out: one structure for the flags, the environment and the file.

use std::{str::FromStr, time::Duration};

use clap::{Args, ValueEnum};
use serde::Deserialize;
use thiserror::Error;

use super::{CliError, setting};
use crate::{
    server::limits::{EarlyDrop, FRAME_TIMEOUT, LOGIN_PENALTY, LOGIN_TIMEOUT, Limits},
    wire::Registration,
};

/// What the two timeouts may be, in seconds.
const TIMEOUT_S: std::ops::RangeInclusive<u64> = 1..=3600;

/// What the penalty of a wrong login may be, in seconds: the most that an address can owe.
const PENALTY_S_MAX: u64 = 600;

/// Each as it was set, or `None`. 0 is 'no limit' where a limit can be left out.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[command(next_help_heading = "Who is let in, and how much they may ask")]
pub(super) struct LimitSettings {
    /// Who may make an account: anybody, whoever has a code of `securechat server invite`, nobody [default: open]
    #[arg(long, value_enum, env = "SECURECHAT_REGISTRATION")]
    registration: Option<RegistrationSetting>,
    /// Accounts made from one address an hour; 0 is no limit [default: 60]
    #[arg(long, value_name = "N", env = "SECURECHAT_REGISTRATIONS_PER_HOUR")]
    registrations_per_hour: Option<u32>,
    /// Connections at once from one address, or IPv6 network of 64 bits; 0 is no limit [default: 64]
    #[arg(long, value_name = "N", env = "SECURECHAT_MAX_PER_ADDRESS")]
    max_per_address: Option<usize>,
    /// Connections of one address a minute, a minute's worth at once; 0 is no limit [default: 1200]
    #[arg(long, value_name = "N", env = "SECURECHAT_CONNECTIONS_PER_MINUTE")]
    connections_per_minute: Option<u32>,
    /// Connections not logged in: from START on a new one is dropped with a chance of RATE percent, which
    /// grows to certainty at FULL [default: two fifths of --max-clients, 30, four fifths]
    #[arg(long, value_name = "START:RATE:FULL", env = "SECURECHAT_MAX_UNAUTHENTICATED")]
    max_unauthenticated: Option<DropSetting>,
    /// Seconds from a connection to its login, the TLS handshake included [default: 30]
    #[arg(long, value_name = "SECONDS", env = "SECURECHAT_LOGIN_TIMEOUT")]
    login_timeout: Option<u64>,
    /// Seconds from the first byte of a request to its last [default: 30]
    #[arg(long, value_name = "SECONDS", env = "SECURECHAT_FRAME_TIMEOUT")]
    frame_timeout: Option<u64>,
    /// What a wrong login costs its address, in seconds: from 15 owed on it is refused; 0 is nothing [default: 5]
    #[arg(long, value_name = "SECONDS", env = "SECURECHAT_LOGIN_PENALTY")]
    login_penalty: Option<u64>,
    /// Requests a second of one client; over it that client waits; 0 is no limit [default: 100000]
    #[arg(long, value_name = "N", env = "SECURECHAT_REQUESTS_PER_SECOND")]
    requests_per_second: Option<u32>,
    /// Bytes a second from one client; over it that client waits; 0 is no limit [default: 67108864]
    #[arg(long, value_name = "N", env = "SECURECHAT_BYTES_PER_SECOND")]
    bytes_per_second: Option<u64>,
    /// Invitations of one person a minute, those that became conversations aside; 0 is no limit [default: 120]
    #[arg(long, value_name = "N", env = "SECURECHAT_INVITATIONS_PER_MINUTE")]
    invitations_per_minute: Option<u32>,
    /// Invitations that may wait for one person [default: 32]
    #[arg(long, value_name = "N", env = "SECURECHAT_MAX_WAITING_INVITATIONS")]
    max_waiting_invitations: Option<usize>,
    /// Conversations that one client may have open at once [default: 64]
    #[arg(long, value_name = "N", env = "SECURECHAT_MAX_OPEN_CONVERSATIONS")]
    max_open_conversations: Option<usize>,
    /// Count this machine's own addresses like others: without it they have no limits and no penalties
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          env = "SECURECHAT_LIMIT_LOOPBACK")]
    limit_loopback: Option<bool>,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RegistrationSetting {
    /// Anybody
    Open,
    /// Whoever has a one-time code, made with: securechat server invite
    Invite,
    /// Nobody
    Closed,
}

/// `START:RATE:FULL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct DropSetting(EarlyDrop);

/// Why a text is no `START:RATE:FULL`.
#[derive(Debug, Clone, Copy, Error)]
#[error("give START:RATE:FULL, as in 100:30:1000: START from 1, RATE 0 to 100, FULL not below START")]
struct DropSettingError;

impl LimitSettings {
    /// These, and what they leave out from `file`.
    pub(super) fn or(self, file: Self) -> Self {
        Self {
            registration: self.registration.or(file.registration),
            registrations_per_hour: self.registrations_per_hour.or(file.registrations_per_hour),
            max_per_address: self.max_per_address.or(file.max_per_address),
            connections_per_minute: self.connections_per_minute.or(file.connections_per_minute),
            max_unauthenticated: self.max_unauthenticated.or(file.max_unauthenticated),
            login_timeout: self.login_timeout.or(file.login_timeout),
            frame_timeout: self.frame_timeout.or(file.frame_timeout),
            login_penalty: self.login_penalty.or(file.login_penalty),
            requests_per_second: self.requests_per_second.or(file.requests_per_second),
            bytes_per_second: self.bytes_per_second.or(file.bytes_per_second),
            invitations_per_minute: self.invitations_per_minute.or(file.invitations_per_minute),
            max_waiting_invitations: self.max_waiting_invitations.or(file.max_waiting_invitations),
            max_open_conversations: self.max_open_conversations.or(file.max_open_conversations),
            limit_loopback: self.limit_loopback.or(file.limit_loopback),
        }
    }

    /// Who may make an account.
    pub(super) fn registration(&self) -> Registration {
        match self.registration {
            None | Some(RegistrationSetting::Open) => Registration::Open,
            Some(RegistrationSetting::Invite) => Registration::Invite,
            Some(RegistrationSetting::Closed) => Registration::Closed,
        }
    }

    /// From a connection to its login.
    pub(super) fn login_timeout(&self) -> Result<Duration, CliError> {
        timeout("--login-timeout", self.login_timeout, LOGIN_TIMEOUT)
    }

    /// The limits of a server for so many connections.
    pub(super) fn limits(&self, clients_max: usize) -> Result<Limits, CliError> {
        let defaults = Limits::for_clients(clients_max);
        let login_penalty = self.login_penalty.map_or(LOGIN_PENALTY, Duration::from_secs);
        if login_penalty > Duration::from_secs(PENALTY_S_MAX) {
            return Err(setting("--login-penalty", "give 0 to 600 seconds"));
        }
        Ok(Limits {
            per_address: limit(self.max_per_address, defaults.per_address),
            connections_per_minute: limit(self.connections_per_minute, defaults.connections_per_minute),
            early_drop: self.max_unauthenticated.map_or(defaults.early_drop, |given| given.0),
            frame_timeout: timeout("--frame-timeout", self.frame_timeout, FRAME_TIMEOUT)?,
            requests_per_second: limit(self.requests_per_second, defaults.requests_per_second),
            bytes_per_second: limit(self.bytes_per_second, defaults.bytes_per_second),
            waiting_invitations: self.max_waiting_invitations.unwrap_or(defaults.waiting_invitations),
            open_conversations: self.max_open_conversations.unwrap_or(defaults.open_conversations),
            invitations_per_minute: limit(self.invitations_per_minute, defaults.invitations_per_minute),
            registrations_per_hour: limit(self.registrations_per_hour, defaults.registrations_per_hour),
            login_penalty,
            loopback: self.limit_loopback.unwrap_or(defaults.loopback),
        })
    }
}

impl FromStr for DropSetting {
    type Err = DropSettingError;

    fn from_str(text: &str) -> Result<Self, DropSettingError> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(DropSettingError);
        let start: usize = part()?.parse().map_err(|_| DropSettingError)?;
        let rate: u8 = part()?.parse().map_err(|_| DropSettingError)?;
        let full: usize = part()?.parse().map_err(|_| DropSettingError)?;
        let right = start > 0 && rate <= 100 && full >= start;
        right.then_some(Self(EarlyDrop { start, rate, full })).ok_or(DropSettingError)
    }
}

impl TryFrom<String> for DropSetting {
    type Error = DropSettingError;

    fn try_from(text: String) -> Result<Self, DropSettingError> {
        text.parse()
    }
}

/// A limit as it was set: 0 is none.
fn limit<N: PartialEq + Default>(given: Option<N>, default: Option<N>) -> Option<N> {
    match given {
        Some(given) => (given != N::default()).then_some(given),
        None => default,
    }
}

fn timeout(name: &'static str, given: Option<u64>, default: Duration) -> Result<Duration, CliError> {
    match given {
        Some(given) if !TIMEOUT_S.contains(&given) => Err(setting(name, "give 1 to 3600 seconds")),
        given => Ok(given.map_or(default, Duration::from_secs)),
    }
}
