//! `/passwd`: a new password, without a moment in which no key file works.
//!
//! The new key file is on disk beside the old one before the server is told; only after its answer
//! does it take the old one's place. After a crash in between, the login tries both.

use super::{
    account::ask_password,
    app::{App, Flow},
    error::ClientError,
    words,
};
use crate::{
    crypto::key_file::{KeyFile, KeyFileError, Password, Unlocked},
    wire::{ErrorCode, Event, Request},
};

impl App<'_> {
    pub(super) fn change_password(&mut self) -> Result<Flow, ClientError> {
        let Some(current) = ask_password(self.desk, words::CURRENT_PASSWORD_QUESTION, false)? else {
            return Ok(Flow::End);
        };
        if !self.opens_key_file(&current)? {
            self.desk.show(words::WRONG_LOGIN);
            return Ok(Flow::Continue);
        }
        let Some(password) = ask_password(self.desk, words::NEW_PASSWORD_QUESTION, true)? else {
            return Ok(Flow::End);
        };
        let (key_file, keys) = self.keys.with_new_password(&self.me, &password, self.key_file_cost)?;
        self.folder.put_new_key_file(&key_file)?;
        let (login_key, exporter) = (keys.login.public(), self.connection.exporter());
        let signature = self.keys.login.sign_change(&self.me, &login_key, &exporter);
        let is_answer =
            |event: &Event| matches!(event, Event::PasswordChanged {} | Event::Error { peer: None, .. });
        // Known to the login after a lost connection: nobody else could tell which of the two is in force.
        self.changing = Some(keys);
        let answer = self.ask_server(&Request::ChangePassword { login_key, signature }, is_answer)?;
        let keys = self.changing.take();
        match (answer, keys) {
            (Event::PasswordChanged {}, Some(keys)) => self.adopt(keys)?,
            (Event::Error { code, .. }, _) => {
                self.folder.drop_new_key_file(&self.me)?;
                let text = match code {
                    ErrorCode::Storage => words::SERVER_COULD_NOT_STORE.into(),
                    code => words::refusal(code, None),
                };
                self.desk.warn(&text);
            }
            _ => return Err(ClientError::Protocol("it did not answer a change of password")),
        }
        Ok(Flow::Continue)
    }

    /// The server has the new login key.
    pub(super) fn adopt(&mut self, keys: Unlocked) -> Result<(), ClientError> {
        self.folder.adopt_new_key_file(&self.me)?;
        self.keys = keys;
        self.desk.show(&words::password_changed(&self.door.export_command(&self.me)));
        Ok(())
    }

    /// After a lost connection the old login key was right. If a change was under way, it was not made and
    /// will not be, and the new key file goes.
    pub(super) fn settle_unchanged(&mut self) -> Result<(), ClientError> {
        if self.changing.take().is_some() {
            self.folder.drop_new_key_file(&self.me)?;
            self.desk.warn(words::PASSWORD_NOT_CHANGED);
        }
        Ok(())
    }

    /// Whoever sits here now knows the password, and did not just find the terminal open.
    fn opens_key_file(&self, password: &Password) -> Result<bool, ClientError> {
        let files = self.folder.key_files(&self.me)?;
        let Some((key_file, _)) = files.into_iter().next() else { return Ok(false) };
        match KeyFile::open(&key_file, password) {
            Ok(_) => Ok(true),
            Err(KeyFileError::WrongPassword) => Ok(false),
            Err(source) => Err(source.into()),
        }
    }
}
