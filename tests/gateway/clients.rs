//! Hosts on other people's libraries, each with servers on other people's libraries: a tool that samples works in a host
//! that cannot sample.

use std::process::Stdio;

use samplegate_engine::wire::{Action, Phase};
use serde_json::Value;
use support::{
    home::PATIENCE,
    servers::{given, python, root},
};
use tokio::process::{Child, Command};

use crate::host::{listening, token};

/// A FastMCP client that calls a tool and tells what came of it.
pub(crate) struct FastMcp(Child);

impl FastMcp {
    /// `interpreter`: the variable that names the Python with FastMCP.
    pub(crate) fn call(interpreter: &str, port: u16, token: &str, tool: &str, arguments: &str) -> Self {
        let mut command = Command::new(given(interpreter));
        command.arg(root().join("tests/servers/client_fastmcp.py")).arg(format!("http://127.0.0.1:{port}/mcp"));
        command.args([token, tool, arguments]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.kill_on_drop(true).spawn().unwrap())
    }

    pub(crate) async fn said(self) -> Value {
        let done = tokio::time::timeout(PATIENCE, self.0.wait_with_output()).await.unwrap().unwrap();
        let errors = String::from_utf8_lossy(&done.stderr);
        serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fastmcp_clients_call_tools_of_fastmcp_servers_that_sample() {
    let server = |name: &str, script: &str| format!("[servers.{name}]\n{}sampling = \"ask\"\n", python(script, &[]));
    let config = server("old", "fastmcp3_prompts.py") + &server("new", "fastmcp4_rounds.py");
    let (home, port) = listening(&config).await;
    for name in ["old", "new"] {
        home.engine.ready(name).await.unwrap();
    }
    for (host, interpreter) in [("three", "SAMPLEGATE_TEST_PY3"), ("four", "SAMPLEGATE_TEST_PY4")] {
        let token = token(&home, host);
        for server in ["old", "new"] {
            let tool = format!("{server}__confirm_payment");
            let client = FastMcp::call(interpreter, port, &token, &tool, r#"{"amount": 5, "to": "Ann"}"#);
            let question = home.question(Phase::Request).await;
            assert_eq!(question.provenance.call.as_ref().unwrap().host, host);
            home.act(&question, Action::AnswerByHand { text: "yes".into() });
            let said = client.said().await;
            assert_eq!(
                (&said["text"][0], &said["is_error"]),
                (&"payment sent".into(), &false.into()),
                "{host} {server}"
            );
            let tools = said["tools"].as_array().unwrap();
            assert!(tools.contains(&"old__generate_keywords".into()) && tools.contains(&"new__two_at_once".into()));
        }
    }
    home.stop().await;
}
