//! Models and their keys.

use samplegate_core::{
    model_format::{self, PROVIDERS},
    settings::{HUMAN, InvalidSetting, KeySource, Model, check_name},
};
use secrecy::SecretString;

use super::Engine;
use crate::{
    config::ConfigError,
    pipeline::key_name,
    secrets::SecretError,
    wire::{FoundModels, KeyInput, KeyState, ModelInput, ModelView, ProviderOption, TestReport},
};

/// Why a model or a rule could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is none of that name.
    #[error("there is no {0} {1:?}")]
    NotFound(&'static str, String),
    /// There is one of that name already.
    #[error("there is a model {0:?} already")]
    Taken(String),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keychain.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl From<InvalidSetting> for ModelError {
    fn from(error: InvalidSetting) -> Self {
        Self::Config(error.into())
    }
}

impl Engine {
    /// The models, by name.
    pub fn list_models(&self) -> Vec<ModelView> {
        let settings = self.config.settings();
        settings
            .models
            .iter()
            .map(|(name, model)| ModelView {
                name: name.clone(),
                provider: model.provider.clone(),
                base_url: model.base_url.clone().unwrap_or_else(|| {
                    model_format::provider(&model.provider).map_or(String::new(), |provider| provider.base_url.into())
                }),
                model: model.model.clone(),
                key: match &model.key {
                    KeySource::None => KeyState::None,
                    KeySource::Keychain => KeyState::Keychain,
                    KeySource::Memory if self.secrets.remembered(&key_name(name)).is_some() => KeyState::Memory,
                    KeySource::Memory => KeyState::Missing,
                    KeySource::Command(_) => KeyState::Command,
                },
                is_default: settings.default_model == *name,
            })
            .collect()
    }

    /// The providers that can be chosen.
    pub fn list_providers(&self) -> Vec<ProviderOption> {
        PROVIDERS
            .iter()
            .map(|provider| ProviderOption {
                name: provider.name.into(),
                title: provider.label.into(),
                base_url: provider.base_url.into(),
                needs_key: provider.needs_key,
            })
            .collect()
    }

    /// Saves a model: a new one, or in place of `original`. The key goes where it is told to, before the file changes.
    ///
    /// # Errors
    /// The name is taken or not valid, the provider is unknown, the keychain cannot be used, or the configuration
    /// cannot be written.
    pub async fn save_model(&self, original: Option<&str>, input: ModelInput) -> Result<(), ModelError> {
        check_name(&input.name)?;
        if input.name == HUMAN {
            return Err(InvalidSetting("\"human\" means the person: choose another name".into()).into());
        }
        if model_format::provider(&input.provider).is_none() {
            let known: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name).collect();
            return Err(InvalidSetting(format!(
                "there is no provider {:?}; there are {}",
                input.provider,
                known.join(", ")
            ))
            .into());
        }
        let settings = self.config.settings();
        if original != Some(input.name.as_str()) && settings.models.contains_key(&input.name) {
            return Err(ModelError::Taken(input.name));
        }
        let old = match original {
            Some(name) => {
                Some(settings.models.get(name).ok_or_else(|| ModelError::NotFound("model", name.into()))?.clone())
            }
            None => None,
        };
        let entry = key_name(&input.name);
        let key = match input.key {
            KeyInput::None => KeySource::None,
            KeyInput::Command(command) => KeySource::Command(command),
            KeyInput::Keychain(key) => {
                self.secrets.set(&entry, SecretString::from(key)).await?;
                KeySource::Keychain
            }
            KeyInput::Memory(key) => {
                self.secrets.remember(&entry, SecretString::from(key));
                KeySource::Memory
            }
            KeyInput::Keep => match (&old, original) {
                (Some(old), Some(name)) => {
                    if name != input.name && matches!(old.key, KeySource::Keychain) {
                        if let Some(kept) = self.secrets.get(&key_name(name)).await? {
                            self.secrets.set(&entry, kept).await?;
                        }
                    } else if name != input.name
                        && let Some(kept) = self.secrets.remembered(&key_name(name))
                    {
                        self.secrets.remember(&entry, kept);
                    }
                    old.key.clone()
                }
                (_, _) => return Err(InvalidSetting("a new model needs a key, or none".into()).into()),
            },
        };
        let stored = key == KeySource::Keychain;
        let model = Model {
            provider: input.provider,
            base_url: input.base_url.filter(|url| !url.trim().is_empty()),
            model: input.model.trim().to_owned(),
            key,
        };
        let name = input.name.clone();
        self.config.update(|settings| {
            if let Some(original) = original {
                settings.models.remove(original);
                if settings.default_model == original {
                    settings.default_model.clone_from(&input.name);
                }
                if settings.general.second_opinion.as_deref() == Some(original) {
                    settings.general.second_opinion = Some(input.name.clone());
                }
            }
            settings.models.insert(input.name, model);
            Ok::<_, ModelError>(())
        })?;
        // A key that is not used any more must not stay behind.
        if let (Some(original), Some(old)) = (original, old)
            && old.key == KeySource::Keychain
            && (original != name || !stored)
        {
            self.secrets.remove(&key_name(original)).await?;
        }
        Ok(())
    }

    /// Removes a model and its key.
    ///
    /// # Errors
    /// There is none of that name, or the keychain or the configuration cannot be written.
    pub async fn remove_model(&self, name: &str) -> Result<(), ModelError> {
        let settings = self.config.settings();
        let model = settings.models.get(name).ok_or_else(|| ModelError::NotFound("model", name.into()))?;
        // The key first: were it the other way round, a failure would leave a key that nothing names.
        if matches!(model.key, KeySource::Keychain | KeySource::Memory) {
            match self.secrets.remove(&key_name(name)).await {
                Err(error) if model.key == KeySource::Keychain => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        self.config.update(|settings| {
            settings.models.remove(name);
            if settings.default_model == name {
                settings.default_model = HUMAN.into();
            }
            if settings.general.second_opinion.as_deref() == Some(name) {
                settings.general.second_opinion = None;
            }
            Ok(())
        })
    }

    /// Makes a model, or `human`, the default.
    ///
    /// # Errors
    /// There is none of that name, or the configuration cannot be written.
    pub fn set_default_model(&self, name: &str) -> Result<(), ModelError> {
        self.config.update(|settings| {
            if name != HUMAN && !settings.models.contains_key(name) {
                return Err(ModelError::NotFound("model", name.into()));
            }
            settings.default_model = name.into();
            Ok(())
        })
    }

    /// Chooses the model that is asked for second opinions; none: they are not offered.
    ///
    /// # Errors
    /// There is none of that name, or the configuration cannot be written.
    pub fn set_second_opinion(&self, name: Option<&str>) -> Result<(), ModelError> {
        self.config.update(|settings| {
            if let Some(name) = name.filter(|name| !settings.models.contains_key(*name)) {
                return Err(ModelError::NotFound("model", name.into()));
            }
            settings.general.second_opinion = name.map(ToOwned::to_owned);
            Ok(())
        })
    }

    /// Looks whether a model's key is where it should be, without using it. A key command is not run.
    pub async fn check_key(&self, name: &str) -> TestReport {
        let settings = self.config.settings();
        let found = match settings.models.get(name).map(|model| &model.key) {
            None => Err(format!("there is no model {name:?}")),
            Some(KeySource::None) => Ok("needs no key".into()),
            Some(KeySource::Command(command)) => Ok(format!("its key comes from `{command}` at each call")),
            Some(KeySource::Keychain | KeySource::Memory) => {
                self.pipeline.key(name).await.map(|_| "its key is there".into())
            }
        };
        match found {
            Ok(message) => TestReport { ok: true, message },
            Err(message) => TestReport { ok: false, message },
        }
    }

    /// Asks a model for one word, and says what was seen. Costs a few tokens; only when a person asks for it.
    pub async fn test_model(&self, name: &str) -> TestReport {
        match self.try_model(name).await {
            Ok(message) => TestReport { ok: true, message },
            Err(message) => TestReport { ok: false, message },
        }
    }

    async fn try_model(&self, name: &str) -> Result<String, String> {
        let settings = self.config.settings();
        let model = settings.models.get(name).ok_or_else(|| format!("there is no model {name:?}"))?;
        let provider = model_format::provider(&model.provider)
            .ok_or_else(|| format!("the provider {:?} is not one of those Samplegate knows", model.provider))?;
        let key = self.pipeline.key(name).await?;
        let asked = self.models.test(provider, model.base_url.as_deref(), &model.model, key.as_ref());
        let reported = asked.await.map_err(|error| error.to_string())?;
        Ok(format!("{} answers", reported.as_ref().unwrap_or(&model.model)))
    }

    /// Looks for model servers at the usual local ports. Only when a person asks for it.
    pub async fn find_local_models(&self) -> Vec<FoundModels> {
        let usual = [
            ("Ollama", "ollama", "http://127.0.0.1:11434"),
            ("LM Studio", "openai", "http://127.0.0.1:1234/v1"),
            ("llama.cpp", "openai", "http://127.0.0.1:8080/v1"),
        ];
        let looks = usual.map(|(title, provider, base_url)| async move {
            let known = model_format::provider(provider)?;
            let look = self.models.list_models(known, Some(base_url), None);
            let models = tokio::time::timeout(std::time::Duration::from_secs(2), look).await.ok()?.ok()?;
            Some(FoundModels { title: title.into(), provider: provider.into(), base_url: base_url.into(), models })
        });
        futures::future::join_all(looks).await.into_iter().flatten().collect()
    }
}
