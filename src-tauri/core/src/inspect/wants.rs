//! Words that ask a person for a secret: the names and labels of a form's fields.

use std::ops::Range;

use super::fold::Folded;

/// What is asked for, and how it is called; a name may hold these anywhere: `userPassword`.
const ANYWHERE: &[(&str, &[&str])] = &[
    (
        "a password",
        &[
            "password",
            "passwd",
            "passphrase",
            "passcode",
            "passwort",
            "kennwort",
            "mot de passe",
            "contrasena",
            "senha",
            "wachtwoord",
            "parola d'ordine",
            "пароль",
            "密码",
            "口令",
            "パスワード",
            "비밀번호",
            "كلمه المرور",
        ],
    ),
    (
        "a key or token",
        &[
            "api key",
            "apikey",
            "api token",
            "apitoken",
            "secret key",
            "secretkey",
            "access key",
            "accesskey",
            "private key",
            "privatekey",
            "ssh key",
            "sshkey",
            "access token",
            "accesstoken",
            "auth token",
            "authtoken",
            "bearer token",
            "refresh token",
            "refreshtoken",
            "session token",
            "oauth token",
            "personal token",
            "client secret",
            "clientsecret",
            "credential",
            "zugangsdaten",
            "seed phrase",
            "recovery phrase",
            "mnemonic",
        ],
    ),
    (
        "payment data",
        &[
            "card number",
            "cardnumber",
            "credit card",
            "creditcard",
            "debit card",
            "kreditkarte",
            "carte bancaire",
            "tarjeta de credito",
            "security code",
            "bank account",
            "iban",
        ],
    ),
    (
        "a code for one use",
        &["one time code", "one time password", "verification code", "2fa", "mfa code", "authenticator code"],
    ),
];

/// Short ones, which are words of their own.
const WORDS: &[(&str, &[&str])] = &[
    ("a key or token", &["token", "secret", "pat", "jwt"]),
    ("payment data", &["cvv", "cvc"]),
    ("a code for one use", &["otp", "totp", "tan"]),
    ("a password", &["pin", "pwd"]),
];

/// Where a text asks for a secret, in bytes, and for which; the first.
pub fn wants_a_secret(text: &str) -> Option<(Range<usize>, &'static str)> {
    let folded = Folded::new(text);
    let plain = folded.text.replace(['_', '-', '.', '/'], " ");
    let anywhere = ANYWHERE.iter().flat_map(|(what, names)| {
        let plain = &plain;
        names.iter().filter_map(move |name| Some((plain.find(name)?, name.len(), *what)))
    });
    let words = WORDS.iter().flat_map(|(what, names)| {
        let plain = &plain;
        names.iter().filter_map(move |name| Some((word(plain, name)?, name.len(), *what)))
    });
    let (at, length, what) = anywhere.chain(words).min_by_key(|(at, ..)| *at)?;
    Some((folded.origin(at..at + length), what))
}

fn word(text: &str, name: &str) -> Option<usize> {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let alone = |at: &usize| edge(text[..*at].chars().next_back()) && edge(text[at + name.len()..].chars().next());
    text.match_indices(name).map(|(at, _)| at).find(alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for text in [
            "Password",
            "userPassword",
            "api_key",
            "Your API-Key",
            "Ｐassword",
            "Token",
            "card.number",
            "Ihr Paßwort / Kennwort",
            "CVC",
            "Mot de passe",
        ] {
            assert!(wants_a_secret(text).is_some(), "{text}");
        }
        assert_eq!(wants_a_secret("The API key, please").map(|(span, _)| span), Some(4..11));
    }

    #[test]
    fn other_names_are_no_secrets() {
        for text in
            ["name", "Max tokens", "E-mail", "City", "Spinning", "Secretary", "Keyboard", "Passenger", "potatoes"]
        {
            assert_eq!(wants_a_secret(text), None, "{text}");
        }
    }
}
