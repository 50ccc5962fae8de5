//! What the files are written in.

use jsonc_parser::ParseOptions;
use serde_json::Value;

/// A syntax of configuration files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// JSON, with comments and commas at the end.
    Jsonc,
    /// TOML.
    Toml,
}

/// Why a file cannot be read. It never quotes the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Unreadable {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Comments and commas at the end are what editors write; more than that no host takes.
pub(super) fn jsonc() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// The mark that some editors put before everything else.
pub(super) const BOM: char = '\u{feff}';

impl Syntax {
    /// Reads a text. Of a key that stands twice the last counts, as it does for the hosts; an empty text is an empty
    /// table.
    ///
    /// # Errors
    /// Says what is wrong, and in which line.
    pub fn parse(self, text: &str) -> Result<Value, Unreadable> {
        let text = text.strip_prefix(BOM).unwrap_or(text);
        match self {
            Self::Jsonc => {
                let value: Option<Value> = jsonc_parser::parse_to_serde_value(text, &jsonc())
                    .map_err(|error| Unreadable(format!("it is not JSON: {error}")))?;
                Ok(value.unwrap_or_else(|| Value::Object(serde_json::Map::new())))
            }
            Self::Toml => toml_edit::de::from_str(text).map_err(|error| {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                Unreadable(format!("it is not TOML: {} on line {line}", error.message().trim().replace('\n', " ")))
            }),
        }
    }
}

/// The number of the line that this byte stands in.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}
