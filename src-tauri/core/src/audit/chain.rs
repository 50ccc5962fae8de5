//! From a new event to the bytes, commitments and hash that are stored, and back.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{AuditError, AuditEvent, Content, NewEvent, QuestionId, Role, format_time};
use crate::canonical::{Sha256Hex, canonical_bytes};

/// What the first event's hash is chained to.
#[must_use]
pub fn genesis() -> Sha256Hex {
    Sha256Hex::of(b"samplegate audit chain 1")
}

/// The last event of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number; 0: there is none yet.
    pub seq: u64,
    /// Its hash.
    pub hash: Sha256Hex,
}

/// As people note it down: `42:9f86d081…`.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// A text that is no head of a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no head: it looks like 42:9f86d081…, with 64 digits after the colon, as verifying prints it")]
pub struct NotAHead(String);

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let wrong = || NotAHead(text.to_owned());
        let (seq, hash) = text.trim().split_once(':').ok_or_else(wrong)?;
        Ok(Self { seq: seq.parse().map_err(|_| wrong())?, hash: hash.parse().map_err(|_| wrong())? })
    }
}

impl Head {
    /// The head of an empty chain.
    #[must_use]
    pub fn empty() -> Self {
        Self { seq: 0, hash: genesis() }
    }
}

/// Content with what is needed to check it against its commitment.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredContent {
    /// What it is to its event.
    pub role: Role,
    /// Thirty-two random bytes.
    pub salt: [u8; 32],
    /// The content.
    pub content: Content,
}

impl StoredContent {
    /// `SHA-256(salt || content)`.
    #[must_use]
    pub fn commitment(&self) -> Sha256Hex {
        Sha256Hex::of_pair(&self.salt, self.content.bytes())
    }
}

impl fmt::Debug for StoredContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredContent({}, {:?})", self.role, self.content)
    }
}

/// An event ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Sealed {
    /// The chain's head once it is stored.
    pub head: Head,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
    /// Its content.
    pub contents: Vec<StoredContent>,
}

/// Fixes an event as the next one after `before`. `salt` gives 32 fresh random bytes each time it is called.
///
/// # Errors
/// [`AuditError::Unreadable`] where the event cannot be written as JSON; the error of `salt`.
pub fn seal<E: From<AuditError>>(
    new: NewEvent,
    before: Head,
    mut salt: impl FnMut() -> Result<[u8; 32], E>,
) -> Result<Sealed, E> {
    let unreadable = |error: serde_json::Error| AuditError::Unreadable(error.to_string());
    let Value::Object(mut body) = serde_json::to_value(&new.event).map_err(unreadable)? else {
        return Err(AuditError::Unreadable("an event is an object".to_owned()).into());
    };

    let mut hidden = Map::new();
    for field in AuditEvent::SEALED {
        if let Some(value) = body.remove(*field)
            && !value.is_null()
        {
            hidden.insert((*field).to_owned(), value);
        }
    }
    let mut contents: Vec<StoredContent> = Vec::with_capacity(new.contents.len() + 1);
    if !hidden.is_empty() {
        let fields: Vec<&String> = hidden.keys().collect();
        body.insert("sealed".to_owned(), json!(fields));
        let bytes = serde_json::to_vec(&hidden).map_err(unreadable)?;
        contents.push(StoredContent { role: Role::Sealed, salt: salt()?, content: Content::new(bytes) });
    }
    for (role, content) in new.contents {
        contents.push(StoredContent { role, salt: salt()?, content });
    }

    let seq = before.seq + 1;
    let commitments: BTreeMap<&str, Sha256Hex> =
        contents.iter().map(|stored| (stored.role.as_str(), stored.commitment())).collect();
    body.insert("seq".to_owned(), json!(seq));
    body.insert("at".to_owned(), json!(format_time(new.at)));
    body.insert("question".to_owned(), json!(new.question));
    body.entry("gate").or_insert(Value::Null);
    body.insert("contents".to_owned(), json!(commitments));

    let bytes = canonical_bytes(&Value::Object(body));
    let hash = Sha256Hex::of_pair(before.hash.as_bytes(), &bytes);
    Ok(Sealed { head: Head { seq, hash }, bytes, contents })
}

/// An event as it was read back, its sealed fields opened where they still exist.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its number.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The question; none for a note.
    pub question: Option<QuestionId>,
    /// What happened.
    pub event: AuditEvent,
    /// The commitments to its content.
    pub commitments: BTreeMap<Role, Sha256Hex>,
    /// The fields as stored, opened.
    fields: Map<String, Value>,
}

impl StoredEvent {
    /// Reads an event's canonical bytes. `sealed` is its content of that role, if it was not pruned.
    ///
    /// # Errors
    /// [`AuditError::Unreadable`] where the bytes are no event of this version.
    pub fn read(bytes: &[u8], sealed: Option<&[u8]>) -> Result<Self, AuditError> {
        #[derive(Deserialize)]
        struct Frame {
            seq: u64,
            at: String,
            question: Option<QuestionId>,
            contents: BTreeMap<Role, Sha256Hex>,
        }

        let unreadable = |error: serde_json::Error| AuditError::Unreadable(error.to_string());
        let mut fields: Map<String, Value> = serde_json::from_slice(bytes).map_err(unreadable)?;
        let frame = Frame::deserialize(&fields).map_err(unreadable)?;
        if let Some(sealed) = sealed {
            let sealed: Map<String, Value> = serde_json::from_slice(sealed).map_err(unreadable)?;
            fields.extend(sealed.into_iter().filter(|(name, _)| AuditEvent::SEALED.contains(&name.as_str())));
        }
        let event = AuditEvent::deserialize(&fields).map_err(unreadable)?;
        let Frame { seq, at, question, contents } = frame;
        let at = at.parse().map_err(|_| AuditError::Unreadable(format!("`{at}` is no time")))?;
        Ok(Self { seq, at, question, event, commitments: contents, fields })
    }

    /// The event as `audit show` prints it: `seq, at, event, gate`, its fields, `question`, `contents` (commitments),
    /// `sealed` (the names of the fields that were opened), `prev`, `hash`. Without `prev`, `hash` and the fields that
    /// `sealed` names, its RFC 8785 bytes are the ones that were hashed.
    #[must_use]
    pub fn to_json(&self, prev: Sha256Hex, hash: Sha256Hex) -> Value {
        const FIRST: &[&str] = &["seq", "at", "event", "gate"];
        const LAST: &[&str] = &["question", "contents", "sealed"];
        let mut fields = self.fields.clone();
        let mut printed = Map::new();
        let last: Vec<_> = LAST.iter().filter_map(|name| fields.shift_remove_entry(*name)).collect();
        printed.extend(FIRST.iter().filter_map(|name| fields.shift_remove_entry(*name)));
        printed.extend(fields);
        printed.extend(last);
        printed.insert("prev".to_owned(), json!(prev));
        printed.insert("hash".to_owned(), json!(hash));
        Value::Object(printed)
    }
}
