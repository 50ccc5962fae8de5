//! Bytes, cut anywhere, into frames: the data of server-sent events, or lines.

/// How a stream is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events (WHATWG HTML, section 9.2); only their data matters here.
    Events,
    /// One JSON document a line.
    Lines,
}

/// Collects bytes until a frame is whole.
#[derive(Debug)]
pub(super) struct Frames {
    framing: Framing,
    /// The line so far.
    line: Vec<u8>,
    /// The data of the event so far.
    data: Option<Vec<u8>>,
    /// Lines that are no field of an event but look like JSON: an error sent as a plain document.
    stray: Vec<u8>,
}

/// Stray bytes kept for an error message.
const STRAY_BYTES: usize = 4096;

impl Frames {
    pub(super) fn new(framing: Framing) -> Self {
        Self { framing, line: Vec::new(), data: None, stray: Vec::new() }
    }

    /// Takes bytes and gives the frames that are whole now.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        // Lines end in LF or CRLF. The standard also allows CR alone, which no vendor sends.
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let mut line = std::mem::take(&mut self.line);
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                frames.extend(self.take_line(line));
            }
        }
        frames
    }

    /// Gives what is left when the stream has ended: vendors forget the last line break.
    pub(super) fn finish(&mut self) -> Vec<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        let mut frames = Vec::new();
        if !line.is_empty() {
            frames.extend(self.take_line(line));
        }
        if self.framing == Framing::Events {
            frames.extend(self.take_line(Vec::new()));
        }
        frames
    }

    /// What came that was no event.
    pub(super) fn stray(&self) -> &[u8] {
        &self.stray
    }

    fn take_line(&mut self, line: Vec<u8>) -> Option<Vec<u8>> {
        match self.framing {
            Framing::Lines => (!line.trim_ascii().is_empty()).then_some(line),
            Framing::Events if line.is_empty() => self.data.take(),
            Framing::Events => {
                if let Some(rest) = line.strip_prefix(b"data:") {
                    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
                    match &mut self.data {
                        Some(data) => {
                            data.push(b'\n');
                            data.extend_from_slice(rest);
                        }
                        None => self.data = Some(rest.to_vec()),
                    }
                } else if !is_field(&line) && self.stray.len() + line.len() <= STRAY_BYTES {
                    self.stray.extend_from_slice(&line);
                    self.stray.push(b'\n');
                }
                None
            }
        }
    }
}

/// Whether a line is a comment or a field other than data.
fn is_field(line: &[u8]) -> bool {
    [b":".as_slice(), b"event", b"id", b"retry"].iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(framing: Framing, chunks: &[&[u8]]) -> Vec<String> {
        let mut frames = Frames::new(framing);
        let mut out: Vec<_> = chunks.iter().flat_map(|chunk| frames.push(chunk)).collect();
        out.extend(frames.finish());
        out.into_iter().map(|frame| String::from_utf8_lossy(&frame).into_owned()).collect()
    }

    #[test]
    fn events() {
        assert_eq!(
            whole(Framing::Events, &[b": hi\r\nevent: x\r\ndata: a\r\ndata:b\r\n\r\n\r\ndata: [DO", b"NE]"]),
            ["a\nb", "[DONE]"]
        );
    }

    #[test]
    fn lines() {
        assert_eq!(whole(Framing::Lines, &[b"{}\n\n {\"a\"", b":1}"]), ["{}", " {\"a\":1}"]);
    }

    #[test]
    fn a_plain_document_is_kept_for_the_error() {
        let mut frames = Frames::new(Framing::Events);
        assert!(frames.push(b"{\"error\": \"no\"}").is_empty());
        assert!(frames.finish().is_empty());
        assert_eq!(frames.stray(), b"{\"error\": \"no\"}\n");
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(text in "(data: ?[a-zé]{0,5}|event: x|:|)(\r?\n|\n\n)", more in "([a-z:]{0,4}\n){0,6}", cut in 0_usize..64) {
            for framing in [Framing::Events, Framing::Lines] {
                let all = format!("{text}{more}");
                let cut = cut.min(all.len());
                let (head, tail) = all.as_bytes().split_at(cut);
                prop_assert_eq!(whole(framing, &[all.as_bytes()]), whole(framing, &[head, tail]));
            }
        }
    }
}
