//! The exit codes, which scripts rely on, and the errors that lead to them.

use std::process::ExitCode;

use samplegate_engine::{
    config::ConfigError,
    engine::{ConnectError, GrantError, HostError, ModelError, ServerError, StartError},
    mcp::oauth::LoginError,
    store::StoreError,
};

/// How the command ended. Of those that apply, the first one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The result is no error, whatever was refused on the way.
    Done,
    /// The call failed, and a question in it was denied.
    Denied,
    /// A model failed.
    Model,
    /// The server failed, or its tool returned an error of its own.
    Server,
    /// The command was not understood, or names something unknown.
    Usage,
    /// Our own failure.
    Own,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Own => 1,
            Exit::Usage => 2,
            Exit::Denied => 3,
            Exit::Model => 4,
            Exit::Server => 5,
        })
    }
}

/// An error for stderr, and the exit code it leads to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl ToString) -> Self {
        Self { exit, message: message.to_string() }
    }

    pub(crate) fn usage(message: impl ToString) -> Self {
        Self::new(Exit::Usage, message)
    }
}

impl From<&ServerError> for Exit {
    fn from(error: &ServerError) -> Self {
        match error {
            ServerError::NotFound(_)
            | ServerError::Taken(_)
            | ServerError::NotShown(_)
            | ServerError::Config(ConfigError::Invalid(_)) => Self::Usage,
            ServerError::Login(LoginError::NotRemote | LoginError::OwnHeader | LoginError::PlainHttp) => Self::Usage,
            ServerError::Login(
                LoginError::Port(_)
                | LoginError::Secret(_)
                | LoginError::Log(_)
                | LoginError::Cancelled
                | LoginError::TimedOut,
            ) => Self::Own,
            ServerError::NotReady(..) | ServerError::Call(_) | ServerError::Login(_) => Self::Server,
            ServerError::AppRuns(_) | ServerError::Config(_) | ServerError::Secret(_) | ServerError::Store(_) => {
                Self::Own
            }
        }
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        Self::new(Exit::from(&error), error)
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        let exit = match &error {
            ModelError::NotFound(..) | ModelError::Taken(_) | ModelError::Config(ConfigError::Invalid(_)) => {
                Exit::Usage
            }
            ModelError::Config(_) | ModelError::Secret(_) => Exit::Own,
        };
        Self::new(exit, error)
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        let exit = match &error {
            HostError::NotFound(_) | HostError::Taken(_) | HostError::Config(ConfigError::Invalid(_)) => Exit::Usage,
            HostError::Config(_) | HostError::Random(_) => Exit::Own,
        };
        Self::new(exit, error)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Host(error) => error.into(),
            ConnectError::NotHere(..)
            | ConnectError::Connected(_)
            | ConnectError::NotConnected(_)
            | ConnectError::Moved(_)
            | ConnectError::NotMovable(_)
            | ConnectError::NotShown => Self::new(Exit::Usage, error),
            ConnectError::NoCommand
            | ConnectError::NoBackup(_)
            | ConnectError::Note(_)
            | ConnectError::File(_)
            | ConnectError::Edit(..)
            | ConnectError::Undo(..) => Self::new(Exit::Own, error),
        }
    }
}

impl From<GrantError> for Failure {
    fn from(error: GrantError) -> Self {
        let exit = if matches!(error, GrantError::NotFound(_)) { Exit::Usage } else { Exit::Own };
        Self::new(exit, error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = if matches!(error, StoreError::Unknown(_)) { Exit::Usage } else { Exit::Own };
        Self::new(exit, error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(Exit::Own, error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            // Whoever reads our output has seen enough.
            std::io::ErrorKind::BrokenPipe => Self::new(Exit::Done, ""),
            _ => Self::new(Exit::Own, error),
        }
    }
}
