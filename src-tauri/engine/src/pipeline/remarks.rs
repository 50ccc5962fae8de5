//! What a person should know about a request besides what is in it: where its server's record stands, and what its
//! tools can bring together.

use jiff::civil::Date;
use samplegate_core::{
    policy::{Facts, is_trifecta, trifecta_sentence},
    settings::Server,
};

/// The remarks about a request, each in a sentence.
pub(super) fn remarks(server: &Server, facts: &Facts, today: Date) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some((record, due)) = server
        .record
        .as_ref()
        .and_then(|record| Some((record, record.review_by?)))
        .filter(|(record, _)| record.is_due(today))
    {
        let owner = if record.owner.is_empty() { String::new() } else { format!(" by {}", record.owner) };
        remarks.push(format!(
            "Rules and grants are suspended: the record was due on {due}{owner}. Read it and renew it in the settings."
        ));
    }
    if let Some(why) = trifecta(server, facts) {
        remarks.push(format!("The lethal trifecta: {why} Text from strangers could carry private data out."));
    }
    if facts.asks_for_all_context {
        remarks.push("It asks for the context of all servers. There is none to include, and none is.".into());
    }
    remarks
}

/// Which tools of a request read private data, see untrusted content and communicate outward together; none: they do
/// not.
pub(super) fn trifecta(server: &Server, facts: &Facts) -> Option<String> {
    let tools = || facts.tools.iter().map(|tool| (tool.as_str(), server.labels_of(tool)));
    is_trifecta(tools().map(|(_, labels)| labels)).then(|| trifecta_sentence(tools()))
}
