//! The least an rmcp client can do with a sampling request: nothing is shown, decided or logged.
#![expect(deprecated, reason = "sampling is deprecated since 2026-07-28, and what this is about")]

use rmcp::{
    ClientHandler, ErrorData, RoleClient, ServiceExt as _,
    model::{
        CallToolRequestParams, ClientCapabilities, ClientConfig, CreateMessageRequestParams, CreateMessageResult,
        Implementation, SamplingCapability, SamplingMessage,
    },
    service::{RequestContext, RunningService},
    transport::TokioChildProcess,
};
use tokio::process::Command;

use crate::load::{Load, Loaded};

/// rmcp with a handler that returns a constant.
pub(crate) struct Bare(RunningService<RoleClient, Constant>);

struct Constant;

impl ClientHandler for Constant {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        capabilities.sampling = Some(SamplingCapability::default());
        ClientConfig::new(capabilities, Implementation::new("bare", "1"))
    }

    async fn create_message(
        &self,
        _params: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        Ok(CreateMessageResult::new(SamplingMessage::assistant_text("yes"), "none".into()))
    }
}

impl Bare {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let mut command = Command::new(crate::myself()?);
        command.arg("serve-load");
        Ok(Self(Constant.serve(TokioChildProcess::new(command)?).await?))
    }

    pub(crate) async fn load(&self, load: Load) -> anyhow::Result<Loaded> {
        let arguments = serde_json::from_value(serde_json::to_value(load)?)?;
        let result = self.0.call_tool(CallToolRequestParams::new("load").with_arguments(arguments)).await?;
        Loaded::read(&serde_json::to_value(result)?)
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.0.cancel().await?;
        Ok(())
    }
}
