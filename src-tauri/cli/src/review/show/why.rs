//! Why a person is asked, and what would let a rule or a grant act that did not.

use samplegate_engine::wire::ReviewItem;

use super::{Page, accent, muted};
use crate::{output::inline, way_out::way_out};

pub(super) fn why(page: &mut Page, item: &ReviewItem) {
    for note in &item.notes {
        page.line(&accent(&inline(note)));
    }
    for rule in &item.evaluation.matched {
        page.line(&muted(&format!("Rule: {}", inline(rule))));
    }
    if let Some(how) = item.evaluation.suspended.and_then(|why| way_out(why, &item.provenance.server)) {
        page.line(&muted(&how));
    }
}
