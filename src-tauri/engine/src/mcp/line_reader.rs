//! Lines of bytes, with a limit on each.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

use super::{MAX_MESSAGE_BYTES, event_stream::Data, oversized::Remains};

/// Reads lines with a limit. `next` may be dropped between any two polls.
#[derive(Debug)]
pub(crate) struct LineReader<R> {
    /// `None`: there is nothing to read.
    from: Option<R>,
    line: Vec<u8>,
    remains: Option<Remains>,
}

impl<R: AsyncBufRead + Unpin> LineReader<R> {
    pub(crate) fn new(from: Option<R>) -> Self {
        Self { from, line: Vec::new(), remains: None }
    }

    /// The next line, without its end; none at the end of what is read.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Data>> {
        let Some(from) = &mut self.from else {
            return Ok(None);
        };
        loop {
            let chunk = from.fill_buf().await?;
            if chunk.is_empty() {
                // A last line without its end is not a message.
                return Ok(None);
            }
            let newline = chunk.iter().position(|byte| *byte == b'\n');
            let taken = newline.unwrap_or(chunk.len());
            let part = &chunk[..taken];
            match &mut self.remains {
                Some(remains) => remains.add(part),
                None if self.line.len() + part.len() > MAX_MESSAGE_BYTES => {
                    let mut remains = Remains::default();
                    remains.add(&std::mem::take(&mut self.line));
                    remains.add(part);
                    self.remains = Some(remains);
                }
                None => self.line.extend_from_slice(part),
            }
            from.consume(newline.map_or(taken, |at| at + 1));
            if newline.is_some() {
                return Ok(Some(match self.remains.take() {
                    Some(remains) => Data::Oversized(remains),
                    None => Data::Whole(std::mem::take(&mut self.line)),
                }));
            }
        }
    }
}
