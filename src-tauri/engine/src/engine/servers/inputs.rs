//! A server's settings as the shells give and see them, and the names of its secrets in the keychain.

use std::collections::BTreeMap;

use samplegate_core::{
    limits::Limits,
    settings::{self, Confinement, Elicitation, OauthClient, Sampling, SamplingTools, Server, Transport},
};

use crate::{
    engine::{confinement, logins::client_secret},
    wire::{Gates, NamedValue, OauthClientInput, SamplingMode, ServerInput, TransportInput},
};

/// The keychain entry of a variable or header.
pub(in crate::engine) fn secret_name(server: &str, kind: &str, name: &str) -> String {
    format!("server:{server}:{kind}:{name}")
}

pub(super) fn secret_names(server: &str, settings: &Server) -> Vec<String> {
    match &settings.transport {
        Transport::Stdio { secret_env, .. } => secret_env.iter().map(|name| secret_name(server, "env", name)).collect(),
        Transport::Http { secret_headers, .. } => {
            let headers = secret_headers.iter().map(|name| secret_name(server, "header", name));
            headers.chain(settings.oauth.client_secret.then(|| client_secret(server))).collect()
        }
        Transport::Demo { .. } => Vec::new(),
    }
}

pub(super) fn secret_values(transport: &TransportInput) -> Vec<(&'static str, &NamedValue)> {
    let (kind, values) = match transport {
        TransportInput::Stdio { env, .. } => ("env", env.as_slice()),
        TransportInput::Http { headers, .. } => ("header", headers.as_slice()),
        TransportInput::Demo => return Vec::new(),
    };
    values.iter().filter(|value| value.secret).map(|value| (kind, value)).collect()
}

/// A server's settings as the shells see them: no secret values.
pub(in crate::engine) fn input(name: &str, server: &Server) -> ServerInput {
    let values = |plain: &BTreeMap<String, String>, secret: &[String]| {
        let plain = plain.iter().map(|(name, value)| NamedValue {
            name: name.clone(),
            value: Some(value.clone()),
            secret: false,
        });
        let secret = secret.iter().map(|name| NamedValue { name: name.clone(), value: None, secret: true });
        plain.chain(secret).collect::<Vec<_>>()
    };
    ServerInput {
        name: name.into(),
        transport: match &server.transport {
            Transport::Stdio { command, args, cwd, env, secret_env } => TransportInput::Stdio {
                command: command.clone(),
                args: args.clone(),
                cwd: cwd.clone(),
                env: values(env, secret_env),
            },
            Transport::Http { url, headers, secret_headers } => {
                TransportInput::Http { url: url.clone(), headers: values(headers, secret_headers) }
            }
            Transport::Demo { .. } => TransportInput::Demo,
        },
        enabled: server.enabled,
        sampling: match server.sampling {
            Sampling::Off => SamplingMode::Off,
            Sampling::Ask => SamplingMode::Ask,
            Sampling::Rules => SamplingMode::Rules,
        },
        gates: gates_view(server.gates),
        sampling_tools: match &server.sampling_tools {
            SamplingTools::None => crate::wire::SamplingTools::None,
            SamplingTools::All => crate::wire::SamplingTools::All,
            SamplingTools::Only(names) => crate::wire::SamplingTools::Only(names.clone()),
        },
        elicitation: Some(server.elicitation == Elicitation::Ask),
        limits: Some(server.limits.clone()),
        confinement: Some(confinement::view(&server.confine)),
        oauth: matches!(server.transport, Transport::Http { .. }).then(|| OauthClientInput {
            client_id: server.oauth.client_id.clone(),
            has_secret: server.oauth.client_secret,
            secret: None,
        }),
        roots: Some(server.roots.clone()),
    }
}

/// A gates setting as the shells see it.
pub(crate) fn gates_view(gates: settings::Gates) -> Gates {
    match gates {
        settings::Gates::Both => Gates::Both,
        settings::Gates::Request => Gates::Request,
        settings::Gates::Answer => Gates::Answer,
    }
}

/// A gates setting as a shell gives it.
pub(crate) fn gates(gates: Gates) -> settings::Gates {
    match gates {
        Gates::Both => settings::Gates::Both,
        Gates::Request => settings::Gates::Request,
        Gates::Answer => settings::Gates::Answer,
    }
}

/// A shell's input as settings. A plain value of none keeps the old one.
pub(super) fn from_input(input: &ServerInput, old: Option<&Server>) -> Server {
    let old_plain: BTreeMap<String, String> = match old.map(|server| &server.transport) {
        Some(Transport::Stdio { env, .. }) => env.clone(),
        Some(Transport::Http { headers, .. }) => headers.clone(),
        Some(Transport::Demo { .. }) | None => BTreeMap::new(),
    };
    let split = |values: &[NamedValue]| {
        let plain: BTreeMap<String, String> = values
            .iter()
            .filter(|value| !value.secret)
            .map(|value| {
                let kept = || old_plain.get(&value.name).cloned().unwrap_or_default();
                (value.name.clone(), value.value.clone().unwrap_or_else(kept))
            })
            .collect();
        let secret: Vec<String> = values.iter().filter(|value| value.secret).map(|value| value.name.clone()).collect();
        (plain, secret)
    };
    let transport = match &input.transport {
        TransportInput::Stdio { command, args, cwd, env } => {
            let (env, secret_env) = split(env);
            Transport::Stdio {
                command: command.clone(),
                args: args.clone(),
                cwd: cwd.clone().filter(|cwd| !cwd.is_empty()),
                env,
                secret_env,
            }
        }
        TransportInput::Http { url, headers } => {
            let (headers, secret_headers) = split(headers);
            Transport::Http { url: url.clone(), headers, secret_headers }
        }
        TransportInput::Demo => Transport::Demo { demo: true },
    };
    Server {
        enabled: input.enabled,
        sampling: sampling(input.sampling),
        gates: gates(input.gates),
        sampling_tools: match &input.sampling_tools {
            crate::wire::SamplingTools::None => SamplingTools::None,
            crate::wire::SamplingTools::All => SamplingTools::All,
            crate::wire::SamplingTools::Only(names) => SamplingTools::Only(names.clone()),
        },
        elicitation: match (input.elicitation, old) {
            (Some(true), _) | (None, None) => Elicitation::Ask,
            (Some(false), _) => Elicitation::Off,
            (None, Some(old)) => old.elicitation,
        },
        limits: match (&input.limits, old) {
            (Some(limits), _) => limits.clone(),
            (None, Some(old)) => old.limits.clone(),
            (None, None) => Limits::default(),
        },
        confine: match (&input.confinement, old) {
            (Some(confinement), _) => confinement::settings(confinement),
            (None, Some(old)) => old.confine.clone(),
            (None, None) => Confinement::default(),
        },
        oauth: match (&input.oauth, old, &transport) {
            (_, _, Transport::Stdio { .. } | Transport::Demo { .. }) => OauthClient::default(),
            (Some(oauth), _, _) => {
                let client_id = oauth.client_id.clone().filter(|id| !id.is_empty());
                // A secret belongs to an id.
                let same = old.is_none_or(|old| old.oauth.client_id == client_id);
                let client_secret = client_id.is_some() && (oauth.secret.is_some() || oauth.has_secret && same);
                OauthClient { client_id, client_secret }
            }
            (None, Some(old), _) => old.oauth.clone(),
            (None, None, _) => OauthClient::default(),
        },
        roots: match (&input.roots, old) {
            (Some(roots), _) => roots.clone(),
            (None, Some(old)) => old.roots.clone(),
            (None, None) => Vec::new(),
        },
        ..match old {
            Some(old) => Server { transport, ..old.clone() },
            None => Server::new(transport),
        }
    }
}

pub(in crate::engine) fn sampling(mode: SamplingMode) -> settings::Sampling {
    match mode {
        SamplingMode::Off => settings::Sampling::Off,
        SamplingMode::Ask => settings::Sampling::Ask,
        SamplingMode::Rules => settings::Sampling::Rules,
    }
}
