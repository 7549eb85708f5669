//! A new account: its name, its password, an invitation code where the server asks for one, its key file.

use super::{
    ClientConfig,
    account::{Given, LoggedIn, Try, ask_name, ask_password},
    connection::Connection,
    desk::Desk,
    door::Door,
    error::ClientError,
    home::ServerFolder,
    phrase::Phrase,
    words,
};
use crate::{
    crypto::key_file::{KeyFile, Unlocked},
    wire::{ErrorCode, Event, InvitationCode, Registration, Request, Username},
};

/// What the server made of a registration.
enum Registered {
    Done(Connection),
    /// No, and why in words.
    No(Phrase),
    /// The person's input ended.
    End,
}

/// One try to make an account. A code that was typed is kept for the next try: it may be another name's.
pub(super) fn register(
    config: &ClientConfig,
    folder: &ServerFolder,
    door: &mut Door<'_>,
    desk: &mut Desk,
    given: &mut Given,
    invitation: &mut Option<InvitationCode>,
) -> Result<Try, ClientError> {
    let Some(name) = ask_name(desk)? else { return Ok(Try::End) };
    if let Some(path) = folder.existing_key_file(&name) {
        desk.show(&words::key_file_is_there(&name, &path));
        return Ok(Try::Again);
    }
    let password = match given.password.take() {
        Some(password) => password,
        None => match ask_password(desk, words::PASSWORD_QUESTION, true)? {
            Some(password) => password,
            None => return Ok(Try::End),
        },
    };
    if door.registration() == Registration::Invite && invitation.is_none() {
        *invitation = ask_invitation(desk)?;
        if invitation.is_none() {
            return Ok(Try::End);
        }
    }
    let (key_file, keys) = KeyFile::create(&name, &password, config.key_file_cost)?;
    // On disk before the server hears of it: no account can exist whose key file was lost.
    folder.put_new_key_file(&key_file)?;
    let registered = match present(&name, &keys, door, desk, invitation) {
        // These say for certain that no account was made. After others there may be one.
        Err(
            error @ (ClientError::TooManyAttempts
            | ClientError::Connect { .. }
            | ClientError::TurnedAway { .. }
            | ClientError::ServerKeyChanged { .. }
            | ClientError::Version { .. }),
        ) => {
            folder.drop_new_key_file(&name)?;
            return Err(error);
        }
        registered => registered?,
    };
    match registered {
        Registered::Done(connection) => {
            folder.adopt_new_key_file(&name)?;
            desk.show(&words::account_created(&folder.key_file_path(&name), &door.export_command(&name)));
            if desk.is_interactive() {
                desk.show(words::WHAT_THERE_IS);
            }
            Ok(Try::Done(Box::new(LoggedIn { name, keys, connection })))
        }
        Registered::No(why) => {
            folder.drop_new_key_file(&name)?;
            desk.show(&why);
            Ok(Try::Again)
        }
        Registered::End => {
            folder.drop_new_key_file(&name)?;
            Ok(Try::End)
        }
    }
}

/// A registration that was cut short left a key file which the server does not know: it is made now.
/// `None` when the server does not make it: the name is somebody else's, or there is no code for it.
pub(super) fn register_again(
    name: &Username,
    keys: &Unlocked,
    door: &mut Door<'_>,
    desk: &mut Desk,
) -> Result<Option<Connection>, ClientError> {
    let mut invitation = None;
    if door.registration() == Registration::Invite {
        invitation = ask_invitation(desk)?;
        if invitation.is_none() {
            return Ok(None);
        }
    }
    match present(name, keys, door, desk, &mut invitation)? {
        Registered::Done(connection) => Ok(Some(connection)),
        Registered::No(_) | Registered::End => Ok(None),
    }
}

/// Hands the registration in; a code that is none is asked for again.
fn present(
    name: &Username,
    keys: &Unlocked,
    door: &mut Door<'_>,
    desk: &mut Desk,
    invitation: &mut Option<InvitationCode>,
) -> Result<Registered, ClientError> {
    loop {
        let connection = door.fresh()?;
        let signature = keys.login.sign_register(name, &connection.exporter());
        let request = Request::Register {
            username: name.clone(),
            login_key: keys.login.public(),
            signature,
            invitation: *invitation,
        };
        let answer = connection.send(&request).and_then(|()| connection.answer());
        if let Err(ClientError::Lost(_) | ClientError::Stopping) = answer {
            desk.show(words::ACCOUNT_UNSURE);
        }
        let code = match answer? {
            Event::LoggedIn {} => return Ok(Registered::Done(connection)),
            Event::Error { code, .. } => code,
            _ => return Err(ClientError::Protocol("it did not answer a registration")),
        };
        let why = match code {
            ErrorCode::BadInvitation => {
                // What is typed now may take longer than the server waits.
                door.keep(connection);
                desk.show(words::BAD_INVITATION);
                *invitation = ask_invitation(desk)?;
                if invitation.is_none() {
                    return Ok(Registered::End);
                }
                continue;
            }
            ErrorCode::NameTaken => words::name_taken(name),
            ErrorCode::Storage
            | ErrorCode::RegistrationClosed
            | ErrorCode::TooManyRegistrations
            | ErrorCode::TooSlow => words::refusal(code, None),
            ErrorCode::TooManyAttempts => return Err(ClientError::TooManyAttempts),
            _ => return Err(ClientError::Protocol("it did not answer a registration")),
        };
        door.keep(connection);
        return Ok(Registered::No(why));
    }
}

/// Asks until what is typed has the form of a code; `None` when the input ended.
fn ask_invitation(desk: &mut Desk) -> Result<Option<InvitationCode>, ClientError> {
    loop {
        let Some(typed) = desk.ask(words::INVITATION_QUESTION)? else { return Ok(None) };
        match typed.parse::<InvitationCode>() {
            Ok(code) => return Ok(Some(code)),
            Err(error) => desk.show(&words::not_valid(&error)),
        }
    }
}
