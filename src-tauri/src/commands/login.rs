//! Signing in to servers.

use samplegate_engine::{browser, engine::Engine, mcp::oauth::Revoked};
use tauri::State;

use super::Answer;

#[tauri::command(async)]
pub(super) fn server_login(engine: State<'_, Engine>, name: &str) -> Answer<()> {
    Ok(engine.start_login(name)?)
}

/// Opens the browser at the place the person has seen. The address stays in the window, for where none comes up.
#[tauri::command]
pub(super) async fn server_login_open(engine: State<'_, Engine>, name: String, in_memory: bool) -> Answer<()> {
    let address = engine.open_login(&name, in_memory).await?;
    if let Err(error) = browser::open(&address, std::env::var_os("BROWSER").as_deref()) {
        tracing::warn!("no browser could be opened: {error}");
    }
    Ok(())
}

#[tauri::command(async)]
pub(super) fn server_login_cancel(engine: State<'_, Engine>, name: &str) {
    engine.cancel_login(name);
}

/// Signs out; gives what could not be done, if anything.
#[tauri::command]
pub(super) async fn server_logout(engine: State<'_, Engine>, name: String) -> Answer<Option<String>> {
    Ok(match engine.logout(&name).await? {
        Revoked::NotSignedIn | Revoked::NotOffered | Revoked::Done => None,
        Revoked::Failed { host, why } => {
            Some(format!("The tokens are removed here, but {host} could not be told to revoke them ({why})."))
        }
    })
}
