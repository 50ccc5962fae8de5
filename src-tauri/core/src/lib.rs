//! Samplegate's pure core. No I/O, no clock, no async: it cannot fail for outside reasons.
//!
//! Data flow, left to right: a server's params become a [`request::SamplingRequest`]; [`inspect`] finds what a person
//! would miss; [`policy`] says Allow, Ask or Deny; [`review`] is the state machine between the two gates;
//! `model_format` encodes the approved request to exact bytes; [`audit`] gives every event its place in the chain.

pub mod action;
pub mod answer;
pub mod audit;
pub mod canonical;
pub mod elicitation;
pub mod exact;
pub mod host_files;
pub mod identity;
pub mod inspect;
pub mod limits;
pub mod model_choice;
pub mod model_format;
pub mod opinion;
pub mod policy;
pub mod price;
pub mod redact;
pub mod request;
pub mod review;
pub mod settings;
pub mod tokens;
pub mod tool_call;
pub mod upstream;
