//! The configuration files of known hosts: where they are, and reading and writing them. The one door to them.
//!
//! Data flow: what a shell brings ([`HostFiles`]) → [`places::Folders::of`] → [`files::read`] → `core::host_files`, which
//! knows the formats. Nothing is read before a person asks, and nothing is written that was not shown.
//!
//! Deliberately absent: any other file of a host. Sessions, histories and credentials are not looked at.

pub mod files;
pub mod places;

use std::path::{Path, PathBuf};

pub use places::{Folders, Place, Platform};

/// What a shell brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFiles {
    /// Where hosts keep their files.
    pub folders: Folders,
    /// The terminal command, by which a host starts the bridge: an absolute path. None: it was not found.
    pub command: Option<PathBuf>,
}

impl HostFiles {
    /// The terminal command beside this program; this program itself, if it is that.
    pub fn command_beside(program: &Path) -> Option<PathBuf> {
        let name = format!("samplegate{}", std::env::consts::EXE_SUFFIX);
        let command = program.parent()?.join(name);
        (command.is_absolute() && command.is_file()).then_some(command)
    }
}
