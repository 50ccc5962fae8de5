//! Each host's format, from a file as the host writes it.

use std::fmt::Write as _;

use super::super::*;

/// What was found, to be read: a secret has a `*`.
fn told(app: App, text: &str, project: Option<&str>) -> String {
    let found = read(text, Source { app, home: "/home/ada", project }).unwrap();
    let mut told = String::new();
    for server in found {
        let named = |values: &[Named]| {
            let values = values.iter().map(|v| format!(" {}={}{}", v.name, v.value, if v.secret { "*" } else { "" }));
            values.collect::<String>()
        };
        let reached = match &server.reached {
            Ok(Reached::Command { command, args, cwd, env }) => {
                let cwd = cwd.as_ref().map(|cwd| format!(" in {cwd}")).unwrap_or_default();
                format!("{command} {}{cwd}{}", args.join(" "), named(env))
            }
            Ok(Reached::Url { url, headers }) => format!("{url}{}", named(headers)),
            Err(why) => format!("cannot: {why}"),
        };
        let off = if server.enabled { "" } else { " (off)" };
        writeln!(told, "{}{off}: {}", server.name, reached.trim_end()).unwrap();
        for what in &server.left_out {
            writeln!(told, "  {what}").unwrap();
        }
    }
    told
}

#[test]
fn claude_desktop() {
    let expected = "\
filesystem: npx -y @modelcontextprotocol/server-filesystem /home/ada/notes
github: docker run -i --rm -e GITHUB_PERSONAL_ACCESS_TOKEN ghcr.io/github/github-mcp-server \
GITHUB_PERSONAL_ACCESS_TOKEN=ghp_Zx8Kq2Lm4Np6Rs0Tu1Vw3Xy5Za7Bc9De2Fg4* LOG_LEVEL=info
samplegate: cannot: it is Samplegate itself
";
    assert_eq!(told(App::ClaudeDesktop, include_str!("fixtures/claude_desktop_config.json"), None), expected);
}

#[test]
fn claude_code_for_everywhere_and_for_projects() {
    let expected = "\
sentry: https://mcp.sentry.dev/mcp
  `oauth` is not taken: sign in again from here, with `samplegate server login`.
internal: https://api.example.org/mcp X-Team=core
  `headersHelper` is not taken: Samplegate runs no program for headers; give the headers themselves.
  `url` depends on the variable API_BASE: what it is without one was taken.
socket: cannot: servers of the type \"ws\" exist in Claude Code only
db: uvx db-server --root /home/ada/work/shop/data in /home/ada/work/shop
old (off): https://old.example.org/sse
  X-Api-Key is not taken: it comes from ${SHOP_KEY}, which only Claude Code knows. Give it here once the server is imported.
";
    let text = include_str!("fixtures/claude.json");
    assert_eq!(told(App::ClaudeCode, text, None), expected);
    let found = read(text, Source { app: App::ClaudeCode, home: "/home/ada", project: None }).unwrap();
    let root = Syntax::Jsonc.parse(text).unwrap();
    assert_eq!(found[3].project.as_deref(), Some("/home/ada/work/shop"));
    assert!(found.iter().all(|server| value_at(&root, &server.place).is_some()), "places lead to the entries");
}

#[test]
fn cursor() {
    let expected = "\
postgres: /home/ada/bin/postgres-mcp --dsn postgres://ada:Gx7pQ2zR9k@db.internal.net/shop PGSSLMODE=require POOL=4
  `envFile` is not taken: Samplegate reads no file of variables; give the variables themselves.
  PGPASSWORD is not taken: it comes from ${env:PGPASSWORD}, which only Cursor knows. Give it here once the server is \
imported.
linear: https://mcp.linear.app/mcp Authorization=Bearer lin_abcd*
  `auth` is not taken: sign in again from here, with `samplegate server login`.
both: cannot: it has both `command` and `url`
neither: cannot: it has neither a command nor a URL
text: cannot: its entry is not a table
";
    assert_eq!(told(App::Cursor, include_str!("fixtures/cursor.json"), None), expected);
}

#[test]
fn vs_code() {
    let expected = "\
perplexity: npx -y server-perplexity-ask MODE=fast
  `sandboxEnabled` is not taken: confine the server here, in its settings.
  `dev` is not taken: it is about the host, not about the server.
  PERPLEXITY_API_KEY is not taken: VS Code asks for it (${input:perplexity-key}). Give it here once the server is imported.
folder: cannot: `args` has ${workspaceFolder} in it, which only VS Code knows: add the server by hand
github: https://api.githubcopilot.com/mcp/
socket: cannot: its URL does not begin with http:// or https://
";
    let text = include_str!("fixtures/vscode_mcp.json");
    assert_eq!(told(App::VsCode, text, None), expected);
    let in_project = told(App::VsCode, text, Some("/srv/shop"));
    assert!(in_project.contains("folder: node /srv/shop/server.js in /srv/shop\n"), "{in_project}");
    let settings = include_str!("fixtures/vscode_settings.json");
    assert_eq!(told(App::VsCode, settings, None), "time: uvx mcp-server-time\n");
}

#[test]
fn codex() {
    let expected = "\
docs: npx -y docs-mcp DOCS_TOKEN=tok-abc-12345* LITERAL=${HOME}
  `startup_timeout_sec` is not taken: it is about the host, not about the server.
  `tool_timeout_sec` is not taken: it is about the host, not about the server.
figma (off): https://mcp.figma.com/mcp X-Figma-Region=us-east-1
  Authorization is not taken: it comes from the variable FIGMA_OAUTH_TOKEN, which only Codex knows. Give it here once \
the server is imported.
  X-Trace is not taken: it comes from the variable TRACE_ID, which only Codex knows. Give it here once the server is \
imported.
local: tool  in /srv
  `enabled_tools` is not taken: all of its tools are offered here.
  LOCAL_TOKEN is not taken: it comes from the environment, which only Codex knows. Give it here once the server is \
imported.
";
    assert_eq!(told(App::Codex, include_str!("fixtures/codex_config.toml"), None), expected);
}

#[test]
fn gemini_cli() {
    let expected = "\
python: python -m my_mcp_server --port 8080 in /srv/shop/mcp-servers/python PRICE=$5
  `timeout` is not taken: it is about the host, not about the server.
  `trust` is not taken: it is about the host, not about the server.
  DATABASE_URL is not taken: it comes from $DB_URL, which only Gemini CLI knows. Give it here once the server is imported.
  API_KEY is not taken: it comes from ${EXTERNAL_KEY}, which only Gemini CLI knows. Give it here once the server is \
imported.
new: https://new.example.org/mcp X-A=1
google: https://google.example.org
  `authProviderType` is not taken: Samplegate cannot sign in with Google's own credentials.
  `oauth` is not taken: sign in again from here, with `samplegate server login`.
off (off): https://off.example.org/sse
";
    let text = include_str!("fixtures/gemini_settings.json");
    assert_eq!(told(App::GeminiCli, text, Some("/srv/shop")), expected);
    let own = told(App::GeminiCli, text, None);
    assert!(own.contains("`cwd` is not taken: it is a relative folder, and nothing says of what."), "{own}");
}

#[test]
fn windsurf() {
    let expected = "\
figma (off): https://mcp.figma.com/mcp
  Authorization is not taken: it comes from ${env:AUTH_TOKEN}, which only Windsurf knows. Give it here once the server \
is imported.
memory: npx -y @modelcontextprotocol/server-memory
  `disabledTools` is not taken: all of its tools are offered here.
";
    assert_eq!(told(App::Windsurf, include_str!("fixtures/windsurf_mcp_config.json"), None), expected);
}

#[test]
fn zed_in_both_of_its_forms() {
    let expected = "\
everything: npx -y @modelcontextprotocol/server-everything
older: /opt/older --stdio OLD_SECRET=abcdefgh*
remote (off): https://example.org/mcp Authorization=Bearer abc12345*
mcp-server-github: cannot: it is an extension of Zed, which says how it is started
";
    assert_eq!(told(App::Zed, include_str!("fixtures/zed_settings.json"), None), expected);
}

#[test]
fn lm_studio() {
    let expected = "\
hf-mcp-server: https://huggingface.co/mcp Authorization=Bearer hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345*
playwright: npx @playwright/mcp@latest
  `timeout` is not taken: it is about the host, not about the server.
";
    assert_eq!(told(App::LmStudio, include_str!("fixtures/lm_studio_mcp.json"), None), expected);
}

#[test]
fn a_file_tells_whose_it_is() {
    for (path, text, app) in [
        ("/x/claude_desktop_config.json", "{}", Some(App::ClaudeDesktop)),
        ("C:\\Users\\ada\\.cursor\\mcp.json", "{}", Some(App::Cursor)),
        ("/home/ada/.gemini/settings.json", "{}", Some(App::GeminiCli)),
        ("/home/ada/.config/zed/settings.json", "{}", Some(App::Zed)),
        ("/home/ada/.codex/config.toml", "", Some(App::Codex)),
        ("/shop/.mcp.json", "{}", Some(App::ClaudeCode)),
        ("/tmp/a.json", "{\"servers\": {}}", Some(App::VsCode)),
        ("/tmp/a.json", "{\"context_servers\": {}}", Some(App::Zed)),
        ("/tmp/a.json", "{\"mcpServers\": {}}", Some(App::Cursor)),
        ("/tmp/a.json", "{}", None),
        ("a.json", "nothing", None),
    ] {
        assert_eq!(whose(path, text), app, "{path}");
    }
}
