//! The capabilities declared to a server.
//!
//! The only file that names the protocol library's sampling types, which are deprecated since 2026-07-28; questions
//! themselves are handled as JSON everywhere.

use rmcp::model::{ClientCapabilities, ElicitationCapability, FormElicitationCapability, UrlElicitationCapability};

use super::{Declare, roots::ROOTS};

/// The question methods a client may be asked, as far as it declared them.
pub(super) const SAMPLING: &str = "sampling/createMessage";
pub(super) const ELICITATION: &str = "elicitation/create";

impl Declare {
    /// Whether a question of this method was declared.
    pub(super) fn allows(self, method: &str) -> bool {
        match method {
            SAMPLING => self.sampling,
            ELICITATION => self.elicitation,
            ROOTS => self.roots,
            _ => false,
        }
    }

    pub(super) fn capabilities(self) -> ClientCapabilities {
        let mut capabilities = ClientCapabilities::default();
        if self.sampling {
            let mut sampling = rmcp::model::SamplingCapability::default();
            if self.sampling_tools {
                sampling.tools = Some(rmcp::model::JsonObject::new());
            }
            capabilities.sampling = Some(sampling);
        }
        if self.elicitation {
            let both = ElicitationCapability::new().with_form(FormElicitationCapability::new());
            capabilities.elicitation = Some(both.with_url(UrlElicitationCapability::new()));
        }
        if self.roots {
            let mut roots = rmcp::model::RootsCapabilities::default();
            roots.list_changed = Some(true);
            capabilities.roots = Some(roots);
        }
        capabilities
    }
}
