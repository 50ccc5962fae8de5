//! The tray app: a thin shell around the engine. Tray, windows, commands, notifications.
//!
//! Data flow: the engine says "changed" → the tray, the popups and the open windows read again; a click becomes a
//! command of a few lines that calls the engine. Nothing here decides anything.
//!
//! Invariants: no window takes the focus unless a person's own gesture opened it; windows are made when needed and
//! destroyed when closed; the app goes on without any, and ends only by Quit.

mod commands;
mod error;
mod options;
mod popups;
mod tray;
mod windows;

use std::{ffi::OsString, process::ExitCode, sync::Arc, time::Duration};

use samplegate_engine::{
    engine::Engine,
    wire::{Changed, Topic},
};
use tauri::{AppHandle, Manager as _, RunEvent};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use windows::Window;

/// Windows are told of changes at most this often.
const COALESCE: Duration = Duration::from_millis(30);
/// How long the engine may take to stop when the app is ended from outside.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Keeps this process's memory to itself, before there is anything in it.
///
/// # Errors
/// The system refuses; it was said why.
pub fn keep_memory() -> Result<(), ExitCode> {
    samplegate_engine::memory::keep_to_ourselves()
        .map_err(|error| say(&format!("this process cannot keep its memory to itself: {error}")))
}

/// Starts a server's process under our wing; see the engine's `mcp::spawn`.
pub fn run_shim(args: impl Iterator<Item = OsString>) -> ExitCode {
    say(&samplegate_engine::mcp::run_spawn_shim(args).to_string())
}

/// Serves the built-in demo server on stdin and stdout.
pub fn run_demo_server() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map(|runtime| runtime.block_on(samplegate_engine::demo::serve_stdio())) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => say(&error.to_string()),
        Err(error) => say(&error.to_string()),
    }
}

/// Runs the tray app until Quit.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let options = match options::parse(args) {
        Ok(options) => options,
        Err(error) => return say(&error),
    };
    if let Err(error) = options::check_display() {
        return say(&error);
    }
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(options::log_filter()).init();
    if let Err(error) = options.engine.home.create() {
        return cannot_start(&format!("its folders cannot be made: {error}"));
    }
    let mut context = tauri::generate_context!();
    let identifier = options::instance_name(&context.config().identifier, &options.engine.home);
    context.config_mut().identifier = identifier.clone();
    let app = commands::register(tauri::Builder::default())
        .plugin(
            tauri_plugin_single_instance::Builder::new()
                .dbus_id(identifier)
                .callback(|app, _args, _cwd| windows::open(app, Window::Settings, None))
                .build(),
        )
        .setup(move |app| start(app.handle(), options))
        .build(context);
    let app = match app {
        Ok(app) => app,
        Err(error) => return cannot_start(&error.to_string()),
    };
    app.run(|app, event| match event {
        // The last window was closed; the tray stays.
        RunEvent::ExitRequested { code: None, api, .. } => api.prevent_exit(),
        RunEvent::WindowEvent { label, event, .. } => windows::on_event(app, &label, &event),
        RunEvent::Exit => {
            // Nothing is left to do after Quit. When the session ends us, what waits for this thread can wait forever.
            if let Some(engine) = app.try_state::<Engine>() {
                let stopped = async { tokio::time::timeout(LAST_WORDS, engine.shutdown()).await };
                if tauri::async_runtime::block_on(stopped).is_err() {
                    tracing::warn!("the engine did not stop in {LAST_WORDS:?}; open questions end as interrupted");
                }
            }
        }
        _ => {}
    });
    ExitCode::SUCCESS
}

fn start(app: &AppHandle, options: options::Options) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = options.engine.home.runtime.clone();
    app.manage(windows::Windows::new(runtime.join("webview")));
    app.manage(commands::hosts::Files(options.host_files));
    let engine = tauri::async_runtime::block_on(Engine::start(options.engine))?;
    let tray = tray::build(app, &runtime.join("tray"))?;
    // Somebody is there as long as the app runs: a window can always be opened.
    app.manage(engine.queue().attach());
    app.manage(engine.clone());
    // It starts a task, for which it has to be on the runtime.
    tauri::async_runtime::block_on(async { engine.serve_gateway(None) });
    let popups = popups::Popups::new(engine.clone(), app.clone(), popups::icon(&runtime));
    tauri::async_runtime::spawn(follow(app.clone(), engine.clone(), tray, popups));
    let probe = engine.clone();
    tauri::async_runtime::spawn(async move { drop(probe.probe_keychain().await) });
    let first_run = engine.status().first_run;
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let tray_is_seen = tray::is_seen().await;
        if first_run {
            windows::open(&app, Window::Settings, Some("welcome"));
        } else if !tray_is_seen {
            // Without a tray there would be no way in.
            windows::open(&app, Window::Settings, None);
        }
    });
    Ok(())
}

/// Brings the tray, the popups and the windows up to date, for as long as the app runs.
async fn follow(app: AppHandle, engine: Engine, tray: Arc<tray::Tray>, popups: Arc<popups::Popups>) {
    let mut changes = engine.changes();
    tray.show(&engine.status());
    popups.tell_of_held_change();
    while let Some(changed) = next(&mut changes).await {
        for one in &changed {
            windows::tell(&app, one);
        }
        if changed.iter().any(|one| matches!(one.topic, Topic::Review | Topic::Status | Topic::Servers)) {
            tray.show(&engine.status());
        }
        if changed.iter().any(|one| one.topic == Topic::Status) {
            popups.tell_of_held_change();
        }
        // A pause that ends is a change of the status.
        if changed.iter().any(|one| matches!(one.topic, Topic::Review | Topic::Status)) {
            popups.update().await;
        }
    }
}

/// The changes of a moment, each once.
async fn next(changes: &mut Receiver<Changed>) -> Option<Vec<Changed>> {
    let everything = || {
        let all = [
            Topic::Review,
            Topic::Servers,
            Topic::Models,
            Topic::Hosts,
            Topic::Rules,
            Topic::Grants,
            Topic::Calls,
            Topic::Audit,
            Topic::Status,
        ];
        all.map(|topic| Changed { topic, id: None }).to_vec()
    };
    let mut moment = match changes.recv().await {
        Ok(changed) => vec![changed],
        Err(RecvError::Lagged(_)) => everything(),
        Err(RecvError::Closed) => return None,
    };
    tokio::time::sleep(COALESCE).await;
    while let Ok(changed) = changes.try_recv() {
        if !moment.contains(&changed) {
            moment.push(changed);
        }
    }
    Some(moment)
}

/// Ends the app. The engine stops first, while the event loop still serves the tray and the windows that it tells of it.
fn quit(app: &AppHandle) {
    let (app, engine) = (app.clone(), app.state::<Engine>().inner().clone());
    tauri::async_runtime::spawn(async move {
        engine.shutdown().await;
        app.exit(0);
    });
}

/// Whoever started it from a menu sees no stderr.
fn cannot_start(why: &str) -> ExitCode {
    popups::cannot_start(why);
    say(&format!("cannot start: {why}"))
}

#[expect(clippy::print_stderr, reason = "there is no window to say it in")]
fn say(message: &str) -> ExitCode {
    eprintln!("samplegate-desktop: {message}");
    ExitCode::FAILURE
}
