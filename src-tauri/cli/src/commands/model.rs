//! `samplegate model …`

use samplegate_core::{model_format, settings::HUMAN};
use samplegate_engine::{
    engine::Engine,
    wire::{KeyInput, KeyState, ModelInput, ModelView},
};
use serde_json::{Value, json};

use super::stdin;
use crate::{
    args::{Model, ModelAdd},
    exit::{Exit, Failure},
    output,
    start::Start,
};

pub(crate) async fn run(start: &Start, command: Model) -> Result<Exit, Failure> {
    let engine = start.idle().await?;
    let done = match command {
        Model::Add(add) => self::add(&engine, add).await,
        Model::List(list) => self::list(&engine, list.json),
        Model::Test(name) => test(&engine, &name.name).await,
        Model::Remove(name) => engine.remove_model(&name.name).await.map(|()| Exit::Done).map_err(Failure::from),
        Model::Opinion(name) => {
            let chosen = Some(name.name.as_str()).filter(|name| *name != "none");
            engine.set_second_opinion(chosen).map(|()| Exit::Done).map_err(Failure::from)
        }
        Model::Default(name) => engine.set_default_model(&name.name).map(|()| Exit::Done).map_err(Failure::from),
    };
    super::finish(&engine).await;
    done
}

async fn add(engine: &Engine, add: ModelAdd) -> Result<Exit, Failure> {
    let key = match (add.no_key, add.key_stdin, add.key_command) {
        (true, _, _) => KeyInput::None,
        (_, true, _) => KeyInput::Keychain(stdin::secret("the key")?),
        (_, _, Some(command)) => KeyInput::Command(command),
        (false, false, None) => match model_format::provider(&add.provider) {
            Some(provider) if provider.needs_key => {
                return Err(Failure::usage(format!(
                    "{} wants a key: --key-stdin, --key-command CMD, or --no-key where it needs none",
                    provider.label
                )));
            }
            Some(_) | None => KeyInput::None,
        },
    };
    let name = add.name.clone();
    let input = ModelInput { name: add.name, provider: add.provider, base_url: add.base_url, model: add.model, key };
    engine.save_model(None, input).await?;
    if engine.config().settings().default_model == HUMAN {
        output::note(&format!("you still answer by default; change that with `samplegate model default {name}`"));
    }
    Ok(Exit::Done)
}

fn list(engine: &Engine, as_json: bool) -> Result<Exit, Failure> {
    output::listing(&engine.list_models(), as_json, to_json, row)?;
    Ok(Exit::Done)
}

async fn test(engine: &Engine, name: &str) -> Result<Exit, Failure> {
    if !engine.config().settings().models.contains_key(name) {
        return Err(Failure::usage(format!("there is no model {name:?}")));
    }
    let report = engine.test_model(name).await;
    if report.ok {
        output::line(&output::visible(&report.message))?;
        Ok(Exit::Done)
    } else {
        Err(Failure::new(Exit::Model, report.message))
    }
}

fn key(state: KeyState) -> &'static str {
    match state {
        KeyState::None => "none",
        KeyState::Keychain => "keychain",
        KeyState::Memory => "memory",
        KeyState::Command => "command",
        KeyState::Missing => "missing",
    }
}

fn to_json(model: &ModelView) -> Value {
    json!({
        "name": model.name,
        "provider": model.provider,
        "base_url": model.base_url,
        "model": model.model,
        "key": key(model.key),
        "default": model.is_default,
    })
}

fn row(model: &ModelView) -> Vec<String> {
    vec![
        model.name.clone(),
        if model.is_default { "default".into() } else { String::new() },
        model.provider.clone(),
        model.model.clone(),
        format!("key: {}", key(model.key)),
        model.base_url.clone(),
    ]
}
