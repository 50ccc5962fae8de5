//! The rules: which words near each other amount to what.

use super::{
    super::{FindingKind, Severity},
    words::{Role, Roles},
};

/// Roles that stand near each other, and what they amount to.
pub(super) struct Rule {
    pub(super) kind: FindingKind,
    pub(super) severity: Severity,
    pub(super) anchor: Role,
    /// Of each of these one is needed.
    pub(super) with: &'static [Roles],
    /// None of these may stand in the anchor's sentence.
    pub(super) without: Roles,
    /// How far from the anchor, in bytes.
    pub(super) reach: usize,
    /// How many sentences away.
    pub(super) sentences: u32,
    /// Whether the anchor comes first.
    pub(super) first: bool,
    pub(super) why: &'static str,
}

const fn rule(kind: FindingKind, anchor: Role, with: &'static [Roles], reach: usize, why: &'static str) -> Rule {
    let without = Roles::of(&[]);
    Rule { kind, severity: Severity::Medium, anchor, with, without, reach, sentences: 0, first: false, why }
}

/// The farthest that any rule looks, in bytes.
pub(super) const FARTHEST: usize = 170;

const OVERRIDE: &str = "It tells the model to set its instructions aside.";
const PERSISTENCE: &str = "It is to hold for later answers too.";
const SECOND_TASK: &str = "It adds a task that nobody asked for.";
const BAIT: &str = "It leads the model to run a tool that nobody asked for.";
const SECRETS: &str = "It asks for secrets.";
const EXTRACTION: &str = "It asks for the model's own instructions.";
const ROLE: &str = "It gives the model another role, one without rules.";

/// The anchors of all rules.
pub(super) const ANCHORS: Roles = {
    let mut anchors = any(&[]);
    let mut index = 0;
    while index < RULES.len() {
        anchors = anchors.and(RULES[index].anchor);
        index += 1;
    }
    anchors
};

/// Where a program's rules are spoken of, which people do set aside.
const TECHNICAL: Roles = any(&[Role::Technical, Role::Guard]);
/// Where somebody asks how a thing is done, or guards against it.
const ADVICE: Roles = any(&[Role::How, Role::Guard]);
const GUARD: Roles = any(&[Role::Guard]);

const fn any(roles: &[Role]) -> Roles {
    Roles::of(roles)
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        without: TECHNICAL,
        ..rule(FindingKind::Override, Role::Ignore, &[any(&[Role::Rules]), any(&[Role::Prior])], 90, OVERRIDE)
    },
    Rule { without: TECHNICAL, ..rule(FindingKind::Override, Role::Ignore, &[any(&[Role::Prompt])], 70, OVERRIDE) },
    Rule { without: GUARD, ..rule(FindingKind::Override, Role::Overrides, &[], 0, OVERRIDE) },
    rule(FindingKind::Persistence, Role::Future, &[any(&[Role::Reply])], 110, PERSISTENCE),
    rule(FindingKind::Persistence, Role::Persists, &[], 0, PERSISTENCE),
    Rule {
        sentences: 1,
        ..rule(
            FindingKind::SecondTask,
            Role::Conceal,
            &[any(&[Role::After]), any(&[Role::Produce, Role::Run])],
            170,
            SECOND_TASK,
        )
    },
    Rule {
        first: true,
        sentences: 1,
        ..rule(FindingKind::SecondTask, Role::After, &[any(&[Role::Amount]), any(&[Role::Produce])], 150, SECOND_TASK)
    },
    rule(FindingKind::SecondTask, Role::ExtraTask, &[], 0, SECOND_TASK),
    Rule {
        sentences: 1,
        ..rule(
            FindingKind::ToolBait,
            Role::Tool,
            &[any(&[Role::Run]), any(&[Role::Conceal, Role::Unasked, Role::Danger, Role::Consents])],
            150,
            BAIT,
        )
    },
    rule(
        FindingKind::ToolBait,
        Role::SideEffect,
        &[any(&[Role::Run]), any(&[Role::After, Role::Conceal, Role::Unasked, Role::Danger])],
        120,
        BAIT,
    ),
    Rule {
        sentences: 1,
        ..rule(
            FindingKind::ToolBait,
            Role::Danger,
            &[any(&[Role::Run, Role::Conceal]), any(&[Role::Conceal, Role::Unasked])],
            120,
            BAIT,
        )
    },
    rule(FindingKind::ToolBait, Role::Baits, &[], 0, BAIT),
    Rule {
        without: ADVICE,
        ..rule(
            FindingKind::SecretRequest,
            Role::Secret,
            &[any(&[Role::Reveal, Role::Asks]), any(&[Role::Whose, Role::Elsewhere, Role::Conceal])],
            80,
            SECRETS,
        )
    },
    Rule {
        without: ADVICE,
        ..rule(
            FindingKind::SecretRequest,
            Role::Secret,
            &[any(&[Role::Open]), any(&[Role::Elsewhere, Role::Conceal])],
            80,
            SECRETS,
        )
    },
    Rule {
        without: ADVICE,
        ..rule(
            FindingKind::SecretRequest,
            Role::SecretPlace,
            &[any(&[Role::Reveal, Role::Open, Role::Run])],
            60,
            SECRETS,
        )
    },
    Rule {
        without: ADVICE,
        severity: Severity::High,
        ..rule(
            FindingKind::SecretRequest,
            Role::Elsewhere,
            &[any(&[Role::Reveal, Role::Open]), any(&[Role::Talk, Role::Secret, Role::SecretPlace])],
            110,
            "It asks to send what was said, or secrets, to another place.",
        )
    },
    Rule {
        without: ADVICE,
        ..rule(FindingKind::PromptExtraction, Role::Prompt, &[any(&[Role::Reveal])], 60, EXTRACTION)
    },
    Rule { without: GUARD, ..rule(FindingKind::PromptExtraction, Role::Extracts, &[], 0, EXTRACTION) },
    Rule {
        without: GUARD,
        ..rule(FindingKind::Authority, Role::Claims, &[], 0, "It claims to speak for somebody with authority.")
    },
    Rule {
        without: GUARD,
        ..rule(
            FindingKind::Authority,
            Role::Authority,
            &[any(&[Role::Obliges]), any(&[Role::Reveal, Role::Ignore, Role::Unasked, Role::Secret, Role::Prompt])],
            130,
            "It claims an authority to make the model obey.",
        )
    },
    rule(FindingKind::Consent, Role::Consents, &[], 0, "It claims that you agreed already."),
    Rule {
        without: GUARD,
        sentences: 1,
        ..rule(FindingKind::RolePlay, Role::Persona, &[any(&[Role::Limitless])], 160, ROLE)
    },
    Rule { without: GUARD, ..rule(FindingKind::RolePlay, Role::Frees, &[], 0, ROLE) },
    rule(
        FindingKind::RolePlay,
        Role::Marker,
        &[],
        0,
        "A mark of a chat's format: it makes up a turn of another speaker.",
    ),
    rule(
        FindingKind::ToolBait,
        Role::Steers,
        &[],
        0,
        "A tool's description that tells the model what to do beside the tool.",
    ),
];
