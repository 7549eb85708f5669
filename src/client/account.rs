//! The account: making one, or logging in to one. Ends logged in, or with the person gone.

use super::{
    ClientConfig,
    connection::Connection,
    desk::Desk,
    door::Door,
    error::ClientError,
    home::{HomeError, ServerFolder},
    phrase::Sentence,
    register::{register, register_again},
    scripts::PasswordSource,
    words,
};
use crate::{
    crypto::key_file::{KeyFileError, Password, Unlocked},
    transport::TransportError,
    wire::{ErrorCode, Event, Registration, Request, Username},
};

/// Somebody logged in.
pub(super) struct LoggedIn {
    pub(super) name: Username,
    pub(super) keys: Unlocked,
    pub(super) connection: Connection,
}

/// What one try at an account came to.
pub(super) enum Try {
    Done(Box<LoggedIn>),
    Again,
    End,
}

/// What the command line says, and need not be asked.
pub(super) struct Given {
    user: Option<Username>,
    /// Used once: whoever is wrong is not wrong again.
    pub(super) password: Option<Password>,
}

/// Asks until somebody is logged in; `None` when the input ended.
pub(super) fn enter(
    config: &ClientConfig,
    folder: &ServerFolder,
    door: &mut Door<'_>,
    desk: &mut Desk,
) -> Result<Option<LoggedIn>, ClientError> {
    let password = config.password.as_ref().map(PasswordSource::read).transpose()?;
    let mut given = Given { user: config.user.clone(), password };
    let has_account = match &given.user {
        Some(_) => true,
        None => match ask_for_account(door, desk)? {
            Some(has_account) => has_account,
            None => return Ok(None),
        },
    };
    let mut invitation = None;
    loop {
        let tried = if has_account {
            log_in(folder, door, desk, &mut given)?
        } else {
            register(config, folder, door, desk, &mut given, &mut invitation)?
        };
        match tried {
            Try::Done(logged_in) => return Ok(Some(*logged_in)),
            Try::Again => {}
            Try::End => return Ok(None),
        }
    }
}

/// Whether there is an account already; `None` when the input ended.
fn ask_for_account(door: &Door<'_>, desk: &mut Desk) -> Result<Option<bool>, ClientError> {
    loop {
        let Some(answer) = desk.ask(words::ACCOUNT_QUESTION)? else { return Ok(None) };
        if words::is_yes(&answer) {
            return Ok(Some(true));
        }
        if words::is_no(&answer) {
            if door.registration() != Registration::Closed {
                return Ok(Some(false));
            }
            desk.show(words::REGISTRATION_CLOSED);
        }
    }
}

pub(super) fn ask_name(desk: &mut Desk) -> Result<Option<Username>, ClientError> {
    loop {
        let Some(typed) = desk.ask(words::USERNAME_QUESTION)? else { return Ok(None) };
        match Username::from_typed(&typed) {
            Ok(name) => return Ok(Some(name)),
            Err(error) => desk.show(&words::not_valid(&error)),
        }
    }
}

/// Asks for a password that is not empty, twice on a terminal when it is a new one.
pub(super) fn ask_password(
    desk: &mut Desk,
    question: Sentence,
    new: bool,
) -> Result<Option<Password>, ClientError> {
    loop {
        let Some(typed) = desk.ask_secret(question)? else { return Ok(None) };
        let Some(password) = Password::new(typed) else {
            desk.show(words::PASSWORD_EMPTY);
            continue;
        };
        if new && desk.hides_secrets() {
            let Some(repeated) = desk.ask_secret(words::REPEAT_QUESTION)? else { return Ok(None) };
            if Password::new(repeated).is_none_or(|repeated| !repeated.is_same_as(&password)) {
                desk.show(words::PASSWORDS_DIFFER);
                continue;
            }
        }
        return Ok(Some(password));
    }
}

fn log_in(
    folder: &ServerFolder,
    door: &mut Door<'_>,
    desk: &mut Desk,
    given: &mut Given,
) -> Result<Try, ClientError> {
    let name = match &given.user {
        Some(user) => user.clone(),
        None => match ask_name(desk)? {
            Some(name) => name,
            None => return Ok(Try::End),
        },
    };
    let is_given = given.password.is_some();
    let password = match given.password.take() {
        Some(password) => password,
        None => match ask_password(desk, words::PASSWORD_QUESTION, false)? {
            Some(password) => password,
            None => return Ok(Try::End),
        },
    };
    let key_files = match folder.key_files(&name) {
        Ok(key_files) => key_files,
        Err(error @ (HomeError::NoKeyFile { .. } | HomeError::KeyFile { .. })) if given.user.is_none() => {
            let error = ClientError::Home(error);
            desk.show(&words::trouble(&error));
            return Ok(Try::Again);
        }
        Err(error) => return Err(error.into()),
    };
    // After a crash in the middle of a password change there are two: the new one is tried first.
    let both = key_files.len() == 2;
    for (key_file, waiting) in key_files {
        if *key_file.username() != name {
            continue;
        }
        let keys = match key_file.open(&password) {
            Ok(keys) => keys,
            Err(KeyFileError::WrongPassword) => continue,
            Err(source) => return Err(source.into()),
        };
        let Some(connection) = present(&name, &keys, door)? else {
            let registered = if waiting && !both { register_again(&name, &keys, door, desk)? } else { None };
            if let Some(connection) = registered {
                folder.adopt_new_key_file(&name)?;
                desk.show(&words::account_created(&folder.key_file_path(&name), &door.export_command(&name)));
                return Ok(Try::Done(Box::new(LoggedIn { name, keys, connection })));
            }
            continue;
        };
        settle_key_files(folder, &name, (waiting, both))?;
        return Ok(Try::Done(Box::new(LoggedIn { name, keys, connection })));
    }
    if is_given {
        return Err(ClientError::WrongLogin);
    }
    desk.show(words::WRONG_LOGIN);
    Ok(Try::Again)
}

/// One of the key files logged in: the other is not in force, and never will be. A change of password that
/// was on its way in an older connection is not carried out any more once a login is answered.
fn settle_key_files(
    folder: &ServerFolder,
    name: &Username,
    (waiting, both): (bool, bool),
) -> Result<(), HomeError> {
    if waiting {
        folder.adopt_new_key_file(name)
    } else if both {
        folder.drop_new_key_file(name)
    } else {
        Ok(())
    }
}

fn present(name: &Username, keys: &Unlocked, door: &mut Door<'_>) -> Result<Option<Connection>, ClientError> {
    let connection = door.fresh()?;
    if log_in_with(&connection, name, keys)? {
        return Ok(Some(connection));
    }
    door.keep(connection);
    Ok(None)
}

/// Logs in with keys that are open already; false when the server says that name or key is wrong.
pub(super) fn log_in_with(
    connection: &Connection,
    name: &Username,
    keys: &Unlocked,
) -> Result<bool, ClientError> {
    let signature = keys.login.sign_login(name, &connection.exporter());
    connection.send(&Request::Login { username: name.clone(), signature })?;
    match connection.answer()? {
        Event::LoggedIn {} => Ok(true),
        Event::Error { code: ErrorCode::WrongUsernameOrPassword, .. } => Ok(false),
        Event::Error { code: ErrorCode::TooManyAttempts, .. } => Err(ClientError::TooManyAttempts),
        Event::Error { code: ErrorCode::TooSlow, .. } => {
            Err(ClientError::Lost(Some(TransportError::TimedOut)))
        }
        _ => Err(ClientError::Protocol("it did not answer a login")),
    }
}
