//! The tray app's entry point.
fn main() {}
