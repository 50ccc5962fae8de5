//! What a person should know about a request besides what is in it: where its server's record stands, and what its
//! tools can bring together.

use jiff::civil::Date;
use samplegate_core::{
    policy::{Facts, is_trifecta, trifecta_sentence},
    settings::Server,
};

/// How the remark about a record that is due begins.
pub(crate) const RECORD_DUE: &str = "Rules and grants are suspended: the record was due on ";

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
        remarks.push(format!("{RECORD_DUE}{due}{owner}. Read it and renew it in the settings."));
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::civil::date;
    use samplegate_core::{
        policy::Label,
        settings::{Record, Tool},
    };

    use super::*;

    fn record(review_by: Option<Date>, owner: &str) -> Option<Record> {
        Some(Record { review_by, owner: owner.into(), ..Record::default() })
    }

    #[test]
    fn a_record_that_is_due_is_told_with_who_answers_for_it() {
        let said = |record, today| remarks(&Server { record, ..Server::demo() }, &Facts::default(), today);
        let day = date(2027, 5, 20);
        assert_eq!(said(record(Some(day), "ada"), day), Vec::<String>::new());
        assert_eq!(said(record(None, "ada"), day), Vec::<String>::new());
        assert_eq!(said(None, day), Vec::<String>::new());
        let told = said(record(Some(day), "ada"), date(2027, 5, 21));
        let why = "Rules and grants are suspended: the record was due on 2027-05-20";
        assert_eq!(told, [format!("{why} by ada. Read it and renew it in the settings.")]);
        assert!(said(record(Some(day), ""), date(2028, 1, 1))[0].starts_with(&format!("{why}. Read")));
    }

    #[test]
    fn what_brings_the_trifecta_together_is_named() {
        let labelled = |labels: &[Label]| Tool { risk: None, labels: Some(labels.iter().copied().collect()) };
        let tools = [
            ("inbox".to_owned(), labelled(&[Label::Private, Label::Untrusted])),
            ("post".to_owned(), labelled(&[Label::Outward])),
            ("clock".to_owned(), Tool { risk: None, labels: Some(BTreeSet::new()) }),
        ];
        let server = Server { tools: tools.into(), ..Server::demo() };
        let of = |names: &[&str]| {
            let tools = names.iter().map(|name| (*name).to_owned()).collect();
            remarks(&server, &Facts { tools, ..Facts::default() }, date(2027, 1, 1))
        };
        assert_eq!(of(&["inbox", "clock"]), Vec::<String>::new());
        let told = of(&["inbox", "post"]);
        assert!(told[0].starts_with("The lethal trifecta: ") && told[0].contains("inbox") && told[0].contains("post"));
        // What nobody labelled counts as everything.
        assert_eq!(of(&["unknown"]).len(), 1);
    }

    #[test]
    fn asking_for_the_context_of_all_servers_is_told() {
        let facts = Facts { asks_for_all_context: true, ..Facts::default() };
        let told = remarks(&Server::demo(), &facts, date(2027, 1, 1));
        assert_eq!(told, ["It asks for the context of all servers. There is none to include, and none is."]);
    }
}
