//! Numbers that do not survive a window.
//!
//! A window is a web page, and JavaScript keeps every number as a 64-bit float: a whole number beyond 2^53 comes out
//! rounded (RFC 8259, section 6; RFC 7493, section 2.2), as the long ids of many services do. So they are told to who
//! decides as they are, and put back where an edit brings them rounded.

use serde_json::{Number, Value};

/// The largest whole number up to which all are exact: 2^53 − 1.
const LARGEST: u64 = (1 << 53) - 1;
/// So many are told of.
const TOLD: usize = 3;

/// What to tell of the numbers in what is asked that windows show rounded.
pub fn remark(asked: &Value) -> Option<String> {
    Some(format!("Windows show these numbers rounded; they are passed on exactly: {}.", inexact(asked)?))
}

/// What to tell of the numbers that windows show rounded in the arguments of the call that led to a question.
pub fn remark_on_call(arguments: &Value) -> Option<String> {
    Some(format!("Windows show these numbers in the arguments of the call rounded: {}.", inexact(arguments)?))
}

/// The first of the numbers that a float does not hold, each with its place, and how many more there are.
fn inexact(value: &Value) -> Option<String> {
    let mut found = Vec::new();
    walk(value, &mut String::new(), &mut |pointer, number| found.push(format!("{number} ({pointer})")));
    let more = found.len().saturating_sub(TOLD);
    found.truncate(TOLD);
    let list = found.join(", ");
    match (found.len(), more) {
        (0, _) => None,
        (_, 0) => Some(list),
        (_, more) => Some(format!("{list} and {more} more")),
    }
}

/// Puts the numbers of `original` back into what a person made of it, where they stand rounded at the same place.
pub fn restore(original: &Value, edited: &mut Value) {
    walk(original, &mut String::new(), &mut |pointer, number| {
        let Some(Value::Number(rounded)) = edited.pointer_mut(pointer) else { return };
        if rounded.as_f64() == number.as_f64() {
            *rounded = number.clone();
        }
    });
}

/// Visits the numbers that a float does not hold, each with its place (RFC 6901).
fn walk(value: &Value, pointer: &mut String, visit: &mut impl FnMut(&str, &Number)) {
    let before = pointer.len();
    match value {
        Value::Number(number) if is_inexact(number) => visit(pointer, number),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&at.to_string());
                walk(item, pointer, visit);
                pointer.truncate(before);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                walk(member, pointer, visit);
                pointer.truncate(before);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_inexact(number: &Number) -> bool {
    let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    magnitude.is_some_and(|magnitude| magnitude > LARGEST)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A value as a window gives it back.
    fn through_a_window(value: &Value) -> Value {
        match value {
            Value::Number(number) if is_inexact(number) => serde_json::from_str(&js(number.as_f64().unwrap())).unwrap(),
            Value::Array(items) => items.iter().map(through_a_window).collect(),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(name, member)| (name.clone(), through_a_window(member))).collect())
            }
            other => other.clone(),
        }
    }

    /// The shortest digits that name this float, as JavaScript writes them.
    fn js(float: f64) -> String {
        let (digits, exponent) =
            format!("{float:e}").split_once('e').map(|(d, e)| (d.to_owned(), e.to_owned())).unwrap();
        let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
        let plain = digits.replace('.', "");
        format!("{sign}{plain}{}", "0".repeat(exponent.parse::<usize>().unwrap() + 1 - plain.len()))
    }

    #[test]
    fn long_numbers_are_told_as_they_are() {
        assert_eq!(remark(&json!({"a": [1, 9_007_199_254_740_991_u64, -5, 0.1, "12345678901234567890"]})), None);
        assert_eq!(
            remark(
                &json!({"arguments": {"message/id": 1_234_567_890_123_456_789_u64, "b": [-9_007_199_254_740_993_i64]}})
            ),
            Some(
                "Windows show these numbers rounded; they are passed on exactly: 1234567890123456789 \
                 (/arguments/message~1id), -9007199254740993 (/arguments/b/0)."
                    .into()
            )
        );
        let many = remark(&json!(vec![u64::MAX; 5])).unwrap();
        assert!(many.ends_with("18446744073709551615 (/2) and 2 more."), "{many}");
        assert_eq!(remark_on_call(&json!({"id": 7})), None);
        assert_eq!(
            remark_on_call(&json!({"id": u64::MAX})).unwrap(),
            "Windows show these numbers in the arguments of the call rounded: 18446744073709551615 (/id)."
        );
    }

    #[test]
    fn an_edit_beside_a_long_number_leaves_it_exact() {
        let original = json!({"id": 1_234_567_890_123_456_789_u64, "text": "a", "ids": [u64::MAX, 7]});
        let mut edited = through_a_window(&original);
        assert_ne!(edited, original);
        edited["text"] = "b".into();
        restore(&original, &mut edited);
        assert_eq!(edited, json!({"id": 1_234_567_890_123_456_789_u64, "text": "b", "ids": [u64::MAX, 7]}));
        // Another number is what the person meant.
        let mut other = json!({"id": 1_234_567_890_123_400_000_u64, "ids": "none"});
        let meant = other.clone();
        restore(&original, &mut other);
        assert_eq!(other, meant);
    }

    proptest! {
        #[test]
        fn what_was_not_edited_comes_back_as_it_was(numbers in prop::collection::vec(any::<i64>(), 0..8), large: u64) {
            let original = json!({"numbers": numbers, "large": large});
            let mut edited = through_a_window(&original);
            restore(&original, &mut edited);
            prop_assert_eq!(edited, original);
        }
    }
}
