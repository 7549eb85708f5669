//! The last words, `error: ...` and `hint: ...`, and the exit status.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, IsTerminal, Read, Write},
    path::Path,
    process::ExitCode,
};

use securechat::{
    cli::{self, CliError, KeyTask, LogFormat, LogLevel, Task, Upkeep},
    client::{
        self, ClientError, KeyCopyError,
        phrase::Phrase,
        terminal::{self, View},
    },
    printable::Printable,
    server::{
        self, ServerConfig,
        backup::{self, BackupError},
        check::{self, Report, Severity},
    },
    status,
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    cli::language_of(&arguments, |name| std::env::var(name).ok()).speak();
    match cli::parse(arguments) {
        Ok(Task::Server(config, level, format)) => run_server(*config, level, format),
        Ok(Task::Invite { data, count, valid_for }) => match server::invite(&data, count, valid_for) {
            Ok(codes) => {
                let lines: String = codes.iter().map(|code| format!("{code}\n")).collect();
                written(io::stdout().write_all(lines.as_bytes()))
            }
            Err(error) => last_words(&error, error.hint(), error.exit_status()),
        },
        Ok(Task::Upkeep(Upkeep::Check { folder, repair })) => run_check(&folder.data, repair),
        Ok(Task::Upkeep(Upkeep::Backup { folder, to })) => copied(backup::backup(&folder.data, &to), &to),
        Ok(Task::Upkeep(Upkeep::Restore { from, folder })) => {
            copied(backup::restore(&from, &folder.data), &folder.data)
        }
        Ok(Task::Client(config)) => client_ended(client::run(&config), config.view == View::Plain),
        Ok(Task::Send(task)) => client_ended(client::send(&task), false),
        Ok(Task::Listen(task)) => client_ended(client::listen(&task), false),
        Ok(Task::History(task)) => client_ended(client::history(&task), false),
        Ok(Task::Key(task)) => keep_key(task),
        Ok(Task::SetupShell(setup)) => match setup.run() {
            Ok(said) => said_lines(&said),
            Err(error) => ends_with(&error.last_words(), false, error.exit_status()),
        },
        Ok(Task::Completions(shell)) => written(io::stdout().write_all(&cli::completions(shell))),
        Ok(Task::Man(folder)) => written(cli::write_man_pages(&folder)),
        Err(CliError::Usage(usage)) => {
            let _ = usage.print();
            if usage.use_stderr() { ExitCode::from(status::USAGE) } else { ExitCode::SUCCESS }
        }
        Err(CliError::Misuse(misuse)) => ends_with(&misuse.last_words(), false, misuse.exit_status()),
    }
}

/// Says why a client ended, in its person's language; `plain`: without breaking a line.
fn client_ended(ended: Result<(), ClientError>, plain: bool) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ends_with(&error.last_words(), plain, error.exit_status()),
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

/// Says what is damaged, one line each; status 65 while anything is.
fn run_check(data: &Path, repair: bool) -> ExitCode {
    let mut out = anstream::stdout().lock();
    let report = match check::check(data) {
        Ok(report) => report,
        Err(error) => return last_words(&error, error.hint(), error.exit_status()),
    };
    for finding in &report.findings {
        let _ = writeln!(out, "{finding}");
    }
    if !repair || report.findings.is_empty() {
        let _ = writeln!(out, "{report}");
        return report_status(&report);
    }
    match check::repair(data) {
        Ok((aside, after)) => {
            if let Some(aside) = aside {
                let _ = writeln!(out, "set aside in {}", Printable::line(&aside.to_string_lossy()));
            }
            for finding in after.findings.iter().filter(|finding| finding.severity == Severity::Damage) {
                let _ = writeln!(out, "not repaired: {finding}");
            }
            let _ = writeln!(out, "{after}");
            report_status(&after)
        }
        Err(error) => last_words(&error, error.hint(), error.exit_status()),
    }
}

fn report_status(report: &Report) -> ExitCode {
    if report.is_damaged() { ExitCode::from(status::DATA) } else { ExitCode::SUCCESS }
}

/// Says what a copy holds and what is damaged in it.
fn copied(result: Result<Report, BackupError>, place: &Path) -> ExitCode {
    let mut out = anstream::stdout().lock();
    match result {
        Ok(report) => {
            for finding in report.findings.iter().filter(|finding| finding.severity == Severity::Damage) {
                let _ = writeln!(out, "{finding}");
            }
            let _ = writeln!(out, "{}: {report}", Printable::line(&place.to_string_lossy()));
            report_status(&report)
        }
        Err(error) => {
            if let BackupError::Damaged { findings, .. } = &error {
                for finding in findings {
                    let _ = writeln!(out, "{finding}");
                }
            }
            last_words(&error, error.hint(), error.exit_status())
        }
    }
}

/// Prints a key file for paper, or reads one back.
fn keep_key(task: KeyTask) -> ExitCode {
    let done = match task {
        KeyTask::Export(export) => client::export_key(&export),
        KeyTask::Import(import, from) => {
            read_all(from.as_deref()).and_then(|text| client::import_key(&import, &text))
        }
    };
    match done {
        Ok(phrase) => said_lines(&[phrase.text().to_owned()]),
        Err(error) => ends_with(&error.last_words(), false, error.exit_status()),
    }
}

/// All of a file, or of standard input; what is not text is no form, which its reader says.
fn read_all(from: Option<&Path>) -> Result<String, KeyCopyError> {
    let limit = client::KEY_COPY_BYTES_MAX;
    let read = |from: &mut dyn Read| {
        let mut bytes = Vec::new();
        from.take(limit).read_to_end(&mut bytes).map(|_| String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = match from {
        Some(path) => File::open(path).and_then(|mut file| read(&mut file)),
        None => {
            if io::stdin().is_terminal() {
                let _ = writeln!(anstream::stderr(), "{}", client::form_is_typed().text());
            }
            read(&mut io::stdin().lock())
        }
    };
    let path = from.unwrap_or(Path::new("standard input"));
    text.map_err(|source| KeyCopyError::Read { path: path.to_owned(), source })
}

fn said_lines(lines: &[String]) -> ExitCode {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    written(io::stdout().write_all(text.as_bytes()))
}

fn written(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => last_words(&error, None, status::IO),
    }
}

/// Says why a client ends, in its person's language.
fn ends_with(last_words: &[Phrase], plain: bool, status: u8) -> ExitCode {
    let lines = terminal::last_lines(last_words, plain);
    let _ = anstream::stderr().lock().write_all(lines.as_bytes());
    ExitCode::from(status)
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
