//! Samplegate's pure core. No I/O, no clock, no async: it cannot fail for outside reasons.
pub mod request;
