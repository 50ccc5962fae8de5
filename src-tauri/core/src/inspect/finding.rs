//! What a finding is: its kind, its severity, and where it is.

use serde::{Deserialize, Serialize};

/// How bad a finding is, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Unusual.
    Low,
    /// Look at it.
    Medium,
    /// Text that hides something, or data that must not leave.
    High,
    /// Certainly hostile.
    Critical,
}

impl Severity {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What kind of evidence a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// The bytes show something else than they are. Certain.
    Bytes,
    /// What the words want. Advice.
    Meaning,
    /// Secrets and personal data.
    Data,
    /// How a request relates to those before it.
    Behaviour,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $family:ident, $advice:literal;)*) => {
        /// What a finding is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum FindingKind {
            $($(#[$doc])* $kind,)*
        }

        impl FindingKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name used in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// What kind of evidence it is.
            pub fn family(self) -> Family {
                match self { $(Self::$kind => Family::$family,)* }
            }

            /// What can be done about it, in a sentence.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$kind => $advice,)* }
            }
        }
    };
}

kinds! {
    /// Characters that change the direction of text (Unicode UAX #9; "Trojan Source", CVE-2021-42574).
    Bidi = "bidi", Bytes, "Read it in the order of its characters, or remove them.";
    /// Characters of no width.
    ZeroWidth = "zero_width", Bytes, "Remove them; the text you see does not need them.";
    /// Tag characters U+E0000–E007F, which spell ASCII invisibly.
    Tag = "tag", Bytes, "Remove them, or deny: a model reads what you do not see.";
    /// Variation selectors where no character varies; runs of them carry bytes.
    VariationSelector = "variation_selector", Bytes, "Remove them, or deny: a model reads what you do not see.";
    /// Hangul and other fillers that look like space.
    Filler = "filler", Bytes, "Remove them; they look like space and are not.";
    /// Soft hyphens.
    SoftHyphen = "soft_hyphen", Bytes, "Remove them if they cut words that should be found.";
    /// Control characters.
    Control = "control", Bytes, "Remove them; text does not need them.";
    /// Terminal escape sequences (ECMA-48).
    Ansi = "ansi", Bytes, "Remove them, above all if the answer goes to a terminal.";
    /// Letters that look like those of another script.
    Homoglyph = "homoglyph", Bytes, "Do not trust the name; type the one you mean.";
    /// Letters of several scripts in one word.
    MixedScript = "mixed_script", Bytes, "Check the word letter by letter.";
    /// Text moved out of sight by empty space.
    PushOut = "push_out", Bytes, "Scroll to what comes after the space before you decide.";
    /// Text that must be decoded to be read.
    Encoded = "encoded", Bytes, "Read the decoded text; ask why it was not sent as it is.";
    /// Text that a page would not show.
    HiddenHtml = "hidden_html", Bytes, "Read it: a model does, and a page would not show it.";
    /// A link that runs a program or hides where it leads.
    ActiveUrl = "active_url", Bytes, "Do not open it; remove it from the text.";
    /// A link whose text names another place than it leads to.
    LinkMismatch = "link_mismatch", Bytes, "Go by the address, not by the text of the link.";
    /// An image or link whose address carries data out.
    MdExfil = "md_exfil", Bytes, "Remove it: showing it is enough to send the data.";
    /// Words that set instructions aside.
    Override = "override", Meaning, "Delete the sentence, or deny.";
    /// Words that are to hold for later answers too.
    Persistence = "persistence", Meaning, "Delete it, and start a new conversation if it was already approved.";
    /// A second task behind the first.
    SecondTask = "second_task", Meaning, "Delete what you did not ask for, and set a limit on tokens.";
    /// Words that lead a model to call a tool.
    ToolBait = "tool_bait", Meaning, "Delete it, or answer without tools.";
    /// Words that ask for secrets.
    SecretRequest = "secret_request", Meaning, "Deny, unless you know why it needs them.";
    /// Words that ask for the model's instructions.
    PromptExtraction = "prompt_extraction", Meaning, "Delete it: instructions are not the server's business.";
    /// Words that claim to speak for somebody.
    Authority = "authority", Meaning, "Do not believe it: whoever wrote it is the server.";
    /// Words that claim that you agreed.
    Consent = "consent", Meaning, "You are asked now; what it says you agreed to does not count.";
    /// Fake roles, fake turns of a conversation.
    RolePlay = "role_play", Meaning, "Delete the role it makes up.";
    /// A key, token or password.
    Secret = "secret", Data, "Redact it; if it is real and was sent, replace it.";
    /// A private key.
    PrivateKey = "private_key", Data, "Redact it; if it was sent, replace it.";
    /// A payment card's number.
    Card = "card", Data, "Redact it.";
    /// A bank account.
    Iban = "iban", Data, "Redact it.";
    /// A telephone number.
    Phone = "phone", Data, "Redact it if it should stay private.";
    /// An e-mail address.
    Email = "email", Data, "Redact it if it should stay private.";
    /// A path that names a person's home folder.
    HomePath = "home_path", Data, "Redact it if the user's name should stay private.";
    /// Many requests in a short time.
    Burst = "burst", Behaviour, "Deny them together, or limit the server.";
    /// Nearly the same as a recent request.
    NearDuplicate = "near_duplicate", Behaviour, "Look at what changed, not at what you know already.";
}

/// Something in a text that a person would miss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// RFC 6901 pointer to the string, or to the field whose name it is about.
    pub pointer: String,
    /// Whether the span is in the name of the field, not in its value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_name: bool,
    /// Start in the string, in Unicode scalar values.
    pub start: u32,
    /// End (exclusive), in Unicode scalar values.
    pub end: u32,
    /// One sentence why.
    pub why: String,
    /// A short label to show in place of characters that are not seen; empty where the text is seen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// The decoded text, or its beginning, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoded: Option<String>,
}
