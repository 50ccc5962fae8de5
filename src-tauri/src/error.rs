//! Engine errors as a window shows them.

use samplegate_core::audit::NotAQuestionId;
use samplegate_engine::{
    config::ConfigError,
    engine::{ConnectError, GrantError, HostError, ModelError, RecordError, ServerError, TryError},
    mcp::oauth::LoginError,
    pipeline::{NotProposed, OpinionError},
    review_queue::ActError,
    store::StoreError,
    wire::{ErrorCode, WireError},
};

/// A command's error: a code and a message.
pub(crate) struct CommandError(WireError);

impl serde::Serialize for CommandError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl CommandError {
    pub(crate) fn new(code: ErrorCode, message: impl ToString) -> Self {
        Self(WireError { code, message: message.to_string() })
    }
}

impl From<ActError> for CommandError {
    fn from(error: ActError) -> Self {
        let code = match error {
            ActError::Gone | ActError::Stale => ErrorCode::Stale,
            ActError::NoSuchModel(_) => ErrorCode::NotFound,
            ActError::NotAllowed(_)
            | ActError::NotTyped(_)
            | ActError::NotNow(_)
            | ActError::NotNowForCall(_)
            | ActError::Invalid(_)
            | ActError::Dialog(_)
            | ActError::OfAnotherKind
            | ActError::OnlyOnce(_) => ErrorCode::Invalid,
        };
        Self::new(code, error)
    }
}

impl From<OpinionError> for CommandError {
    fn from(error: OpinionError) -> Self {
        match error {
            OpinionError::NotNow(error) => error.into(),
            OpinionError::NoModel | OpinionError::Remote(_) => Self::new(ErrorCode::Invalid, error),
            OpinionError::Limit(_) | OpinionError::Unsupported(_) | OpinionError::Log(_) => {
                Self::new(ErrorCode::Failed, error)
            }
        }
    }
}

impl From<ServerError> for CommandError {
    fn from(error: ServerError) -> Self {
        let code = match error {
            ServerError::NotFound(_) => ErrorCode::NotFound,
            ServerError::NotShown(_) => ErrorCode::Stale,
            ServerError::Taken(_) | ServerError::Config(ConfigError::Invalid(_)) => ErrorCode::Invalid,
            ServerError::Secret(_) | ServerError::Login(LoginError::Secret(_)) => ErrorCode::Keychain,
            ServerError::NotReady(..)
            | ServerError::AppRuns(_)
            | ServerError::Config(_)
            | ServerError::Call(_)
            | ServerError::Login(_)
            | ServerError::Store(_) => ErrorCode::Failed,
        };
        Self::new(code, error)
    }
}

impl From<ConnectError> for CommandError {
    fn from(error: ConnectError) -> Self {
        let code = match error {
            ConnectError::Host(error) => return error.into(),
            ConnectError::NotShown => ErrorCode::Stale,
            ConnectError::NotHere(..)
            | ConnectError::Connected(_)
            | ConnectError::NotConnected(_)
            | ConnectError::Moved(_)
            | ConnectError::NotMovable(_) => ErrorCode::Invalid,
            ConnectError::NoCommand
            | ConnectError::NoBackup(_)
            | ConnectError::Note(_)
            | ConnectError::File(_)
            | ConnectError::Edit(..)
            | ConnectError::Undo(..) => ErrorCode::Failed,
        };
        Self::new(code, error)
    }
}

impl From<HostError> for CommandError {
    fn from(error: HostError) -> Self {
        let code = match error {
            HostError::NotFound(_) => ErrorCode::NotFound,
            HostError::Taken(_) | HostError::Config(ConfigError::Invalid(_)) => ErrorCode::Invalid,
            HostError::Config(_) | HostError::Random(_) => ErrorCode::Failed,
        };
        Self::new(code, error)
    }
}

impl From<RecordError> for CommandError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Server(error) => error.into(),
            RecordError::Host(error) => error.into(),
            RecordError::Store(error) => error.into(),
        }
    }
}

impl From<ModelError> for CommandError {
    fn from(error: ModelError) -> Self {
        let code = match error {
            ModelError::NotFound(..) => ErrorCode::NotFound,
            ModelError::Taken(_) | ModelError::Config(ConfigError::Invalid(_)) => ErrorCode::Invalid,
            ModelError::Secret(_) => ErrorCode::Keychain,
            ModelError::Config(_) => ErrorCode::Failed,
        };
        Self::new(code, error)
    }
}

impl From<GrantError> for CommandError {
    fn from(error: GrantError) -> Self {
        let code = if matches!(error, GrantError::NotFound(_)) { ErrorCode::NotFound } else { ErrorCode::Failed };
        Self::new(code, error)
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        let code = if matches!(error, ConfigError::Invalid(_)) { ErrorCode::Invalid } else { ErrorCode::Failed };
        Self::new(code, error)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let code = if matches!(error, StoreError::Unknown(_)) { ErrorCode::NotFound } else { ErrorCode::Failed };
        Self::new(code, error)
    }
}

impl From<NotAQuestionId> for CommandError {
    fn from(error: NotAQuestionId) -> Self {
        Self::new(ErrorCode::NotFound, error)
    }
}

impl From<NotProposed> for CommandError {
    fn from(error: NotProposed) -> Self {
        match error {
            NotProposed::Store(error) => error.into(),
            NotProposed::Pruned(_) | NotProposed::Refused(_) | NotProposed::Never(_) => {
                Self::new(ErrorCode::Invalid, error)
            }
        }
    }
}

impl From<TryError> for CommandError {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Rule(error) => error.into(),
            TryError::Store(error) => error.into(),
        }
    }
}
