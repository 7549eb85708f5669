//! The last words, `error: ...` and `hint: ...`, and the exit status.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use securechat::{
    cli::{self, CliError, LogFormat, LogLevel, Task},
    client,
    server::{self, ServerConfig},
    status,
};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Task::Server(config, level, format)) => run_server(*config, level, format),
        Ok(Task::Client(config)) => match client::run(&config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => last_words(&error, error.hint().as_deref(), error.exit_status()),
        },
        Ok(Task::Completions(shell)) => written(io::stdout().write_all(&cli::completions(shell))),
        Ok(Task::Man(folder)) => written(cli::write_man_pages(&folder)),
        Err(CliError::Usage(usage)) => {
            let _ = usage.print();
            if usage.use_stderr() { ExitCode::from(status::USAGE) } else { ExitCode::SUCCESS }
        }
        Err(error) => last_words(&error, error.hint(), error.exit_status()),
    }
}

fn run_server(config: ServerConfig, level: LogLevel, format: LogFormat) -> ExitCode {
    let level = match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
    };
    server::log::start(level, format == LogFormat::Json);
    let ended = server::run(config, &mut |announcement: server::Announcement| {
        let text = cli::announcement(announcement.address, &announcement.fingerprint);
        let mut out = io::stdout().lock();
        // A server whose output nobody reads serves all the same.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => last_words(&error, error.hint(), error.exit_status()),
    }
}

fn written(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => last_words(&error, None, status::IO),
    }
}

/// Says why it ends. `eprintln!` would panic where standard error cannot be written.
fn last_words(error: &dyn std::error::Error, hint: Option<&str>, status: u8) -> ExitCode {
    let mut out = anstream::stderr().lock();
    let mut said = error.to_string();
    let _ = writeln!(out, "error: {said}");
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // Where the words of an error hold those of its cause already, once is enough.
        if !said.contains(&words) {
            let _ = writeln!(out, "  because: {words}");
        }
        said = words;
        source = cause.source();
    }
    if let Some(hint) = hint {
        let _ = writeln!(out, "hint: {hint}");
    }
    ExitCode::from(status)
}
