//! `samplegate`: the terminal's front end of the engine. It links no GUI library.
//!
//! Data flow: arguments → a command → the engine → results on stdout, everything else on stderr → an exit code that
//! scripts can rely on (see [`exit::Exit`]).

mod args;
mod commands;
mod exit;
mod output;
mod review;
mod start;
mod way_out;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};
use exit::Failure;

fn main() -> ExitCode {
    if let Err(error) = samplegate_engine::memory::keep_to_ourselves() {
        output::error(&format!("this process cannot keep its memory to itself: {error}"));
        return ExitCode::FAILURE;
    }
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|first| first == samplegate_engine::mcp::SHIM_COMMAND) {
        output::error(&samplegate_engine::mcp::run_spawn_shim(words));
        return ExitCode::FAILURE;
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are results; anything else is a usage error (2).
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    start::log();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&error);
            return ExitCode::FAILURE;
        }
    };
    let code = match runtime.block_on(run(args)) {
        Ok(code) => code,
        Err(failure) => {
            if !failure.message.is_empty() {
                output::error(&output::visible(&failure.message));
            }
            failure.exit
        }
    };
    // A thread may still wait for a keychain's prompt; it must not keep the process.
    runtime.shutdown_background();
    code.into()
}

async fn run(args: Args) -> Result<exit::Exit, Failure> {
    let Args { home, reviewer, command } = args;
    let start = start::Start { home, reviewer };
    match command {
        Command::Server(command) => commands::server::run(&start, command).await,
        Command::Model(command) => commands::model::run(&start, command).await,
        Command::Rule(command) => commands::rule::run(&start, command).await,
        Command::Host(command) => commands::host::run(&start, command).await,
        Command::Grant(command) => commands::grant::run(&start, command).await,
        Command::Call(call) => commands::call::tool(&start, call).await,
        Command::Prompt(prompt) => commands::call::prompt(&start, prompt).await,
        Command::Read(read) => commands::call::read(&start, read).await,
        Command::Tools(list) => commands::offers::run(&start, list, commands::offers::What::Tools).await,
        Command::Prompts(list) => commands::offers::run(&start, list, commands::offers::What::Prompts).await,
        Command::Resources(list) => commands::offers::run(&start, list, commands::offers::What::Resources).await,
        Command::Serve(serve) => commands::serve::run(&start, serve).await,
        Command::Audit(command) => commands::audit::run(&start, command).await,
        Command::Inspect(inspect) => commands::inspect::run(&inspect),
        Command::Doctor(doctor) => commands::doctor::run(&start, doctor.json).await,
        Command::Bridge(bridge) => commands::bridge::run(&start, bridge).await,
        Command::DemoServer => Ok(samplegate_engine::demo::serve_stdio().await.map(|()| exit::Exit::Done)?),
    }
}
