//! The vendors by name: the format each speaks and where it is.

use super::Format;

/// A vendor of models, or a program on this machine that serves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// The name in settings and on the command line.
    pub name: &'static str,
    /// The name for people.
    pub label: &'static str,
    /// The format it speaks.
    pub format: Format,
    /// Where it is, unless told otherwise.
    pub base_url: &'static str,
    /// Whether it wants a key.
    pub needs_key: bool,
    /// Its name in the price list; none: it has no price there.
    pub price_id: Option<&'static str>,
}

const fn openai_like(
    name: &'static str,
    label: &'static str,
    base_url: &'static str,
    price_id: Option<&'static str>,
) -> Provider {
    Provider { name, label, format: Format::OpenAi, base_url, needs_key: true, price_id }
}

const fn local(name: &'static str, label: &'static str, format: Format, base_url: &'static str) -> Provider {
    Provider { name, label, format, base_url, needs_key: false, price_id: None }
}

/// All vendors known by name. Any other OpenAI-compatible one is `openai` with a base URL.
pub const PROVIDERS: &[Provider] = &[
    openai_like("openai", "OpenAI", "https://api.openai.com/v1", Some("openai")),
    Provider {
        name: "anthropic",
        label: "Anthropic",
        format: Format::Anthropic,
        base_url: "https://api.anthropic.com",
        needs_key: true,
        price_id: Some("anthropic"),
    },
    Provider {
        name: "gemini",
        label: "Google Gemini",
        format: Format::Gemini,
        base_url: "https://generativelanguage.googleapis.com",
        needs_key: true,
        price_id: Some("google"),
    },
    local("ollama", "Ollama", Format::Ollama, "http://127.0.0.1:11434"),
    local("lmstudio", "LM Studio", Format::OpenAi, "http://127.0.0.1:1234/v1"),
    local("llamacpp", "llama.cpp", Format::OpenAi, "http://127.0.0.1:8080/v1"),
    openai_like("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", Some("openrouter")),
    openai_like("groq", "Groq", "https://api.groq.com/openai/v1", Some("groq")),
    openai_like("mistral", "Mistral", "https://api.mistral.ai/v1", Some("mistral")),
    openai_like("deepseek", "DeepSeek", "https://api.deepseek.com/v1", Some("deepseek")),
    openai_like("together", "Together", "https://api.together.xyz/v1", Some("together")),
    openai_like("xai", "xAI", "https://api.x.ai/v1", Some("x-ai")),
    openai_like("fireworks", "Fireworks", "https://api.fireworks.ai/inference/v1", Some("fireworks")),
    openai_like("cerebras", "Cerebras", "https://api.cerebras.ai/v1", Some("cerebras")),
];

/// Finds a provider by its name.
#[must_use]
pub fn provider(name: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.name == name)
}
