//! Everything together: one running Samplegate, as the shells hold it.
//!
//! Data flow: `config.toml` → servers, models, rules; servers' questions → pipeline → queue; calls → servers. The
//! shells take [`Engine`], list and act, and read again when [`Engine::changes`] says so.

mod addresses;
mod calls;
mod changes;
mod confinement;
mod connect;
mod gateway;
mod grants;
mod host_calls;
mod hosts;
mod import;
mod logins;
mod models;
mod pins;
mod record;
mod roots;
mod rules;
mod servers;
mod status;
mod watchers;

use std::{
    ffi::OsString,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicU32},
};

use samplegate_core::{
    audit::{NewEvent, Place, QuestionId, Shown},
    canonical::Sha256Hex,
};
use serde_json::Value;
use tokio::sync::{broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use calls::{CallFailure, CallReport, Target};
pub use connect::ConnectError;
pub use gateway::GatewayState;
pub use grants::GrantError;
pub use hosts::HostError;
pub use logins::Login;
pub use models::ModelError;
pub use record::RecordError;
pub use rules::{LONGEST_DRY_RUN, TryError};
pub use servers::ServerError;
pub(crate) use servers::{gates, gates_view};

use crate::{
    config::{Config, ConfigError, Hold},
    home::Home,
    mcp::{BaseEnv, ClientSettings, Marks, Servers, Timing, confine::Surroundings, oauth::SignIns},
    pipeline::{Ends, OpinionError, Pipeline},
    provider,
    review_queue::{Desk, ReviewQueue},
    secrets::{SecretStore, Secrets},
    store::{Filter, Instance, Store, StoreError, close_interrupted},
    upstream::Upstream,
    wire::{Changed, GeneralSettings, TestReport, Topic},
};

/// What a shell brings: nothing in here reads the environment or the home directory.
pub struct Options {
    /// Where the files are.
    pub home: Home,
    /// What server processes get of our environment.
    pub base_env: BaseEnv,
    /// What confined servers must not reach.
    pub surroundings: Surroundings,
    /// This program, which understands the hidden `__spawn` and the `demo-server` commands.
    pub program: PathBuf,
    /// Who decides here.
    pub reviewer: String,
    /// Where they are shown questions.
    pub place: Place,
    /// The variable `BROWSER`: what opens the addresses that the person accepts; none: the system's.
    pub browser: Option<OsString>,
    /// Where secrets are kept.
    pub secrets: Arc<dyn SecretStore>,
    /// Whether changes of the configuration from outside that allow more wait here for a person.
    pub holds_changes: bool,
    /// Start only these servers; none: all that are enabled.
    pub only: Option<Vec<String>>,
}

/// Why Samplegate cannot start, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folders cannot be made.
    #[error("the home folder cannot be made: {0}")]
    Home(io::Error),
    /// The configuration is broken.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system refused something that every program needs.
    #[error("cannot start: {0}")]
    System(String),
}

/// A running Samplegate. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    config: Config,
    store: Store,
    queue: ReviewQueue,
    secrets: Secrets,
    models: provider::Client,
    pub(crate) servers: Arc<Servers>,
    sign_ins: SignIns,
    logins: logins::Logins,
    pipeline: Pipeline,
    changes: broadcast::Sender<Changed>,
    runs: calls::Runs,
    logs: servers::Logs,
    pins: pins::Pins,
    only: Option<Arc<[String]>>,
    options: Arc<Fixed>,
    stop: CancellationToken,
    tasks: TaskTracker,
    keychain: Arc<Mutex<Option<TestReport>>>,
    gateway: watch::Sender<GatewayState>,
    /// How many grants hold, as last read; for display.
    grants: Arc<AtomicU32>,
    first_run: bool,
    _instance: Arc<Instance>,
}

/// What does not change while it runs.
struct Fixed {
    home: Home,
    program: PathBuf,
    reviewer: String,
    place: Place,
    version: &'static str,
    client: ClientSettings,
}

impl Engine {
    /// Starts: opens configuration and log, closes what an earlier process left open, connects to the servers.
    ///
    /// # Errors
    /// The home, the configuration or the database cannot be used. Nothing was changed then.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        options.home.create().map_err(StartError::Home)?;
        let config = Config::open(&options.home.config_file())?;
        let store = Store::open(&options.home.database())?;
        let instance = Instance::acquire(&options.home.data).map_err(StartError::Home)?;
        close_interrupted(&store, &options.home.data, jiff::Timestamp::now()).await?;
        let changes =
            changes::Changes { store: store.clone(), reviewer: options.reviewer.clone(), place: options.place };
        let changes: Arc<dyn crate::config::Journal> = Arc::new(changes);
        let hold = Hold::new(&options.home.data, options.holds_changes).map_err(StartError::Home)?;
        config.begin(changes, hold)?;
        let first_run = store.list(Filter { limit: 1, ..Filter::default() }).await?.questions.is_empty();
        let (changes, _) = broadcast::channel(1024);
        let queue = ReviewQueue::new(Desk::new(config.clone()), changes.clone());
        let secrets = Secrets::new(options.secrets);
        let models = provider::Client::new(provider::Patience::default());
        let pipeline = Pipeline {
            config: config.clone(),
            store: store.clone(),
            queue: queue.clone(),
            secrets: secrets.clone(),
            models: models.clone(),
            reviewer: options.reviewer.clone(),
            place: options.place,
            browser: options.browser.clone(),
            instance: instance.id().to_owned(),
            log_trouble: Arc::default(),
            ends: Ends::default(),
            upstream: Upstream::default(),
            tail: TaskTracker::new(),
        };
        let version = env!("CARGO_PKG_VERSION");
        let marks = Marks::of_home(&options.home.data).map_err(StartError::Home)?;
        let mut client = ClientSettings::new("samplegate", version, options.base_env, marks);
        client.launcher = Some(options.program.clone());
        client.surroundings = options.surroundings;
        let sign_ins = SignIns::new(secrets.clone(), &options.home.data);
        client.sign_ins = Some(sign_ins.clone());
        let servers = Servers::new(client.clone(), Timing::default(), Arc::new(pipeline.clone()), secrets.clone())
            .map_err(|error| StartError::System(error.to_string()))?;
        let engine = Self {
            config,
            store,
            queue,
            secrets,
            models,
            servers: Arc::new(servers),
            sign_ins,
            logins: logins::Logins::default(),
            pipeline,
            changes,
            runs: calls::Runs::default(),
            logs: servers::Logs::default(),
            pins: pins::Pins::default(),
            only: options.only.map(Into::into),
            options: Arc::new(Fixed {
                home: options.home,
                program: options.program,
                reviewer: options.reviewer,
                place: options.place,
                version,
                client,
            }),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            keychain: Arc::default(),
            gateway: watch::Sender::default(),
            grants: Arc::default(),
            first_run,
            _instance: Arc::new(instance),
        };
        engine.read_pins().await?;
        engine.spawn_watchers();
        Ok(engine)
    }

    /// The questions that wait.
    pub fn queue(&self) -> &ReviewQueue {
        &self.queue
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The audit log.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The secrets of this home.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Told what to read again.
    pub fn changes(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }

    /// Logs that a question was really shown; the first time at each gate.
    ///
    /// # Errors
    /// The log cannot be written.
    pub async fn shown(&self, id: QuestionId, revision: u32) -> Result<(), StoreError> {
        self.log_shown(id, revision, self.options.place, |shown| (Sha256Hex::of_json(shown), None)).await
    }

    /// Logs what a notification said, before a decision that was taken in it is carried out. `whole`: it held all of
    /// what stands at the gate.
    ///
    /// # Errors
    /// The log cannot be written: then nothing may be approved.
    pub async fn shown_in_notification(
        &self,
        id: QuestionId,
        revision: u32,
        said: String,
        whole: bool,
    ) -> Result<(), StoreError> {
        self.log_shown(id, revision, Place::Notification, |shown| {
            let digest = if whole { Sha256Hex::of_json(shown) } else { Sha256Hex::of(said.as_bytes()) };
            (digest, Some(said))
        })
        .await
    }

    /// Asks the model that the person chose for its opinion of a request at its gate. `confirmed`: the person was told
    /// that the model is on another computer, and said yes for this question.
    ///
    /// # Errors
    /// Why it was not asked; nothing was sent then. What comes of asking is in [`SamplingView::opinion`].
    ///
    /// [`SamplingView::opinion`]: crate::wire::SamplingView::opinion
    pub async fn ask_opinion(&self, id: QuestionId, revision: u32, confirmed: bool) -> Result<(), OpinionError> {
        self.pipeline.ask_opinion(id, revision, confirmed).await
    }

    async fn log_shown(
        &self,
        id: QuestionId,
        revision: u32,
        place: Place,
        seen: impl FnOnce(&Value) -> (Sha256Hex, Option<String>),
    ) -> Result<(), StoreError> {
        let Some(shown) = self.queue.mark_shown(id, revision, place) else { return Ok(()) };
        let (sha256, text) = seen(&shown.content);
        let event = Shown { gate: shown.gate, place, sha256: Some(sha256), text };
        let logged = self.store.append(vec![NewEvent::new(id, jiff::Timestamp::now(), event)]).await;
        if logged.is_err() {
            // The next one to show it tries again.
            self.queue.unmark_shown(id, shown.gate, place);
        }
        logged.map(drop)
    }

    /// General settings.
    pub fn general(&self) -> GeneralSettings {
        let general = self.config.settings().general.clone();
        GeneralSettings {
            notifications: general.notifications,
            approve_from_notifications: general.approve_from_notifications,
            deadline_minutes: general.deadline_minutes,
            quick_replies: general.quick_replies,
            second_opinion: general.second_opinion,
        }
    }

    /// Saves general settings.
    ///
    /// # Errors
    /// The configuration is broken or cannot be written.
    pub fn save_general(&self, general: GeneralSettings) -> Result<(), ConfigError> {
        self.config.update(|settings| {
            settings.general = samplegate_core::settings::General {
                notifications: general.notifications,
                approve_from_notifications: general.approve_from_notifications,
                deadline_minutes: general.deadline_minutes,
                quick_replies: general.quick_replies,
                second_opinion: general.second_opinion.filter(|name| settings.models.contains_key(name)),
            };
            Ok(())
        })
    }

    /// Ends everything: open questions are withdrawn, servers end with us, the log gets its last words.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.servers.shutdown().await;
        self.tasks.close();
        self.pipeline.tail.close();
        self.tasks.wait().await;
        self.pipeline.tail.wait().await;
        self.config.end_guard();
    }

    fn tell(&self, topic: Topic, id: Option<String>) {
        // Nobody listening is no error.
        let _ = self.changes.send(Changed { topic, id });
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }
}
