//! Reads `text/event-stream` bytes into events, with a limit on their data.
//!
//! An event beyond the limit is thrown away while it arrives; its head and tail are kept, so that it can be refused.

use std::collections::VecDeque;

use super::{MAX_MESSAGE_BYTES, oversized::Remains};

/// A line that is no data is cut off here, in bytes.
const MAX_FIELD_BYTES: usize = 64 * 1024;

/// One event.
#[derive(Debug, Default)]
pub(crate) struct Event {
    pub(crate) kind: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<u64>,
    pub(crate) data: Data,
}

/// What arrived as one: the data of an event, or a line.
#[derive(Debug, Default)]
pub(crate) enum Data {
    #[default]
    None,
    Whole(Vec<u8>),
    Oversized(Remains),
}

/// Reads events from bytes as they come.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    /// The line so far is data that goes straight into the event.
    in_data: bool,
    last_was_cr: bool,
    started: bool,
    event: Event,
}

impl Reader {
    pub(crate) fn push(&mut self, bytes: &[u8], events: &mut VecDeque<Event>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if std::mem::take(&mut self.last_was_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            match rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                Some(end) => {
                    self.last_was_cr = rest[end] == b'\r';
                    self.part(&rest[..end]);
                    self.end_line(events);
                    rest = &rest[end + 1..];
                }
                None => {
                    self.part(rest);
                    return;
                }
            }
        }
    }

    fn part(&mut self, part: &[u8]) {
        if self.in_data {
            self.event.data.add(part);
            return;
        }
        let room = MAX_FIELD_BYTES.saturating_sub(self.line.len());
        let (kept, rest) = part.split_at(part.len().min(room));
        self.line.extend_from_slice(kept);
        self.skip_mark();
        if let Some(value) = self.line.strip_prefix(b"data:") {
            // The space after the colon may still be on its way.
            if value.is_empty() {
                return;
            }
            let value = value.strip_prefix(b" ").unwrap_or(value);
            self.event.data.begin_line();
            self.event.data.add(value);
            self.event.data.add(rest);
            self.in_data = true;
            self.line.clear();
        }
    }

    fn skip_mark(&mut self) {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        if !self.started && self.line.len() >= MARK.len() {
            self.started = true;
            if self.line.starts_with(MARK) {
                self.line.drain(..MARK.len());
            }
        }
    }

    fn end_line(&mut self, events: &mut VecDeque<Event>) {
        self.started = true;
        if std::mem::take(&mut self.in_data) {
            return;
        }
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if !matches!(event, Event { kind: None, id: None, retry: None, data: Data::None }) {
                events.push_back(event);
            }
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value)).into_owned();
        match &line[..colon] {
            b"data" => self.event.data.begin_line(),
            b"event" => self.event.kind = Some(value),
            b"id" if !value.contains('\0') => self.event.id = Some(value),
            b"retry" => self.event.retry = value.parse().ok(),
            // Comments and unknown fields.
            _ => {}
        }
    }
}

impl Data {
    fn begin_line(&mut self) {
        match self {
            Self::None => *self = Self::Whole(Vec::new()),
            Self::Whole(_) | Self::Oversized(_) => self.add(b"\n"),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::None => *self = Self::Whole(bytes.to_vec()),
            Self::Whole(data) if data.len() + bytes.len() > MAX_MESSAGE_BYTES => {
                let mut remains = Remains::default();
                remains.add(data);
                remains.add(bytes);
                *self = Self::Oversized(remains);
            }
            Self::Whole(data) => data.extend_from_slice(bytes),
            Self::Oversized(remains) => remains.add(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields = (Option<String>, Option<String>, Option<u64>, Option<String>);

    fn read(text: &str, size: usize) -> Vec<Fields> {
        let mut reader = Reader::default();
        let mut events = VecDeque::new();
        for chunk in text.as_bytes().chunks(size) {
            reader.push(chunk, &mut events);
        }
        let text = |data| match data {
            Data::None => None,
            Data::Whole(data) => Some(String::from_utf8_lossy(&data).into_owned()),
            Data::Oversized(remains) => Some(format!("{} bytes", remains.bytes)),
        };
        events.into_iter().map(|event| (event.kind, event.id, event.retry, text(event.data))).collect()
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = "\u{feff}: ping\nid: 7\nretry: 50\ndata:\n\nevent: message\r\ndata: {\"a\":\r\ndata:1}\r\n\r\ndata\n\n: x\n\n";
        let whole = vec![
            (None, Some("7".to_owned()), Some(50), Some(String::new())),
            (Some("message".to_owned()), None, None, Some("{\"a\":\n1}".to_owned())),
            (None, None, None, Some(String::new())),
        ];
        for size in 1..text.len() {
            assert_eq!(read(text, size), whole, "cut into {size}");
        }
    }

    #[test]
    fn an_oversized_event_is_outlined_and_the_next_one_read() {
        let long = "x".repeat(MAX_MESSAGE_BYTES);
        let text = format!("data: {long}y\n\ndata: next\n\n");
        let events = read(&text, 8192);
        let data: Vec<_> = events.into_iter().filter_map(|event| event.3).collect();
        assert_eq!(data, [format!("{} bytes", MAX_MESSAGE_BYTES + 1), "next".to_owned()]);
    }
}
