use jiff::civil::date;
use samplegate_core::{
    limits::Limits,
    policy::{Action, Label, Risk, Rule},
    settings::{
        Confinement, Gates, Host, KeySource, Model, Record, Sampling, SamplingTools, Server, Tool, ToolCalls, Tools,
        Transport,
    },
};

use super::*;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    (folder, path)
}

fn update(config: &Config, change: impl FnOnce(&mut Settings)) -> Result<(), ConfigError> {
    config.update(|settings| {
        change(settings);
        Ok(())
    })
}

#[test]
fn a_new_home_has_the_demo_server_and_the_person_as_answerer() {
    let (_folder, path) = folder();
    let config = Config::open(&path).unwrap();
    assert_eq!(config.settings().default_model, "human");
    assert_eq!(config.settings().servers["demo"], Server::demo());
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# Samplegate's configuration."), "{text}");
    assert!(text.contains("[servers.demo]"), "{text}");
}

#[test]
fn keeps_comments_and_order_and_what_did_not_change() {
    let (_folder, path) = folder();
    let text = "# mine\ndefault_model = \"human\" # for now\n\n[servers.zeta] # last comes first\ncommand = \"zeta\"\nargs = [\n  \"a\", # one\n]\nsampling = \"ask\"\n\n[servers.alpha]\nurl = \"http://localhost:1/mcp\"\n";
    fs::write(&path, text).unwrap();
    let config = Config::open(&path).unwrap();
    update(&config, |settings| {
        settings.servers.get_mut("alpha").unwrap().enabled = false;
        settings.models.insert(
            "m".into(),
            Model {
                provider: "openai".into(),
                base_url: None,
                model: "x".into(),
                key: KeySource::Command("pass show m".into()),
            },
        );
        settings.default_model = "m".into();
        settings.rules.push(Rule { server: Some("zeta".into()), ..Rule::new("r1", Action::Deny) });
    })
    .unwrap();
    let written = fs::read_to_string(&path).unwrap();
    for kept in ["# mine\n", "default_model = \"m\" # for now", "[servers.zeta] # last comes first", "  \"a\", # one\n"]
    {
        assert!(written.contains(kept), "{kept:?} is not in\n{written}");
    }
    assert!(written.find("zeta") < written.find("alpha"));
    for left_out in ["gates", "[general]"] {
        assert!(!written.contains(left_out), "{left_out:?} was written\n{written}");
    }
    assert!(written.contains("[[rules]]"), "{written}");
    assert!(written.contains("[models.m]"), "{written}");
    assert_eq!(Config::open(&path).unwrap().settings(), config.settings());
}

#[test]
fn hosts_and_the_gateway_are_written_beside_what_a_person_wrote() {
    let (_folder, path) = folder();
    let text = "[gateway] # mine\nport = 7717 # as it is\n\n[hosts.old] # keep\ntoken_sha256 = \"".to_owned()
        + &"0".repeat(64)
        + "\"\n";
    fs::write(&path, text).unwrap();
    let config = Config::open(&path).unwrap();
    update(&config, |settings| {
        settings.hosts.insert("new".into(), Host { tool_calls: ToolCalls::Ask, ..Host::new(Sha256Hex::of(b"t")) });
    })
    .unwrap();
    let written = fs::read_to_string(&path).unwrap();
    for kept in ["[gateway] # mine\nport = 7717 # as it is\n", "[hosts.old] # keep\n", "\n[hosts.new]\n"] {
        assert!(written.contains(kept), "{kept:?} is not in\n{written}");
    }
    assert_eq!(written.matches("sampling").count(), 1, "the old host's is still left out\n{written}");
    assert_eq!(Config::open(&path).unwrap().settings(), config.settings());
    assert_eq!(config.settings().hosts["new"].tool_calls, ToolCalls::Ask);
}

#[test]
fn a_broken_file_names_its_line_keeps_the_last_good_settings_and_is_not_overwritten() {
    let (_folder, path) = folder();
    let config = Config::open(&path).unwrap();
    let good = config.settings();
    for (broken, line, word) in [
        ("default_model = \"human\"\n[servers.x\n", 2, ""),
        ("default_model = \"human\"\n\n[servers.x]\ncomand = \"y\"\n", 4, "comand"),
        ("\ndefault_model = 3\n", 2, "string"),
    ] {
        fs::write(&path, broken).unwrap();
        config.reload();
        let current = config.current();
        assert_eq!(current.settings, good);
        match current.error {
            Some(ConfigError::Broken { line: at, message, .. }) => {
                assert_eq!(at, line, "{message}");
                assert!(message.contains(word), "{message}");
            }
            other => panic!("{other:?}"),
        }
        assert!(update(&config, |settings| settings.default_model = "human".into()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), broken);
    }
}

#[test]
fn a_change_that_is_not_valid_changes_nothing() {
    let (_folder, path) = folder();
    let config = Config::open(&path).unwrap();
    let before = fs::read_to_string(&path).unwrap();
    let error = update(&config, |settings| settings.default_model = "nobody".into()).unwrap_err();
    assert!(error.to_string().contains("nobody"));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn every_kind_of_server_comes_back_as_it_went() {
    let (_folder, path) = folder();
    let config = Config::open(&path).unwrap();
    let server = |transport, tools| Server {
        sampling: Sampling::Rules,
        gates: Gates::Request,
        sampling_tools: tools,
        risk: Risk::High,
        limits: Limits::none(),
        record: Some(Record { purpose: "to \"test\"\nthis".into(), ..Record::filled(date(2026, 11, 21), "me") }),
        tools: Tools::from([("pay".into(), Tool { risk: Some(Risk::High), labels: Some([Label::Outward].into()) })]),
        confine: Confinement { enabled: true, write: vec!["/tmp".into()], ..Confinement::default() },
        ..Server::new(transport)
    };
    update(&config, |settings| {
        let stdio = Transport::Stdio {
            command: "python".into(),
            args: vec!["x.py".into(), "a b".into()],
            cwd: Some("/tmp".into()),
            env: [("A".to_owned(), "b".to_owned())].into(),
            secret_env: vec!["TOKEN".into()],
        };
        let http = Transport::Http {
            url: "https://example.org/mcp".into(),
            headers: [("X-A".to_owned(), "b".to_owned())].into(),
            secret_headers: vec!["Authorization".into()],
        };
        settings.servers.insert("a".into(), server(stdio, SamplingTools::All));
        settings.servers.insert("b".into(), server(http, SamplingTools::Only(vec!["x".into()])));
    })
    .unwrap();
    assert_eq!(Config::open(&path).unwrap().settings(), config.settings());
}

#[test]
fn a_table_that_becomes_a_value_is_written_like_one() {
    let (_folder, path) = folder();
    let config = Config::open(&path).unwrap();
    for said in ["per_minute=30", "none"] {
        update(&config, |settings| settings.servers.get_mut("demo").unwrap().limits.read(said).unwrap()).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\nlimits = \"none\"\n"), "{text}");
}

#[tokio::test]
async fn a_change_from_outside_is_taken_up() {
    let (_folder, path) = folder();
    let config = Config::open(&path).unwrap();
    config.watch().unwrap();
    let mut changes = config.subscribe();
    let other = Config::open(&path).unwrap();
    update(&other, |settings| settings.general.notifications = false).unwrap();
    tokio::time::timeout(Duration::from_secs(10), changes.changed()).await.unwrap().unwrap();
    assert!(!config.settings().general.notifications);
}
