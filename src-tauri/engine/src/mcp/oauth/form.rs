//! Forms posted to a token or revocation endpoint, in the client's name.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderValue;
use rmcp::transport::auth::OAuthHttpClientError;
use serde_json::Value;

use super::{kept::SignIn, outbound::Outbound};

/// Posts these fields, and who the client is.
pub(super) async fn post(
    outbound: &Outbound,
    endpoint: &str,
    sign_in: &SignIn,
    fields: &[(&str, &str)],
) -> Result<http::Response<Vec<u8>>, OAuthHttpClientError> {
    let mut fields = fields.to_vec();
    let mut authorization = None;
    match &sign_in.client_secret {
        Some(secret) if in_body(sign_in) => {
            fields.extend([("client_id", sign_in.client_id.as_str()), ("client_secret", secret)]);
        }
        Some(secret) => {
            // RFC 6749, section 2.3.1: both are encoded as in a form first.
            let pair = format!("{}:{}", encoded(&sign_in.client_id), encoded(secret));
            let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair)))?;
            value.set_sensitive(true);
            authorization = Some(value);
        }
        None => fields.push(("client_id", sign_in.client_id.as_str())),
    }
    outbound.post(endpoint, &form(&fields), authorization).await
}

fn in_body(sign_in: &SignIn) -> bool {
    let methods = sign_in.server.additional_fields.get("token_endpoint_auth_methods_supported");
    let knows = |method: &str| {
        methods.and_then(Value::as_array).is_some_and(|methods| methods.iter().any(|known| known == method))
    };
    knows("client_secret_post") && !knows("client_secret_basic")
}

fn form(fields: &[(&str, &str)]) -> String {
    let encode = |(name, value): &(&str, &str)| format!("{}={}", encoded(name), encoded(value));
    fields.iter().map(encode).collect::<Vec<_>>().join("&")
}

/// As in `application/x-www-form-urlencoded`.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'*' => encoded.push(char::from(byte)),
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_encoded() {
        assert_eq!(form(&[("a", "b c&d=é"), ("x", "1-2_3.4*~+")]), "a=b+c%26d%3D%C3%A9&x=1-2_3.4*%7E%2B");
    }
}
