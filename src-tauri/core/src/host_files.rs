//! The configuration files of hosts that are known: which servers stand in them, and how Samplegate is put among them.
//!
//! Data flow: a file's text → its syntax ([`Syntax::parse`]) → the host's own format ([`read`], a file each in
//! `formats`) → [`FoundServer`]s, each with what is taken, and in words what is not. The other way: a [`Change`] per
//! entry → the same text with only these places different ([`edit`]).
//!
//! Invariants: the text is hostile, so nothing in it is run, resolved from the environment or opened; what a format does
//! not say is told and never guessed. Values are [`Named`] and print their names only. An edit that is not exactly what
//! was asked for is refused.
//!
//! Deliberately absent: where the files are, and reading or writing them. That is the engine's.

mod difference;
mod edit;
mod entry;
mod formats;
mod references;
mod syntax;

use serde_json::{Map, Value, json};

pub use difference::{Line, LineKind, difference};
pub use edit::{CannotEdit, CannotUndo, Change, edit, undone, value_at};
pub use syntax::{Syntax, Unreadable};

use crate::inspect;

/// The name of our entry in a host's file.
pub const ENTRY: &str = "samplegate";

/// How long a host is told to wait for a tool call, where it can be told: a person may have to answer first.
const PATIENCE_SECONDS: u64 = 3600;

/// A host whose configuration file is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum App {
    /// Claude Desktop.
    ClaudeDesktop,
    /// Claude Code.
    ClaudeCode,
    /// Cursor.
    Cursor,
    /// Visual Studio Code.
    VsCode,
    /// Codex.
    Codex,
    /// Gemini CLI.
    GeminiCli,
    /// Windsurf.
    Windsurf,
    /// Zed.
    Zed,
    /// LM Studio.
    LmStudio,
}

impl App {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ClaudeDesktop,
        Self::ClaudeCode,
        Self::Cursor,
        Self::VsCode,
        Self::Codex,
        Self::GeminiCli,
        Self::Windsurf,
        Self::Zed,
        Self::LmStudio,
    ];

    /// Its name on the command line, and of the host that is made for it.
    pub fn id(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "claude-desktop",
            Self::ClaudeCode => "claude-code",
            Self::Cursor => "cursor",
            Self::VsCode => "vscode",
            Self::Codex => "codex",
            Self::GeminiCli => "gemini-cli",
            Self::Windsurf => "windsurf",
            Self::Zed => "zed",
            Self::LmStudio => "lm-studio",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "Claude Desktop",
            Self::ClaudeCode => "Claude Code",
            Self::Cursor => "Cursor",
            Self::VsCode => "VS Code",
            Self::Codex => "Codex",
            Self::GeminiCli => "Gemini CLI",
            Self::Windsurf => "Windsurf",
            Self::Zed => "Zed",
            Self::LmStudio => "LM Studio",
        }
    }

    /// The host of this id.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|app| app.id() == id)
    }

    /// What its files are written in.
    pub fn syntax(self) -> Syntax {
        match self {
            Self::Codex => Syntax::Toml,
            Self::ClaudeDesktop
            | Self::ClaudeCode
            | Self::Cursor
            | Self::VsCode
            | Self::GeminiCli
            | Self::Windsurf
            | Self::Zed
            | Self::LmStudio => Syntax::Jsonc,
        }
    }

    /// The place of the table of servers in its own file, by keys.
    pub fn servers_at(self) -> &'static [&'static str] {
        match self {
            Self::VsCode => &["servers"],
            Self::Codex => &["mcp_servers"],
            Self::Zed => &["context_servers"],
            Self::ClaudeDesktop
            | Self::ClaudeCode
            | Self::Cursor
            | Self::GeminiCli
            | Self::Windsurf
            | Self::LmStudio => &["mcpServers"],
        }
    }

    /// The place of our entry in its own file.
    pub fn entry_at(self) -> Vec<String> {
        self.servers_at().iter().copied().chain([ENTRY]).map(str::to_owned).collect()
    }

    /// The entry by which it starts this command as a server. It holds no secret.
    pub fn entry(self, command: &str, args: &[String]) -> Value {
        let mut entry = Map::new();
        // These want the transport named.
        if matches!(self, Self::ClaudeCode | Self::VsCode) {
            entry.insert("type".into(), "stdio".into());
        }
        entry.insert("command".into(), command.into());
        entry.insert("args".into(), json!(args));
        match self {
            Self::Codex => drop(entry.insert("tool_timeout_sec".into(), PATIENCE_SECONDS.into())),
            Self::Zed => drop(entry.insert("timeout".into(), PATIENCE_SECONDS.into())),
            Self::GeminiCli | Self::LmStudio => {
                drop(entry.insert("timeout".into(), (PATIENCE_SECONDS * 1000).into()));
            }
            Self::ClaudeDesktop | Self::ClaudeCode | Self::Cursor | Self::VsCode | Self::Windsurf => {}
        }
        Value::Object(entry)
    }
}

/// What a file is, beside its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// Whose it is.
    pub app: App,
    /// The person's home folder.
    pub home: &'a str,
    /// The project folder that the file belongs to; none: it is the person's own.
    pub project: Option<&'a str>,
}

/// A server as it stands in a host's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundServer {
    /// Its name there.
    pub name: String,
    /// The place of its entry in the file, by keys.
    pub place: Vec<String>,
    /// The project that it is for, where the file says so.
    pub project: Option<String>,
    /// How it is reached, or why it cannot be taken.
    pub reached: Result<Reached, String>,
    /// Whether it is switched on there.
    pub enabled: bool,
    /// What is in its entry and is not taken, a sentence each.
    pub left_out: Vec<String>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// A child process.
    Command {
        /// The program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// The working directory; none: the home folder.
        cwd: Option<String>,
        /// Variables.
        env: Vec<Named>,
    },
    /// A URL.
    Url {
        /// The endpoint.
        url: String,
        /// Headers.
        headers: Vec<Named>,
    },
}

/// A variable or a header. Its value may be a secret: it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether it looks like a secret.
    pub secret: bool,
}

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Named").field("name", &self.name).field("secret", &self.secret).finish_non_exhaustive()
    }
}

impl Named {
    fn new(name: String, value: String) -> Self {
        Self { secret: inspect::is_secret(&name, &value), name, value }
    }
}

impl Reached {
    /// Whether it is Samplegate itself: taken, it would call itself without end.
    pub fn is_samplegate(&self) -> bool {
        let Self::Command { command, args, .. } = self else { return false };
        let program = command.rsplit(['/', '\\']).next().unwrap_or(command);
        let program = program.strip_suffix(".exe").unwrap_or(program);
        program == ENTRY && args.iter().any(|arg| arg == "bridge")
    }
}

/// Reads the servers in the text of a host's file, in their order.
///
/// # Errors
/// It is not the syntax that it should be, or not a table at its root. A server that cannot be taken is no error.
pub fn read(text: &str, source: Source<'_>) -> Result<Vec<FoundServer>, Unreadable> {
    let root = source.app.syntax().parse(text)?;
    let Value::Object(root) = root else { return Err(Unreadable::new("it is not a table at its root")) };
    Ok(formats::read(&root, source))
}

/// Whose a file is, by its name and what stands in it; for files that a person names.
pub fn whose(path: &str, text: &str) -> Option<App> {
    let path = path.replace('\\', "/");
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", &path));
    let folder = folder.rsplit('/').next().unwrap_or(folder);
    let by_name = match (folder, file) {
        (_, "claude_desktop_config.json") => Some(App::ClaudeDesktop),
        (_, ".claude.json" | ".mcp.json") => Some(App::ClaudeCode),
        (_, "mcp_config.json") => Some(App::Windsurf),
        (".cursor", "mcp.json") => Some(App::Cursor),
        (".lmstudio" | "lm-studio", "mcp.json") => Some(App::LmStudio),
        (".gemini", "settings.json") => Some(App::GeminiCli),
        (".zed" | "zed" | "Zed", "settings.json") => Some(App::Zed),
        (".vscode", "mcp.json" | "settings.json") => Some(App::VsCode),
        (_, file) if file.to_ascii_lowercase().ends_with(".toml") => Some(App::Codex),
        _ => None,
    };
    by_name.or_else(|| {
        let root = Syntax::Jsonc.parse(text).ok()?;
        let has = |key: &str| root.get(key).is_some_and(Value::is_object);
        if has("context_servers") {
            Some(App::Zed)
        } else if has("servers") || has("mcp") {
            Some(App::VsCode)
        } else if has("mcpServers") {
            // What most hosts agree on.
            Some(App::Cursor)
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests;
