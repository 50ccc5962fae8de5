//! What a value is like: how random it is, and whether it is only an example.

/// Bits a character (Shannon), from the value alone.
pub(super) fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let total = value.len().max(1) as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|part| -part * part.log2())
        .sum()
}

/// How many characters of each class there are.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Classes {
    pub(super) letters: usize,
    pub(super) upper: usize,
    pub(super) digits: usize,
    pub(super) signs: usize,
}

pub(super) fn classes(value: &str) -> Classes {
    value.chars().fold(Classes::default(), |mut classes, c| {
        classes.letters += usize::from(c.is_alphabetic());
        classes.upper += usize::from(c.is_ascii_uppercase());
        classes.digits += usize::from(c.is_ascii_digit());
        classes.signs += usize::from(c.is_ascii_punctuation() && !matches!(c, '_' | '-' | '.' | '/'));
        classes
    })
}

/// Words joined by marks: names of variables, files and hosts, not values.
pub(super) fn is_words(value: &str) -> bool {
    let parts = value.split(['_', '-', '.', '/', ':', '@']).filter(|part| !part.is_empty());
    let mut all = 0;
    let mut words = 0;
    for part in parts {
        all += 1;
        let letters = part.bytes().filter(u8::is_ascii_alphabetic).count();
        words += usize::from(
            letters == part.len()
                || part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit())
                || letters + 1 == part.len() && part.len() > 4,
        );
    }
    all > 1 && words == all
}

/// What people write where a secret would stand.
const EXAMPLES: &[&str] = &[
    "example",
    "your",
    "xxxx",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "dummy",
    "redacted",
    "insert",
    "sample",
    "fake",
    "todo",
    "foobar",
    "replace",
    "****",
    "....",
    "…",
    "${",
    "{{",
    "<",
    "%(",
    "process.env",
    "os.environ",
    "getenv",
    "import",
    "undefined",
    "secretkeyref",
    "1234567890",
    "123456789",
    "abcdefgh",
    "0123456",
    "deadbeef",
    "notreal",
    "not-a-real",
    "not_a_real",
    "my-secret",
    "mysecret",
    "my_secret",
    "supersecret",
    "super-secret",
    "super_secret",
    "test-key",
    "test_key",
    "testkey",
    "00000000",
    "11111111",
    "aaaaaaaa",
    "zzzz",
    "lorem",
    "sflkxwrjsmekkf2qt4",
    "loremipsum",
    "secrets.",
    "vault:",
    "arn:",
    "ref:",
    "env.",
    "config.",
    "settings.",
    "self.",
    "this.",
    "null",
    "none",
    "enc[",
    "!vault",
    "required",
    "optional",
    "string",
    "invalid",
    "incorrect",
    "unchanged",
    "hidden",
];

/// Whether a value stands for one: a placeholder, a reference, or a run of one character.
pub(super) fn is_example(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let distinct = {
        let mut seen = [false; 256];
        lower.bytes().for_each(|byte| seen[usize::from(byte)] = true);
        seen.iter().filter(|seen| **seen).count()
    };
    (distinct <= 4 && value.len() >= 8) || distinct <= 2 || EXAMPLES.iter().any(|example| lower.contains(example))
}
