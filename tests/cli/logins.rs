//! `samplegate server login` and `logout`, without a keychain and without a window.

use support::oauth::SignInServer;

use crate::Home;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keychain_nobody_is_sent_to_a_browser() {
    let server = SignInServer::start().await;
    let home = Home::with(&format!("[servers.notes]\n{}", server.lines()));
    let ran = home.run(&["server", "login", "notes"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("no keychain can be reached") && ran.err.contains("desktop app"), "{}", ran.err);
    assert!(server.seen().authorized.is_empty() && server.seen().registered.is_empty());
    let tools = home.run(&["tools", "notes"]).await;
    assert_eq!(tools.code, Some(5), "{tools:?}");
    assert!(tools.err.contains("it needs you to sign in: run `samplegate server login notes`"), "{}", tools.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_remote_servers_are_signed_in_to() {
    let home = Home::with(
        "[servers.local]\ncommand = \"x\"\n[servers.open]\nurl = \"http://example.org/mcp\"\n\
         [servers.own]\nurl = \"https://example.org/mcp\"\nheaders = { Authorization = \"x\" }\n",
    );
    for (args, why) in [
        (["server", "login", "local"], "only a server with a URL"),
        (["server", "login", "nobody"], "there is no server"),
        (["server", "login", "open"], "plain HTTP"),
        (["server", "login", "own"], "its own Authorization header"),
        (["server", "logout", "nobody"], "there is no server"),
    ] {
        let err = home.fails(2, &args).await;
        assert!(err.contains(why), "{args:?}: {err}");
    }
    assert_eq!(home.ok(&["server", "logout", "local"]).await, "you were not signed in to local\n");
    home.fails(2, &["server", "set", "local", "--oauth-client-id", "x"]).await;
    home.ok(&["server", "set", "own", "--oauth-client-id", "abc"]).await;
    assert!(home.config().contains("oauth_client_id = \"abc\""));
    assert_eq!(home.one(&["server", "show", "own", "--json"]).await["oauth_client_id"], "abc");
    home.ok(&["server", "set", "own", "--oauth-client-id", ""]).await;
    assert!(!home.config().contains("oauth_client_id"));
}
