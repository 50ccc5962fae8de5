//! A model, and where its key is.

use serde::{Deserialize, Serialize};

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The provider: openai, anthropic, gemini, ollama, …
    pub provider: String,
    /// The base URL; absent: the provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The provider's model id.
    pub model: String,
    /// Where its key is.
    #[serde(default)]
    pub key: KeySource,
}

/// Where a model's key is: `"none"`, `"keychain"`, `"memory"` or `{ command = "…" }`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeySource {
    /// It needs none.
    None,
    /// In the OS keychain.
    #[default]
    Keychain,
    /// In the desktop app's memory, for one run.
    Memory,
    /// Printed by this command, run at call time.
    Command(String),
}
