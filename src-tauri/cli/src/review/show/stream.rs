//! A model's words as they come.

use samplegate_engine::wire::ReviewItem;
use unicode_width::UnicodeWidthChar as _;

use super::{MARGIN, answer_of, muted, say, write};
use crate::output::visible;

/// A model's words as they come.
pub(crate) struct Stream {
    shown: usize,
    waiting: Option<String>,
    column: usize,
}

impl Stream {
    pub(crate) fn begin(item: &ReviewItem) -> Self {
        let said = match item.tool_call() {
            Some(call) => format!("{} of {} is called · d deny", call.tool.name, item.provenance.server),
            None if item.elicitation().is_some() => {
                let host = item.provenance.host.as_deref().unwrap_or("the host");
                format!("{host} asks its user · w fill in, a accept it here, d decline, c cancel")
            }
            None => {
                let model = answer_of(item).map(|answer| answer.asked.clone()).unwrap_or_default();
                format!("{model} is asked · s stop, d deny, w answer yourself")
            }
        };
        say(&muted(&said));
        write(&muted(MARGIN));
        Self { shown: 0, waiting: None, column: 0 }
    }

    /// Writes what is new.
    pub(crate) fn grow(&mut self, item: &ReviewItem) {
        let Some(answer) = answer_of(item) else { return };
        if answer.waiting != self.waiting {
            self.waiting.clone_from(&answer.waiting);
            if let Some(why) = &answer.waiting {
                write(&format!("{}\r\n{}", muted(why), muted(MARGIN)));
            }
        }
        let new = answer.partial.get(self.shown..).unwrap_or_default();
        self.shown = answer.partial.len().max(self.shown);
        let width = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns)).clamp(24, 110) - 3;
        let mut out = String::new();
        for c in visible(new).chars() {
            let wide = c.width().unwrap_or(0);
            if c == '\n' || self.column + wide > width {
                out.push_str(&format!("\r\n{}", muted(MARGIN)));
                self.column = 0;
            }
            if c != '\n' {
                out.push(c);
                self.column += wide;
            }
        }
        write(&out);
    }

    pub(crate) fn end(&self) {
        write("\r\n");
    }
}
