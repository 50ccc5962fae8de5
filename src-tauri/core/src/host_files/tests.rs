#![allow(clippy::unwrap_used, reason = "tests")]

mod editing;
mod formats;
mod hostile;
