//! What passes, and that it passes unchanged: each era of hosts with each era of servers.

use serde_json::{Value, json};
use support::home::Running;

use crate::host::{ERAS, Era, Host, listening, passing, token};

/// One server of each era, `legacy` and `stateless`, and a host of each that is connected to it alone.
async fn all_four() -> (Running, Vec<(Host, Era)>, u16) {
    let config = passing("legacy", Era::Legacy, &[]) + &passing("stateless", Era::Stateless, &[]);
    let (home, port) = listening(&config).await;
    let token = token(&home, "h");
    let mut hosts = Vec::new();
    for server in ERAS {
        for host in ERAS {
            hosts.push((Host::connect(host, port, Some(name(server)), &token).await, server));
        }
    }
    (home, hosts, port)
}

fn name(era: Era) -> &'static str {
    match era {
        Era::Legacy => "legacy",
        Era::Stateless => "stateless",
    }
}

/// What a host of this era gets besides.
fn fitted(mut result: Value, host: &Host, cacheable: bool) -> Value {
    if host.era == Era::Stateless {
        result["resultType"] = "complete".into();
        if cacheable {
            result["ttlMs"] = 0.into();
            result["cacheScope"] = "private".into();
        }
    }
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_seen_as_it_declares_itself() {
    let (home, hosts, _) = all_four().await;
    let info = json!({"name": "raw-passing", "version": "1.0.0", "title": "Passing", "icons": [{"src": "data:,x", "later": 1}]});
    for (host, server) in hosts {
        let welcome = &host.welcome;
        let reported = match host.era {
            Era::Legacy => &welcome["serverInfo"],
            Era::Stateless => &welcome["_meta"]["io.modelcontextprotocol/serverInfo"],
        };
        assert_eq!((reported, &welcome["instructions"]), (&info, &json!("Pass on.")), "{:?} {server:?}", host.era);
        assert_eq!(welcome["capabilities"]["tools"], json!({"listChanged": true, "later": true}));
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_pass_page_by_page_with_what_nobody_knows() {
    let (home, hosts, _) = all_four().await;
    for (host, server) in hosts {
        let first = host.ask("tools/list", json!({})).await;
        let names = |page: &Value| {
            page["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&first), ["echo", "steps", "ask"]);
        assert_eq!((&first["later"], &first["nextCursor"]), (&json!("list"), &json!("page-3")));
        assert_eq!(names(&host.ask("tools/list", json!({"cursor": "page-3"})).await), ["fail", "wait", "cancelled"]);
        let tool = json!({
            "name": "echo", "title": "Echo", "description": "Does echo.",
            "inputSchema": {"type": "object", "later": {"x": 1}}, "outputSchema": {"type": "object"},
            "annotations": {"readOnlyHint": true, "later": "yes"},
            "icons": [{"src": "data:,x", "mimeType": "image/png", "sizes": ["1x1"], "later": 1}],
            "_meta": {"example.com/a": {"b": 1.0}}, "later": [1, null, 10.0],
        });
        assert_eq!(first["tools"][0].to_string(), tool.to_string(), "{:?} {server:?}", host.era);
        let templates = json!({"resourceTemplates": [{"uriTemplate": "memo://{+name}", "name": "memo"}]});
        assert_eq!(host.ask("resources/templates/list", json!({})).await, fitted(templates, &host, true));
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_pass_with_what_nobody_knows_both_ways() {
    let (home, hosts, _) = all_four().await;
    for (host, server) in hosts {
        let sent = json!({
            "name": "echo", "arguments": {"a": 10.0, "b": null}, "later": {"x": [1]},
            "_meta": {"example.com/d": {"e": 2}, "traceparent": "00-x"},
        });
        let result = host.ask("tools/call", sent.clone()).await;
        let came = &result["structuredContent"]["value"];
        assert_eq!(
            (&came["arguments"], &came["later"]),
            (&sent["arguments"], &sent["later"]),
            "{:?} {server:?}",
            host.era
        );
        assert_eq!(
            (&came["_meta"]["example.com/d"], &came["_meta"]["traceparent"]),
            (&json!({"e": 2}), &json!("00-x"))
        );
        assert_ne!(came["_meta"]["io.modelcontextprotocol/clientInfo"]["name"], "h", "the server is connected to us");
        let mut rest = result.clone();
        rest.as_object_mut().unwrap().remove("structuredContent");
        let expected = json!({"content": [{"type": "text", "text": "said"}], "later": true, "_meta": {"example.com/c": 1}, "isError": false});
        assert_eq!(rest, fitted(expected, &host, false));

        let prompt = host.ask("prompts/get", json!({"name": "greet", "arguments": {"who": "x"}})).await;
        assert_eq!(prompt["messages"][0]["later"], 1);
        assert_eq!(prompt["given"]["arguments"], json!({"who": "x"}));
        let read = host.ask("resources/read", json!({"uri": "memo://one?x#y"})).await;
        assert_eq!((&read["contents"][0]["uri"], &read["contents"][0]["later"]), (&json!("memo://one?x#y"), &json!(1)));
        let completion =
            json!({"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "who", "value": "a"}});
        let completed = host.ask("completion/complete", completion.clone()).await;
        assert_eq!((&completed["completion"]["later"], &completed["given"]["ref"]), (&json!(1), &completion["ref"]));

        let failed = host.response("tools/call", json!({"name": "fail", "arguments": {}})).await;
        assert_eq!(failed["error"], json!({"code": -31999, "message": "no", "data": {"why": [1, {"x": null}]}}));
        let unknown = host.response("tasks/list", json!({})).await;
        assert_eq!(unknown["error"]["code"], -32601);
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_comes_under_the_hosts_own_token_before_the_result() {
    let (home, hosts, _) = all_four().await;
    for (host, server) in hosts {
        let call = json!({"name": "steps", "arguments": {}, "_meta": {"progressToken": "mine"}});
        let (told, response) = host.start("tools/call", call).await.1.all().await;
        let step = |n: u32| {
            let params =
                json!({"progressToken": "mine", "progress": n, "total": 2, "later": n, "message": format!("s{n}")});
            json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
        };
        assert_eq!(told, [step(1), step(2)], "{:?} {server:?}", host.era);
        assert_eq!(response["result"]["structuredContent"]["value"], "stepped");
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_messages_come_as_they_were_asked_for() {
    let (home, hosts, _) = all_four().await;
    for (host, server) in hosts {
        let levels = async |meta: Value| {
            let call = json!({"name": "log", "arguments": {}, "_meta": meta});
            let (told, _) = host.start("tools/call", call).await.1.all().await;
            told.iter().map(|message| message["params"]["later"].clone()).collect::<Vec<_>>()
        };
        match host.era {
            Era::Legacy => {
                host.ask("logging/setLevel", json!({"level": "warning"})).await;
                assert_eq!(levels(json!({})).await, ["error"], "{server:?}");
                host.ask("logging/setLevel", json!({"level": "debug"})).await;
                assert_eq!(levels(json!({})).await, ["debug", "error"], "{server:?}");
            }
            Era::Stateless => {
                assert_eq!(levels(json!({})).await, [""; 0], "{server:?}");
                let wanted = json!({"io.modelcontextprotocol/logLevel": "error"});
                assert_eq!(levels(wanted).await, ["error"], "{server:?}");
            }
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_to_who_listens() {
    let (home, hosts, _) = all_four().await;
    for (host, server) in hosts {
        // So that there is a connection that tells of changes.
        host.call("echo", json!({})).await;
        let mut listening = host.listen(&["memo://one?x#y"]).await;
        host.call("change", json!({})).await;
        let seen = async |listening: &mut crate::host::Coming, method: &str| loop {
            let message = listening.next().await.unwrap();
            if message["method"] == method {
                return message["params"].clone();
            }
        };
        seen(&mut listening, "notifications/tools/list_changed").await;
        host.call("update", json!({})).await;
        let updated = seen(&mut listening, "notifications/resources/updated").await;
        assert_eq!(
            (&updated["uri"], &updated["later"]),
            (&json!("memo://one?x#y"), &json!(1)),
            "{:?} {server:?}",
            host.era
        );
        if host.era == Era::Legacy {
            assert_eq!(updated.get("_meta"), None);
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_gives_up_a_call_gives_it_up_at_the_server() {
    let (home, hosts, _) = all_four().await;
    for (host, server) in hosts {
        let count =
            async |host: &Host| host.call("cancelled", json!({})).await["structuredContent"]["value"].as_u64().unwrap();
        let before = count(&host).await;
        let (id, coming) = host.start("tools/call", json!({"name": "wait", "arguments": {}})).await;
        match host.era {
            Era::Legacy => host.notify("notifications/cancelled", json!({"requestId": id})).await,
            // There the stream is the request.
            Era::Stateless => drop(coming),
        }
        let deadline = tokio::time::Instant::now() + support::home::PATIENCE;
        while count(&host).await == before {
            assert!(tokio::time::Instant::now() < deadline, "{:?} {server:?}: the server was not told", host.era);
        }
    }
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_servers_together_have_names_that_tell_them_apart() {
    let (home, _, port) = all_four().await;
    let token = token(&home, "all");
    for era in ERAS {
        let host = Host::connect(era, port, None, &token).await;
        let instructions = host.welcome["instructions"].as_str().unwrap();
        assert_eq!(instructions, "# legacy\n\nPass on.\n\n# stateless\n\nPass on.");
        let listed = host.ask("tools/list", json!({})).await;
        let names: Vec<&str> =
            listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), 18, "every page of both");
        assert!(names.contains(&"legacy__echo") && names.contains(&"stateless__echo"));
        for server in ["legacy", "stateless"] {
            let result = host.call(&format!("{server}__echo"), json!({"a": 1})).await;
            assert_eq!(result["structuredContent"]["value"]["name"], "echo", "the server's own name");
            let resources = host.ask("resources/list", json!({})).await;
            let uri = format!("samplegate://{server}/memo://one?x#y");
            assert!(resources["resources"].as_array().unwrap().iter().any(|one| one["uri"] == uri.as_str()));
            let read = host.ask("resources/read", json!({"uri": uri})).await;
            assert_eq!(read["contents"][0]["uri"], uri.as_str());
            let prompt = host.ask("prompts/get", json!({"name": format!("{server}__greet")})).await;
            assert_eq!(prompt["messages"][0]["content"]["resource"]["uri"], uri.as_str());
        }
        let unknown = host.response("tools/call", json!({"name": "nobody__echo", "arguments": {}})).await;
        assert_eq!(unknown["error"]["code"], -32602);
    }
    home.stop().await;
}
