//! Where one Samplegate keeps its files. Paths come in as values: the binaries know the platform's directories.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The keychain service of the platform's directories.
const SERVICE: &str = "Samplegate";

/// The folders of one home, and the name its keychain entries carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Holds `config.toml`.
    pub config: PathBuf,
    /// Holds `samplegate.db`, and the lock files of running instances: whoever finds the one must find the others.
    pub data: PathBuf,
    /// Holds files that nothing depends on after the session.
    pub runtime: PathBuf,
    /// The keychain service: one per home, so two homes never share a key.
    pub keychain_service: String,
}

impl Home {
    /// Everything under one folder, as `--home` has it.
    ///
    /// # Errors
    /// The folder's absolute path cannot be told (the current folder is gone).
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let folder = std::path::absolute(folder)?;
        Ok(Self {
            keychain_service: format!("{SERVICE} ({})", folder.display()),
            config: folder.clone(),
            data: folder.clone(),
            runtime: folder.join("run"),
        })
    }

    /// The platform's directories.
    pub fn in_directories(config: PathBuf, data: PathBuf, runtime: PathBuf) -> Self {
        Self { config, data, runtime, keychain_service: SERVICE.into() }
    }

    /// The one folder that all of it is under; none: it is in the platform's directories.
    pub fn folder(&self) -> Option<&Path> {
        (self.keychain_service != SERVICE).then_some(&self.config)
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.data.join("samplegate.db")
    }

    /// Its folders.
    pub fn folders(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.config.clone(), self.data.clone(), self.runtime.clone()];
        // A configuration that is a link is where it leads.
        let linked = self.config_file();
        folders.extend(linked.is_symlink().then_some(linked));
        folders
    }

    /// Creates the folders, readable by this user only.
    ///
    /// # Errors
    /// A folder cannot be created.
    pub fn create(&self) -> io::Result<()> {
        for folder in [&self.config, &self.data, &self.runtime] {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(folder)?;
        }
        Ok(())
    }
}
