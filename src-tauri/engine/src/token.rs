//! Tokens that nobody guesses.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// A token of 256 random bits, behind a prefix by which it can be told.
///
/// # Errors
/// The system gives no random bits.
pub(crate) fn random(prefix: &str) -> Result<String, String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    Ok(format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(random)))
}
