//! What a server may ask for: sampling and its tools, through which gates, and elicitation; and from when on what was
//! allowed about it counts.

use serde::{Deserialize, Serialize};

use crate::audit::Gate;

/// Whether a server may sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// The capability is not declared at all.
    #[default]
    Off,
    /// A person is asked, unless a rule says otherwise.
    Ask,
    /// What no rule allows is denied.
    Rules,
}

/// Which gates ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gates {
    /// Request and answer.
    #[default]
    Both,
    /// The request only.
    Request,
    /// The answer only.
    Answer,
}

impl Gates {
    /// Whether this gate is one of them.
    pub fn has(self, gate: Gate) -> bool {
        match (self, gate) {
            (Self::Both, _) | (Self::Request, Gate::Request) | (Self::Answer, Gate::Answer) => true,
            (Self::Request, Gate::Answer) | (Self::Answer, Gate::Request) => false,
        }
    }
}

/// Whether a server may ask the person for input. It costs nothing and nobody but the person answers, so it is on unless
/// they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Elicitation {
    /// `elicitation` is not even declared.
    Off,
    /// The person is asked.
    #[default]
    Ask,
}

impl Elicitation {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// When what a server is gets pinned: before that no rule and no grant counts for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PinAt {
    /// When it is reached first: a person put it here, or let it sample.
    #[default]
    First,
    /// When a person looked at it and approved it: it was taken over from elsewhere.
    Approval,
}

impl PinAt {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which tools a server may put into its sampling requests: `"none"`, `"all"` or a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "ToolsRepr", into = "ToolsRepr")]
pub enum SamplingTools {
    /// None: `sampling.tools` is not declared.
    #[default]
    None,
    /// Any.
    All,
    /// These.
    Only(Vec<String>),
}

impl SamplingTools {
    /// Whether none are allowed.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Reads `none`, `all` or a comma-separated list, as on the command line.
    pub fn from_list(text: &str) -> Self {
        match text {
            "none" | "" => Self::None,
            "all" => Self::All,
            names => {
                Self::Only(names.split(',').map(|name| name.trim().to_owned()).filter(|n| !n.is_empty()).collect())
            }
        }
    }

    /// Whether a tool of this name may be in a request.
    pub fn allows(&self, tool: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(names) => names.iter().any(|name| name == tool),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ToolsRepr {
    Word(String),
    Names(Vec<String>),
}

impl From<ToolsRepr> for SamplingTools {
    fn from(repr: ToolsRepr) -> Self {
        match repr {
            ToolsRepr::Word(word) => Self::from_list(&word),
            ToolsRepr::Names(names) => Self::Only(names),
        }
    }
}

impl From<SamplingTools> for ToolsRepr {
    fn from(tools: SamplingTools) -> Self {
        match tools {
            SamplingTools::None => Self::Word("none".into()),
            SamplingTools::All => Self::Word("all".into()),
            SamplingTools::Only(names) => Self::Names(names),
        }
    }
}
