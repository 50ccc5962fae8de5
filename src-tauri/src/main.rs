//! The tray app's entry point. Two hidden commands make this program its own helper: the shim that ties a server's
//! process to ours, and the built-in demo server.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(failed) = samplegate_desktop::keep_memory() {
        return failed;
    }
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(command) if command == samplegate_engine::mcp::SHIM_COMMAND => samplegate_desktop::run_shim(args),
        Some(command) if command == "demo-server" => samplegate_desktop::run_demo_server(),
        first => samplegate_desktop::run(first.into_iter().chain(args)),
    }
}
