//! Review in the terminal.
use samplegate_engine::engine::Engine;
use tokio_util::sync::CancellationToken;
pub(crate) struct Terminal;
impl Terminal {
    pub(crate) fn detect() -> Option<Self> {
        None
    }
    pub(crate) async fn review_while<T>(
        &mut self,
        _engine: &Engine,
        work: impl Future<Output = T>,
        _cancel: CancellationToken,
    ) -> T {
        work.await
    }
}
