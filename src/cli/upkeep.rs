//! The commands that look after a data folder besides serving from it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is done to a data folder besides serving from it.
#[derive(Debug, Subcommand)]
pub enum Upkeep {
    /// Looks at every file of a data folder that no server runs on; status 65 when something is damaged
    Check {
        /// Which folder.
        #[command(flatten)]
        folder: DataFolder,
        /// Set aside what is damaged, and leave every whole line and entry where it is
        #[arg(long)]
        repair: bool,
    },
    /// Copies a data folder whole, also while its server runs
    Backup {
        /// Which folder.
        #[command(flatten)]
        folder: DataFolder,
        /// A folder that is not there yet; or a file, if its name ends in .tar
        #[arg(long, value_name = "FILE_OR_DIR")]
        to: PathBuf,
    },
    /// Puts a backup where no data folder is, once it is seen to be whole
    Restore {
        /// The backup, folder or file
        #[arg(long, value_name = "FILE_OR_DIR")]
        from: PathBuf,
        /// Which folder.
        #[command(flatten)]
        folder: DataFolder,
    },
}

/// The folder that it is about.
#[derive(Debug, Args)]
pub struct DataFolder {
    /// The folder of accounts, keys and conversations
    #[arg(long, value_name = "DIR", env = "SECURECHAT_DATA", default_value = "data")]
    pub data: PathBuf,
}
