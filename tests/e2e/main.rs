//! The real tray app on a real desktop: tray, notifications, windows, keyring, keyboard and mouse, with real servers.
//!
//! Run as `scripts/with-desktop cargo test --test e2e`; `scripts/test` prepares what it needs. One test at a time has
//! the desktop, each with a home folder and an app of its own. What a lower level can show is tested there.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod app;
mod bare_session;
mod decisions;
mod desktop;
mod elicitation;
mod grants;
mod held;
mod hosts;
mod inspected;
mod keychain;
mod logins;
mod main_job;
mod model;
mod pause;
mod pins;
mod popups;
mod queue;
mod real_model;
mod record;
mod restart;
mod review_window;
mod screenshots;
mod servers;
mod settings;
mod tool_calls;
mod tray;
