//! Hosts on other people's libraries, each with servers on other people's libraries: a tool that samples works in a host
//! that cannot sample.

use std::process::Stdio;

use samplegate_engine::wire::{Action, Phase};
use serde_json::Value;
use support::{
    home::PATIENCE,
    servers::{given, python, root},
};

use crate::host::{listening, token};

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
            let client = tokio::process::Command::new(given(interpreter))
                .arg(root().join("tests/servers/client_fastmcp.py"))
                .arg(format!("http://127.0.0.1:{port}/mcp"))
                .args([&token, &format!("{server}__confirm_payment"), r#"{"amount": 5, "to": "Ann"}"#])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let question = home.question(Phase::Request).await;
            assert_eq!(question.provenance.call.as_ref().unwrap().host, host);
            home.act(&question, Action::AnswerByHand { text: "yes".into() });
            let done = tokio::time::timeout(PATIENCE, client.wait_with_output()).await.unwrap().unwrap();
            let errors = String::from_utf8_lossy(&done.stderr);
            let said: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
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
