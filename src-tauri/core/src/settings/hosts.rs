//! The gateway, and the hosts that may connect to it.

use serde::{Deserialize, Serialize};

use super::{InvalidSetting, check_name};
use crate::{
    canonical::Sha256Hex,
    limits::{LIMITS_OF_CALLS, Limit, Limits},
};

/// The port that the gateway listens on unless another one is said.
pub const GATEWAY_PORT: u16 = 7717;

/// Names under which calls are made here, so that no host can pass for them in a question or the log.
const OURS: [&str; 2] = ["terminal", "samplegate"];

/// Where hosts reach the servers: an endpoint on this machine's loopback address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    /// Whether it listens.
    pub enabled: bool,
    /// The TCP port, on 127.0.0.1.
    pub port: u16,
}

impl Default for Gateway {
    fn default() -> Self {
        Self { enabled: true, port: GATEWAY_PORT }
    }
}

impl Gateway {
    pub(super) fn check(&self) -> Result<(), InvalidSetting> {
        if self.port == 0 {
            return Err(InvalidSetting("gateway.port: a number from 1 to 65535, so that hosts find it again".into()));
        }
        Ok(())
    }
}

/// A host that may connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Of its token. The token itself is told once and not kept.
    pub token_sha256: Sha256Hex,
    /// Who answers sampling requests that come up in its calls.
    #[serde(default)]
    pub sampling: HostMode,
    /// Who answers elicitation that comes up in its calls.
    #[serde(default)]
    pub elicitation: HostMode,
    /// Whether its calls of tools are looked at.
    #[serde(default)]
    pub tool_calls: ToolCalls,
    /// Where its calls of tools are looked at: whether their results are too, before it gets them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub review_results: bool,
    /// Limits of its calls of tools that are looked at; what is not said has no limit.
    #[serde(default, skip_serializing_if = "Limits::is_default")]
    pub limits: Limits,
}

impl Host {
    /// A host with this token: everything is answered here, and its calls of tools are not looked at.
    pub fn new(token_sha256: Sha256Hex) -> Self {
        Self {
            token_sha256,
            sampling: HostMode::default(),
            elicitation: HostMode::default(),
            tool_calls: ToolCalls::default(),
            review_results: false,
            limits: Limits::default(),
        }
    }

    pub(super) fn check(&self) -> Result<(), InvalidSetting> {
        let other = |limit: &&Limit| self.limits.for_all(**limit).is_some() && !LIMITS_OF_CALLS.contains(limit);
        let Some(limit) = Limit::ALL.iter().find(other) else { return Ok(()) };
        let keys: Vec<&str> = LIMITS_OF_CALLS.iter().map(|limit| limit.as_str()).collect();
        Err(InvalidSetting(format!("limits.{limit}: this is no limit of tool calls; these are {}", keys.join(", "))))
    }
}

/// Who answers what a server asks in a host's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostMode {
    /// It is answered here, at both gates.
    #[default]
    Answer,
    /// It is looked at here, then the host answers, and the answer is looked at too.
    Gate,
    /// The host answers.
    Pass,
}

/// Whether a host's calls of tools are looked at before they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolCalls {
    /// They are made.
    #[default]
    Off,
    /// A person is asked, unless a rule says otherwise.
    Ask,
    /// What no rule allows is denied.
    Rules,
}

/// Checks a host's name: as every name, and none that calls made here go by.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_host_name(name: &str) -> Result<(), InvalidSetting> {
    check_name(name)?;
    if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        return Err(InvalidSetting(format!("calls made here go by {name:?}: choose another name")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn no_host_goes_by_the_name_of_calls_made_here() {
        assert!(check_host_name("claude-code").is_ok());
        for name in ["terminal", "Samplegate", "", "-x", "a b"] {
            assert!(check_host_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn settings_with_a_host_or_a_port_that_cannot_be_are_not_valid() {
        let mut settings = Settings::default();
        settings.hosts.insert("h".into(), Host::new(Sha256Hex::of(b"t")));
        assert_eq!(settings.check(), Ok(()));
        settings.hosts.insert("two".into(), Host::new(Sha256Hex::of(b"t")));
        assert!(settings.check().is_err(), "a token tells one host");
        settings.hosts.clear();
        settings.hosts.insert("Terminal".into(), Host::new(Sha256Hex::of(b"t")));
        assert!(settings.check().is_err());
        settings.hosts.clear();
        let mut limited = Host::new(Sha256Hex::of(b"t"));
        limited.limits.set(Limit::PerMinute, Some(60));
        settings.hosts.insert("h".into(), limited.clone());
        assert_eq!(settings.check(), Ok(()));
        limited.limits.set(Limit::UsdPerDay, Some(1));
        settings.hosts.insert("h".into(), limited);
        assert!(settings.check().is_err_and(|error| error.0.contains("hosts.h: limits.usd_per_day")));
        settings.hosts.clear();
        settings.gateway.port = 0;
        assert!(settings.check().is_err());
    }
}
