//! `--durability`: what `stored` means on this server.

use clap::ValueEnum;
use serde::Deserialize;

use crate::server::Durability;

/// When a message is said to be stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DurabilitySetting {
    /// Once the disk has it: a power cut loses nothing
    #[default]
    Disk,
    /// Once the operating system has it: faster, and a power cut may lose the last half minute
    Os,
}

impl From<DurabilitySetting> for Durability {
    fn from(setting: DurabilitySetting) -> Self {
        match setting {
            DurabilitySetting::Disk => Self::Disk,
            DurabilitySetting::Os => Self::Os,
        }
    }
}
