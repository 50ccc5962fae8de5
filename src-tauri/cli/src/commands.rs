//! The commands, a file each.

pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod doctor;
pub(crate) mod inspect;
pub(crate) mod model;
pub(crate) mod offers;
mod record;
pub(crate) mod rule;
pub(crate) mod server;
mod stdin;
