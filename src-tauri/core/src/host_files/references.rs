//! `${…}` in a host's file: what the host would put there when it starts the server.
//!
//! Only what is known without the host's environment is put in: the home folder, the project's folder, and what the
//! file itself gives as the usual. The rest is named, not guessed.

use super::{App, Source};

/// A text with what is known put in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Resolved {
    pub(super) text: String,
    /// References that nothing is known of, as they are written.
    pub(super) unknown: Vec<String>,
    /// Names of variables whose usual value was put in.
    pub(super) usual: Vec<String>,
}

/// Whether a host puts anything in at all. For the others `${…}` is the server's own text.
fn resolves(app: App) -> bool {
    match app {
        App::ClaudeCode | App::Cursor | App::VsCode | App::GeminiCli | App::Windsurf | App::LmStudio => true,
        App::ClaudeDesktop | App::Codex | App::Zed => false,
    }
}

pub(super) fn resolve(text: &str, source: Source<'_>) -> Resolved {
    let mut resolved = Resolved::default();
    if !resolves(source.app) {
        resolved.text = text.to_owned();
        return resolved;
    }
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        resolved.text.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some((written, name)) = reference(rest, source.app) else {
            resolved.text.push('$');
            rest = &rest[1..];
            continue;
        };
        match value(name, source) {
            Some(Known::Value(value)) => resolved.text.push_str(&value),
            Some(Known::Usual { name, value }) => {
                resolved.text.push_str(value);
                resolved.usual.push(name.to_owned());
            }
            None => {
                resolved.text.push_str(written);
                resolved.unknown.push(written.to_owned());
            }
        }
        rest = &rest[written.len()..];
    }
    resolved.text.push_str(rest);
    resolved
}

/// The reference that a text begins with: as written, and what is in it.
fn reference(text: &str, app: App) -> Option<(&str, &str)> {
    if let Some(inside) = text.strip_prefix("${") {
        let end = inside.find('}')?;
        return Some((text.get(..end + 3)?, inside.get(..end)?));
    }
    // `$NAME` is Gemini CLI's alone.
    if app != App::GeminiCli {
        return None;
    }
    let name = text.strip_prefix('$')?;
    let length = name.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let name = name.get(..length).filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))?;
    Some((text.get(..=length)?, name))
}

enum Known<'a> {
    Value(String),
    Usual { name: &'a str, value: &'a str },
}

fn value<'a>(name: &'a str, source: Source<'_>) -> Option<Known<'a>> {
    let known = match name {
        "HOME" | "USERPROFILE" | "env:HOME" | "env:USERPROFILE" | "userHome" => source.home.to_owned(),
        "workspaceFolder" | "CLAUDE_PROJECT_DIR" => source.project?.to_owned(),
        "workspaceFolderBasename" => source.project?.rsplit(['/', '\\']).next()?.to_owned(),
        "pathSeparator" | "/" => std::path::MAIN_SEPARATOR_STR.to_owned(),
        _ => {
            let (name, value) = name.split_once(":-")?;
            return Some(Known::Usual { name, value });
        }
    };
    Some(Known::Value(known))
}
