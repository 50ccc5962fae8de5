//! Samplegate's headless runtime. It links no GUI library and reads neither the environment nor the home directory:
//! paths, time and the base environment of child processes come in as values.
//!
//! Data flow: a server asks ([`mcp`]) → [`pipeline`] → [`review_queue`] → a person or a rule → [`provider`] → reply;
//! every step is in the [`store`] first. [`engine`] holds it together for the shells, which speak [`wire`].

pub mod bridge;
pub mod browser;
pub mod config;
pub mod demo;
pub mod engine;
mod gateway;
pub mod home;
pub mod host_files;
mod key_command;
mod local_names;
pub mod mcp;
pub mod memory;
pub mod pipeline;
pub mod provider;
pub mod review_queue;
mod run_file;
pub mod secrets;
pub mod startup;
pub mod store;
mod token;
mod upstream;
pub mod wire;
