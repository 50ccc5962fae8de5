//! Samplegate's headless runtime. It links no GUI library and reads neither the environment nor the home directory:
//! paths, time and the base environment of child processes come in as values.

pub mod mcp;
pub mod store;
pub mod wire;
