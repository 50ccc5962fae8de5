//! Where each host keeps its configuration on each platform.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use samplegate_core::host_files::App;

/// Platforms on which hosts keep their files in different folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Linux and its like.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl Platform {
    /// The one that this program was built for.
    pub const HERE: Self = if cfg!(target_os = "macos") {
        Self::MacOs
    } else if cfg!(windows) {
        Self::Windows
    } else {
        Self::Linux
    };
}

/// The folders under which hosts keep their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    platform: Platform,
    home: PathBuf,
    /// Where applications keep their configuration.
    config: PathBuf,
    /// Windows: where packaged applications keep theirs.
    packages: Option<PathBuf>,
    claude_code: Option<PathBuf>,
    codex: Option<PathBuf>,
    project: Option<PathBuf>,
}

/// A configuration file of a host, which need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The project that it belongs to; none: it is the person's own.
    pub project: Option<PathBuf>,
    /// What is there if the host is: the file itself, or a folder that the host makes.
    sign: PathBuf,
}

impl Place {
    /// Whether the host seems to be on this computer.
    pub fn host_is_here(&self) -> bool {
        self.path.exists() || self.sign.exists()
    }
}

impl Folders {
    /// From the environment and the folder that a project is in. None: the environment names no home folder.
    pub fn new(
        platform: Platform,
        variable: impl Fn(&str) -> Option<OsString>,
        project: Option<PathBuf>,
    ) -> Option<Self> {
        let given = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = match platform {
            Platform::Windows => given("USERPROFILE").or_else(|| given("HOME")),
            Platform::Linux | Platform::MacOs => given("HOME"),
        }?;
        let config = match platform {
            Platform::Linux => given("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
            Platform::MacOs => home.join("Library").join("Application Support"),
            Platform::Windows => given("APPDATA").unwrap_or_else(|| home.join("AppData").join("Roaming")),
        };
        let packages = (platform == Platform::Windows).then(|| {
            let local = given("LOCALAPPDATA").unwrap_or_else(|| home.join("AppData").join("Local"));
            local.join("Packages")
        });
        Some(Self {
            platform,
            config,
            packages,
            claude_code: given("CLAUDE_CONFIG_DIR"),
            codex: given("CODEX_HOME"),
            // The home folder is nobody's project: what is in it is the person's own.
            project: project.filter(|project| *project != home),
            home,
        })
    }

    /// The person's home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The file of a host that is the person's own, and that Samplegate is put into.
    pub fn own(&self, app: App) -> Place {
        let place = |path: PathBuf, sign: PathBuf| Place { path, project: None, sign };
        let beside = |path: PathBuf| {
            let sign = path.parent().map_or_else(|| path.clone(), Path::to_owned);
            place(path, sign)
        };
        match app {
            App::ClaudeDesktop => beside(self.claude_desktop()),
            App::ClaudeCode => match &self.claude_code {
                Some(folder) => beside(folder.join(".claude.json")),
                None => place(self.home.join(".claude.json"), self.home.join(".claude")),
            },
            App::Cursor => beside(self.home.join(".cursor").join("mcp.json")),
            App::VsCode => beside(self.config.join("Code").join("User").join("mcp.json")),
            App::Codex => beside(self.codex.clone().unwrap_or_else(|| self.home.join(".codex")).join("config.toml")),
            App::GeminiCli => beside(self.home.join(".gemini").join("settings.json")),
            App::Windsurf => beside(self.home.join(".codeium").join("windsurf").join("mcp_config.json")),
            App::Zed => beside(self.zed().join("settings.json")),
            App::LmStudio => beside(self.lm_studio().join("mcp.json")),
        }
    }

    /// The files in which servers of a host may stand: its own, others of the person, and the project's.
    pub fn of(&self, app: App) -> Vec<Place> {
        let mut places = vec![self.own(app)];
        if app == App::VsCode {
            let others = [("Code", "settings.json"), ("Code - Insiders", "mcp.json"), ("VSCodium", "mcp.json")];
            places.extend(others.map(|(product, file)| {
                let folder = self.config.join(product).join("User");
                Place { path: folder.join(file), project: None, sign: folder }
            }));
        }
        let in_project = match app {
            App::ClaudeCode => ".mcp.json",
            App::Cursor => ".cursor/mcp.json",
            App::VsCode => ".vscode/mcp.json",
            App::Codex => ".codex/config.toml",
            App::GeminiCli => ".gemini/settings.json",
            App::Zed => ".zed/settings.json",
            App::ClaudeDesktop | App::Windsurf | App::LmStudio => return places,
        };
        if let Some(project) = &self.project {
            let path = in_project.split('/').fold(project.clone(), |path, part| path.join(part));
            places.push(Place { sign: path.clone(), path, project: Some(project.clone()) });
        }
        places
    }

    /// The version from the store keeps its files where Windows keeps those of packages.
    fn claude_desktop(&self) -> PathBuf {
        const FILE: &str = "claude_desktop_config.json";
        let packaged = self.packages.as_ref().map(|packages| {
            packages.join("Claude_pzs8sxrjxfjjc").join("LocalCache").join("Roaming").join("Claude").join(FILE)
        });
        let plain = self.config.join("Claude").join(FILE);
        packaged.filter(|path| path.exists() && !plain.exists()).unwrap_or(plain)
    }

    fn zed(&self) -> PathBuf {
        match self.platform {
            Platform::Linux => self.config.join("zed"),
            Platform::MacOs => self.home.join(".config").join("zed"),
            Platform::Windows => self.config.join("Zed"),
        }
    }

    /// Older versions kept it among the caches, and still do where they did.
    fn lm_studio(&self) -> PathBuf {
        let (new, old) = (self.home.join(".lmstudio"), self.home.join(".cache").join("lm-studio"));
        if !new.exists() && old.exists() { old } else { new }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn folders(platform: Platform, set: &[(&str, &str)]) -> Folders {
        let variable = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Folders::new(platform, variable, Some("/shop".into())).unwrap()
    }

    fn own(folders: &Folders) -> Vec<String> {
        App::ALL.iter().map(|app| folders.own(*app).path.display().to_string()).collect()
    }

    #[test]
    fn each_platform_has_its_own_places() {
        let linux = folders(Platform::Linux, &[("HOME", "/h"), ("APPDATA", "/no")]);
        let expected = [
            "/h/.config/Claude/claude_desktop_config.json",
            "/h/.claude.json",
            "/h/.cursor/mcp.json",
            "/h/.config/Code/User/mcp.json",
            "/h/.codex/config.toml",
            "/h/.gemini/settings.json",
            "/h/.codeium/windsurf/mcp_config.json",
            "/h/.config/zed/settings.json",
            "/h/.lmstudio/mcp.json",
        ];
        assert_eq!(own(&linux), expected);
        let mac = own(&folders(Platform::MacOs, &[("HOME", "/h"), ("XDG_CONFIG_HOME", "/no")]));
        assert_eq!(mac[0], "/h/Library/Application Support/Claude/claude_desktop_config.json");
        assert_eq!(mac[3], "/h/Library/Application Support/Code/User/mcp.json");
        assert_eq!(mac[7], "/h/.config/zed/settings.json");
        let windows = own(&folders(Platform::Windows, &[("USERPROFILE", "/u"), ("APPDATA", "/u/AppData/Roaming")]));
        assert_eq!(windows[0], "/u/AppData/Roaming/Claude/claude_desktop_config.json");
        assert_eq!(windows[7], "/u/AppData/Roaming/Zed/settings.json");
        assert_eq!(windows[6], "/u/.codeium/windsurf/mcp_config.json");
    }

    #[test]
    fn variables_of_the_hosts_move_their_files() {
        let set = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/c"), ("CODEX_HOME", "/x"), ("CLAUDE_CONFIG_DIR", "/k")];
        let moved = own(&folders(Platform::Linux, &set));
        assert_eq!(moved[0], "/c/Claude/claude_desktop_config.json");
        assert_eq!((moved[1].as_str(), moved[4].as_str()), ("/k/.claude.json", "/x/config.toml"));
        let relative = own(&folders(Platform::Linux, &[("HOME", "/h"), ("CODEX_HOME", "x")]));
        assert_eq!(relative[4], "/h/.codex/config.toml", "a relative folder is of no use");
        assert!(Folders::new(Platform::Linux, |_| None, None).is_none());
    }

    #[test]
    fn a_project_has_files_of_its_own_and_the_home_folder_is_none() {
        let places = folders(Platform::Linux, &[("HOME", "/h")]).of(App::ClaudeCode);
        assert_eq!(places[1].path, Path::new("/shop/.mcp.json"));
        assert_eq!(places[1].project.as_deref(), Some(Path::new("/shop")));
        let at_home = folders(Platform::Linux, &[("HOME", "/shop")]).of(App::ClaudeCode);
        assert_eq!(at_home.len(), 1);
    }
}
