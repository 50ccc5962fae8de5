//! What is kept of a sign-in: in the keychain, one entry for each server; and a file beside the database that says,
//! without any secret, that there is one.
//!
//! The file is what several processes of one home go by: who signs in, renews or signs out writes it anew, and who finds
//! another file than it knows reads the keychain again. It is also the lock under which a refresh token is used, since
//! using one twice can end the whole sign-in.

use std::{
    collections::HashMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rmcp::transport::auth::{
    AuthError, AuthorizationMetadata, CredentialRefreshGuard, CredentialStore, StoredCredentials,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::secrets::{SecretError, Secrets};

/// One sign-in, as it is in the keychain. Not printed, and written nowhere else.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SignIn {
    /// The server's URL it was made for.
    pub(super) url: String,
    /// What the tokens are for (RFC 8707).
    pub(super) resource: String,
    /// Of the authorization server, what using the tokens needs.
    pub(super) server: AuthorizationMetadata,
    pub(super) client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_secret: Option<String>,
    /// Where the client was registered to be sent back to, if we registered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) registered: Option<String>,
    /// The tokens; none: they were refused, and only the registration is left.
    pub(super) credentials: Option<StoredCredentials>,
    /// Scopes that the server asked for besides what was granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) wanted: Vec<String>,
}

/// What is known of a sign-in without asking the keychain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The server's URL it was made for.
    pub url: String,
    /// The host a person signed in at.
    pub host: String,
    /// What was granted.
    pub scopes: Vec<String>,
    /// What the server wants besides.
    #[serde(default)]
    pub wanted: Vec<String>,
    /// Whether tokens are there: not after they were refused.
    pub valid: bool,
    /// Names this state of the sign-in.
    state: Uuid,
}

/// The sign-ins of one home. Cheap to clone.
#[derive(Clone)]
pub struct SignIns {
    secrets: Secrets,
    folder: PathBuf,
    /// Signed in for this run only; nothing of it is in the folder.
    in_memory: Arc<Mutex<HashMap<String, SignedIn>>>,
    cached: Arc<Mutex<HashMap<String, Slot>>>,
}

/// A server's sign-in as last read, and who may use its refresh token in this process.
pub(super) type Slot = Arc<tokio::sync::Mutex<Option<(SignedIn, SignIn)>>>;

impl fmt::Debug for SignIns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIns(…)")
    }
}

impl SignIns {
    /// The sign-ins of a home whose data is in this folder.
    pub fn new(secrets: Secrets, data: &Path) -> Self {
        Self { secrets, folder: data.join("sign-ins"), in_memory: Arc::default(), cached: Arc::default() }
    }

    /// What is known of a server's sign-in; none: there is none for this URL. Asks no keychain.
    pub fn of(&self, server: &str, url: &str) -> Option<SignedIn> {
        let held = self.in_memory.lock().unwrap_or_else(PoisonError::into_inner).get(server).cloned();
        held.or_else(|| self.read(server)).filter(|known| known.url == url)
    }

    /// Whether there is anything to sign out of.
    pub fn is_known(&self, server: &str) -> bool {
        self.is_in_memory(server) || self.file(server).exists()
    }

    /// Whether it is for this run only.
    pub fn is_in_memory(&self, server: &str) -> bool {
        self.in_memory.lock().unwrap_or_else(PoisonError::into_inner).contains_key(server)
    }

    fn read(&self, server: &str) -> Option<SignedIn> {
        serde_json::from_slice(&fs::read(self.file(server)).ok()?).ok()
    }

    fn file(&self, server: &str) -> PathBuf {
        self.folder.join(server)
    }

    pub(super) fn slot(&self, server: &str) -> Slot {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        cached.entry(server.to_owned()).or_default().clone()
    }

    /// The sign-in for this URL, read from the keychain where another process changed it.
    pub(super) async fn load(
        &self,
        slot: &mut Option<(SignedIn, SignIn)>,
        server: &str,
        url: &str,
    ) -> Result<Option<SignIn>, SecretError> {
        let Some(known) = self.of(server, url) else {
            *slot = None;
            return Ok(None);
        };
        if let Some((seen, sign_in)) = slot
            && *seen == known
        {
            return Ok(Some(sign_in.clone()));
        }
        *slot = None;
        let text = self.secrets.get(&entry(server)).await?;
        let read = text.and_then(|text| serde_json::from_str::<SignIn>(text.expose_secret()).ok());
        let Some(sign_in) = read.filter(|sign_in| sign_in.url == url) else { return Ok(None) };
        *slot = Some((known, sign_in.clone()));
        Ok(Some(sign_in))
    }

    /// The sign-in, whatever URL it is for.
    pub(super) async fn any(&self, server: &str) -> Result<Option<SignIn>, SecretError> {
        let held = self.in_memory.lock().unwrap_or_else(PoisonError::into_inner).get(server).cloned();
        let Some(known) = held.or_else(|| self.read(server)) else { return Ok(None) };
        self.kept(server, &known.url).await
    }

    pub(super) async fn kept(&self, server: &str, url: &str) -> Result<Option<SignIn>, SecretError> {
        let slot = self.slot(server);
        let mut slot = slot.lock().await;
        self.load(&mut slot, server, url).await
    }

    /// Keeps a sign-in: in the keychain, or in memory for this run.
    pub(super) async fn keep(
        &self,
        slot: &mut Option<(SignedIn, SignIn)>,
        server: &str,
        sign_in: SignIn,
        in_memory: bool,
    ) -> Result<(), SecretError> {
        let text = serde_json::to_string(&sign_in).map_err(|error| SecretError::Failed(error.to_string()))?;
        let text = SecretString::from(text);
        let known = SignedIn {
            url: sign_in.url.clone(),
            host: host_of(&sign_in.server.authorization_endpoint),
            scopes: sign_in.credentials.as_ref().map(|kept| kept.granted_scopes.clone()).unwrap_or_default(),
            wanted: sign_in.wanted.clone(),
            valid: sign_in.credentials.is_some(),
            state: Uuid::now_v7(),
        };
        if in_memory {
            self.secrets.remember(&entry(server), text);
            self.in_memory.lock().unwrap_or_else(PoisonError::into_inner).insert(server.to_owned(), known.clone());
        } else {
            self.secrets.set(&entry(server), text).await?;
            self.in_memory.lock().unwrap_or_else(PoisonError::into_inner).remove(server);
            self.write(server, &known).map_err(|error| SecretError::Failed(error.to_string()))?;
        }
        *slot = Some((known, sign_in));
        Ok(())
    }

    /// Whole or not at all, so that nobody reads half of it.
    fn write(&self, server: &str, known: &SignedIn) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let beside = self.folder.join(format!("{server}~{}", known.state));
        fs::write(&beside, serde_json::to_vec(known).map_err(io::Error::from)?)?;
        fs::rename(&beside, self.file(server))
    }

    /// Forgets a sign-in and its registration, wherever they are.
    ///
    /// # Errors
    /// The keychain cannot be used: it is not used any more, but the entry may still be there.
    pub async fn forget(&self, server: &str) -> Result<(), SecretError> {
        let slot = self.slot(server);
        let mut slot = slot.lock().await;
        *slot = None;
        self.in_memory.lock().unwrap_or_else(PoisonError::into_inner).remove(server);
        let was_kept = match fs::remove_file(self.file(server)) {
            Ok(()) => true,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        let _ = fs::remove_file(self.lock_file(server));
        let remembered = self.secrets.remembered(&entry(server)).is_some();
        if was_kept || remembered { self.secrets.remove(&entry(server)).await } else { Ok(()) }
    }

    fn lock_file(&self, server: &str) -> PathBuf {
        self.folder.join(format!("{server}~lock"))
    }

    /// Waits until no other process uses the refresh token of this server.
    pub(super) async fn lock(&self, server: &str) -> io::Result<CredentialRefreshGuard> {
        let (folder, path) = (self.folder.clone(), self.lock_file(server));
        let locked = tokio::task::spawn_blocking(move || {
            fs::create_dir_all(&folder)?;
            let file = fs::File::options().create(true).truncate(false).write(true).open(path)?;
            file.lock()?;
            Ok::<_, io::Error>(file)
        });
        Ok(CredentialRefreshGuard::new(locked.await.map_err(io::Error::other)??))
    }
}

/// The keychain entry of a server's sign-in.
fn entry(server: &str) -> String {
    format!("server:{server}:oauth")
}

/// The host of a URL, as people know it.
pub(super) fn host_of(url: &str) -> String {
    let url = reqwest::Url::parse(url).ok();
    let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port())));
    match host {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => "an unknown host".to_owned(),
    }
}

/// Holds the credentials of one exchange; who made it keeps them.
#[derive(Clone)]
pub(super) struct Exchanged(pub(super) Arc<Mutex<Option<StoredCredentials>>>);

impl Exchanged {
    pub(super) fn new(credentials: Option<StoredCredentials>) -> Self {
        Self(Arc::new(Mutex::new(credentials)))
    }

    pub(super) fn get(&self) -> Option<StoredCredentials> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait::async_trait]
impl CredentialStore for Exchanged {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        Ok(self.get())
    }

    async fn save(&self, credentials: StoredCredentials) -> Result<(), AuthError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials);
        Ok(())
    }

    async fn clear(&self) -> Result<(), AuthError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}
