//! The command line: clap's structures, the configuration file, and what they come to.
//!
//! A flag beats the environment, which beats the configuration file, which beats the default. Never a
//! password: neither in the arguments nor in the environment.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};
use serde::Deserialize;

mod client_command;
mod durability;
mod error;
mod help;
mod limits;
mod moment;
mod scripts;
mod shell_setup;
mod span;
mod upkeep;

pub use client_command::KeyTask;
pub use error::{CliError, language_of};
pub use shell_setup::{ShellSetup, ShellSetupError, completions, write_man_pages};
pub use upkeep::Upkeep;

use client_command::ClientCommand;
use durability::DurabilitySetting;
use limits::LimitSettings;
use scripts::ConnectArgs;
use span::Span;

use crate::{
    client::{
        ClientConfig, History, Language, Listen, Misuse, PasswordSource, Send, ServerAddress,
        terminal::{Notify, View},
    },
    crypto::key_file::KdfCost,
    server::{self, ServerConfig},
    transport::Fingerprint,
    wire::{DEFAULT_PORT, Username},
};

/// Private conversations between people, on a server they run themselves.
#[derive(Debug, Parser)]
#[command(
    name = "securechat",
    version,
    propagate_version = true,
    after_help = "On the machine that is to be the server:  securechat server\n\
                  On everybody's own machine:               securechat client --host HOST\n\n\
                  Exit statuses: 0 done, 64 wrong usage, 65 a damaged file or history,\n\
                  66 a missing key file, 68 an unknown host, 69 the server is not there,\n\
                  71 the machine refused, 74 a file could not be read or written,\n\
                  75 the connection was lost, 76 another protocol,\n\
                  77 a changed server key or a refused login, 78 a wrong configuration file"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server: accounts, presence, meetings, and logs that it cannot read
    #[command(args_conflicts_with_subcommands = true)]
    Server(Box<ServerArgs>),
    /// Talks: logs in to a server and opens conversations
    #[command(args_conflicts_with_subcommands = true)]
    Client(Box<ClientArgs>),
    /// Installs the completions of shells and the manual pages, for this user or under a prefix
    SetupShell(ShellSetup),
    /// Prints the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Writes the manual pages into a folder
    Man {
        /// The folder, which must exist
        folder: PathBuf,
    },
}

/// What `--answer-timeout` may be.
const ANSWER_TIMEOUT_BOUNDS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(86_400);

/// How long a client tries to get a lost connection back, in seconds.
const RETRY_S: u64 = 600;

/// The longest that may be asked for, in seconds: a year.
const RETRY_S_MAX: u64 = 365 * 24 * 60 * 60;

/// How the server's log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line of text an event
    Text,
    /// One JSON object an event
    Json,
}

/// How much the server's log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what stops something
    Error,
    /// What an operator should look at
    Warn,
    /// Starts, stops, logins
    Info,
    /// Every connection
    Debug,
}

#[derive(Debug, Subcommand)]
enum ServerCommand {
    /// Makes one-time codes for a server with --registration invite, also while it runs
    ///
    /// Prints one code a line. Each lets one person make one account; the server keeps only its hash, so a
    /// code that is lost cannot be shown again.
    Invite(InviteArgs),
    #[command(flatten)]
    Upkeep(Upkeep),
}

#[derive(Debug, Args)]
struct InviteArgs {
    /// The server's folder [default: data]
    #[arg(long, value_name = "DIR", env = "SECURECHAT_DATA")]
    data: Option<PathBuf>,
    /// How many codes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// How long they are good for: a number with s, m, h or d, up to 365d
    #[arg(long, value_name = "SPAN", default_value = "7d")]
    expires: Span,
    /// The server's TOML file, for its data folder
    #[arg(long, value_name = "FILE", env = "SECURECHAT_SERVER_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ServerArgs {
    #[command(subcommand)]
    command: Option<ServerCommand>,
    /// Where to listen; port 0 takes a free one [default: every interface, port 4117]
    #[arg(long, value_name = "ADDR:PORT", env = "SECURECHAT_LISTEN")]
    listen: Option<SocketAddr>,
    /// The folder of accounts, keys and conversations [default: data]
    #[arg(long, value_name = "DIR", env = "SECURECHAT_DATA")]
    data: Option<PathBuf>,
    /// A certificate chain (PEM) instead of the self-signed one
    #[arg(long, value_name = "FILE", env = "SECURECHAT_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", env = "SECURECHAT_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Connections at once, at most [default: 10000]
    #[arg(long, value_name = "N", env = "SECURECHAT_MAX_CLIENTS")]
    max_clients: Option<usize>,
    /// Seconds that two people have to answer a key [default: 120]
    #[arg(long, value_name = "SECONDS", env = "SECURECHAT_ANSWER_TIMEOUT")]
    answer_timeout: Option<u64>,
    /// When a message is said to be stored [default: disk]
    #[arg(long, value_enum, env = "SECURECHAT_DURABILITY")]
    durability: Option<DurabilitySetting>,
    /// How much to log on standard error [default: info]
    #[arg(long, value_enum, env = "SECURECHAT_LOG")]
    log: Option<LogLevel>,
    /// How to log [default: text]
    #[arg(long, value_enum, env = "SECURECHAT_LOG_FORMAT")]
    log_format: Option<LogFormat>,
    /// A TOML file with any of these settings, under the same names
    #[arg(long, value_name = "FILE", env = "SECURECHAT_SERVER_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitSettings,
}

#[derive(Debug, Default, Args)]
struct ClientArgs {
    /// Of another command than the client itself.
    #[arg(skip)]
    of_a_command: bool,
    #[command(subcommand)]
    command: Option<ClientCommand>,
    #[command(flatten)]
    connect: ConnectArgs,
    /// Memory that opening a new key file takes, in MiB; from 19 [default: 64]
    #[arg(long, value_name = "MIB", env = "SECURECHAT_KEY_FILE_MEMORY_MIB")]
    key_file_memory_mib: Option<u32>,
    /// Passes over that memory; from 2 [default: 3]
    #[arg(long, value_name = "N", env = "SECURECHAT_KEY_FILE_PASSES")]
    key_file_passes: Option<u32>,
    /// Speak JSON with a program, one object a line each way, as docs/JSON.md describes it
    #[arg(long)]
    json: bool,
    /// Lines and nothing else: no moving cursor, no colours, nothing drawn again; for screen readers
    #[arg(long, env = "SECURECHAT_PLAIN", value_parser = clap::builder::FalseyValueParser::new())]
    plain: bool,
    /// How to tell that something arrived: bell, osc9 (a desktop notice that names the sender) or off [default: off]
    #[arg(long, value_name = "HOW", env = "SECURECHAT_NOTIFY")]
    notify: Option<Notify>,
    /// Show contacts, conversation and the line being typed on the whole screen
    #[arg(long, conflicts_with = "plain", env = "SECURECHAT_FULL_SCREEN", value_parser = clap::builder::FalseyValueParser::new())]
    full_screen: bool,
    /// With --full-screen: the mouse scrolls and chooses contacts, instead of selecting text
    #[arg(long, env = "SECURECHAT_MOUSE", value_parser = clap::builder::FalseyValueParser::new())]
    mouse: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ServerFile {
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    max_clients: Option<usize>,
    answer_timeout: Option<u64>,
    durability: Option<DurabilitySetting>,
    log: Option<LogLevel>,
    log_format: Option<LogFormat>,
    #[serde(flatten)]
    limits: LimitSettings,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ClientFile {
    host: Option<String>,
    home: Option<PathBuf>,
    server_key: Option<String>,
    ca: Option<bool>,
    key_file_memory_mib: Option<u32>,
    key_file_passes: Option<u32>,
    retry: Option<u64>,
    plain: Option<bool>,
    notify: Option<Notify>,
    language: Option<Language>,
    full_screen: Option<bool>,
    mouse: Option<bool>,
    user: Option<Username>,
    password_file: Option<PathBuf>,
}

/// What is to be done.
#[derive(Debug)]
pub enum Task {
    /// Run a server.
    Server(Box<ServerConfig>, LogLevel, LogFormat),
    /// Make so many invitation codes for the server of this folder, good for so long.
    Invite {
        /// The data folder.
        data: PathBuf,
        /// How many.
        count: usize,
        /// How long each lets somebody in.
        valid_for: Duration,
    },
    /// Look after a data folder.
    Upkeep(Upkeep),
    /// Run a client.
    Client(Box<ClientConfig>),
    /// Send a message from standard input.
    Send(Box<Send>),
    /// Print what arrives.
    Listen(Box<Listen>),
    /// Write a conversation out.
    History(Box<History>),
    /// Print or read a key file.
    Key(KeyTask),
    /// Install completions and manual pages.
    SetupShell(ShellSetup),
    /// Print completions.
    Completions(clap_complete::Shell),
    /// Write manual pages.
    Man(PathBuf),
}

/// Reads the command line, the environment and the configuration file.
///
/// # Errors
/// As the variants of [`CliError`] say; help and version come as [`CliError::Usage`].
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, CliError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let language = language_of(&arguments, |name| std::env::var(name).ok());
    let read = help::command(language)
        .try_get_matches_from(&arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = read.map_err(|error| CliError::of_clap(error, &arguments))?;
    Ok(match cli.command {
        Command::Server(args) => match args.command {
            Some(ServerCommand::Invite(args)) => invite(args)?,
            Some(ServerCommand::Upkeep(upkeep)) => Task::Upkeep(upkeep),
            None => server(*args)?,
        },
        Command::Client(mut args) => match args.command.take() {
            Some(command) => command.task()?,
            None => Task::Client(Box::new(client(*args)?)),
        },
        Command::SetupShell(setup) => Task::SetupShell(setup),
        Command::Completions { shell } => Task::Completions(shell),
        Command::Man { folder } => Task::Man(folder),
    })
}

fn server(args: ServerArgs) -> Result<Task, CliError> {
    let file: ServerFile = read_config(args.config.as_deref())?;
    let tls = match (args.tls_cert.or(file.tls_cert), args.tls_key.or(file.tls_key)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => {
            return Err(setting("--tls-key", "a certificate needs its key: give both or neither"));
        }
        (None, Some(_)) => {
            return Err(setting("--tls-cert", "a key needs its certificate: give both or neither"));
        }
    };
    let max_clients = args.max_clients.or(file.max_clients).unwrap_or(server::limits::CLIENTS_MAX);
    if max_clients == 0 {
        return Err(setting("--max-clients", "a server without clients is of no use; give 1 or more"));
    }
    let answer_timeout = args
        .answer_timeout
        .or(file.answer_timeout)
        .map_or(server::limits::ANSWER_TIMEOUT, Duration::from_secs);
    if !ANSWER_TIMEOUT_BOUNDS.contains(&answer_timeout) {
        return Err(setting("--answer-timeout", "give 1 to 86400 seconds"));
    }
    let given = args.limits.or(file.limits);
    let config = ServerConfig {
        listen: args.listen.or(file.listen),
        tls,
        max_clients,
        answer_timeout,
        login_timeout: given.login_timeout()?,
        durability: args.durability.or(file.durability).unwrap_or_default().into(),
        registration: given.registration(),
        limits: given.limits(max_clients)?,
        ..ServerConfig::new(args.data.or(file.data).unwrap_or_else(|| PathBuf::from("data")))
    };
    let level = args.log.or(file.log).unwrap_or(LogLevel::Info);
    let format = args.log_format.or(file.log_format).unwrap_or(LogFormat::Text);
    Ok(Task::Server(Box::new(config), level, format))
}

fn invite(args: InviteArgs) -> Result<Task, CliError> {
    let file: ServerFile = read_config(args.config.as_deref())?;
    let data = args.data.or(file.data).unwrap_or_else(|| PathBuf::from("data"));
    Ok(Task::Invite { data, count: usize::from(args.count), valid_for: args.expires.into() })
}

fn client(args: ClientArgs) -> Result<ClientConfig, CliError> {
    let connect = args.connect;
    let file: ClientFile = read_config(connect.config.as_deref())?;
    let (home, home_is_default) = match connect.home.or(file.home) {
        Some(home) => (home, false),
        None => (default_home()?, true),
    };
    let host = connect.host.or(file.host).ok_or_else(|| Misuse::NoHost {
        of_a_command: args.of_a_command,
        // What cannot be looked at is not worth an error of its own here.
        known: crate::client::known_servers(&home).unwrap_or_default(),
    })?;
    let address: ServerAddress =
        host.parse().map_err(|error: crate::client::AddressError| setting("--host", &error.to_string()))?;
    let from_file = match file.server_key {
        Some(text) => {
            let parsed = text.parse().map_err(|error: crate::transport::FingerprintError| error.to_string());
            Some(parsed.map_err(|error| setting("server-key", &error))?)
        }
        None => None,
    };
    let mut cost = KdfCost::default();
    if let Some(memory_mib) = args.key_file_memory_mib.or(file.key_file_memory_mib) {
        cost.memory_kib = memory_mib.saturating_mul(1024);
    }
    if let Some(passes) = args.key_file_passes.or(file.key_file_passes) {
        cost.passes = passes;
    }
    cost.check().map_err(|error| setting("--key-file-memory-mib, --key-file-passes", &error.to_string()))?;
    Ok(ClientConfig {
        address,
        home,
        home_is_default,
        server_key: connect.server_key.or(from_file),
        authorities: connect.ca || file.ca.unwrap_or(false),
        key_file_cost: cost,
        password: connect.login.password().or(file.password_file.map(PasswordSource::File)),
        user: connect.login.user.or(file.user),
        json: args.json,
        language: (connect.language.or(file.language))
            .unwrap_or_else(|| Language::of_environment(|name| std::env::var(name).ok())),
        retry_for: Duration::from_secs(connect.retry.or(file.retry).unwrap_or(RETRY_S).min(RETRY_S_MAX)),
        view: if args.full_screen || (file.full_screen.unwrap_or(false) && !args.plain) {
            View::FullScreen { mouse: args.mouse || file.mouse.unwrap_or(false) }
        } else if args.plain || file.plain.unwrap_or(false) {
            View::Plain
        } else {
            View::Lines
        },
        notify: args.notify.or(file.notify).unwrap_or_default(),
    })
}

fn default_home() -> Result<PathBuf, CliError> {
    let names = AppStrategyArgs {
        top_level_domain: "org".into(),
        author: "securechat".into(),
        app_name: "securechat".into(),
    };
    Ok(choose_app_strategy(names).map_err(|_| Misuse::NoHome)?.data_dir())
}

fn read_config<T: Default + serde::de::DeserializeOwned>(path: Option<&Path>) -> Result<T, CliError> {
    let Some(path) = path else { return Ok(T::default()) };
    let text = std::fs::read_to_string(path)
        .map_err(|source| Misuse::ConfigRead { path: path.to_owned(), source })?;
    Ok(toml::from_str(&text)
        .map_err(|error| Misuse::Config { path: path.to_owned(), why: error.to_string() })?)
}

fn setting(setting: &'static str, what: &str) -> CliError {
    Misuse::Setting { setting, why: what.to_owned() }.into()
}

/// What the server prints when it accepts connections: its address, its key, and the line to paste.
#[must_use]
pub fn announcement(local: SocketAddr, key: &Fingerprint) -> String {
    // An address that means every interface is not one that others can type.
    let host = if local.ip().is_unspecified() { "HOST".to_owned() } else { local.ip().to_string() };
    let host = match (local.is_ipv6() && !local.ip().is_unspecified(), local.port()) {
        (_, DEFAULT_PORT) => host,
        (true, port) => format!("[{host}]:{port}"),
        (false, port) => format!("{host}:{port}"),
    };
    format!("listening on {local}\nserver key {key}\nsecurechat client --host {host} --server-key {key}\n")
}

#[cfg(test)]
#[path = "cli/tests.rs"]
mod tests;
