//! Which exit code a call leads to.

use samplegate_core::audit::Outcome;
use samplegate_engine::{
    engine::{CallFailure, CallReport},
    mcp::CallError,
};
use serde_json::Value;

use crate::exit::Exit;

/// The first that fits: no error, a question denied, a model failed, an unknown name, the server failed.
pub(super) fn of(report: &CallReport, known: bool) -> Exit {
    let outcomes = report.outcomes();
    match &report.result {
        Ok(result) if !is_error(result) => Exit::Done,
        Ok(_) | Err(CallFailure::Call(_))
            if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Denied | Outcome::TimedOut)) =>
        {
            Exit::Denied
        }
        Ok(_) | Err(CallFailure::Call(_)) if outcomes.contains(&Outcome::Failed) => Exit::Model,
        // The server has no such tool: that is no failure of it.
        Ok(_) | Err(CallFailure::Call(CallError::Protocol { .. })) if !known => Exit::Usage,
        Err(CallFailure::Call(CallError::Cancelled)) => Exit::Own,
        Ok(_) | Err(CallFailure::Call(_)) => Exit::Server,
        Err(CallFailure::Server(error)) => error.into(),
    }
}

/// Whether the result is one that a server gives for a name that it does not know.
pub(super) fn may_be_unknown(report: &CallReport) -> bool {
    match &report.result {
        Ok(result) => is_error(result) && report.questions.is_empty(),
        Err(CallFailure::Call(CallError::Protocol { .. })) => report.questions.is_empty(),
        Err(_) => false,
    }
}

fn is_error(result: &Value) -> bool {
    result["isError"].as_bool().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use samplegate_core::audit::DecidedBy;
    use samplegate_engine::{mcp::Refusal, pipeline::Ended};
    use serde_json::json;

    use super::*;

    fn report(result: Result<Value, CallError>, outcomes: &[Outcome]) -> CallReport {
        let questions = outcomes
            .iter()
            .map(|outcome| Ended { outcome: *outcome, by: Some(DecidedBy::Rule), why: String::new() })
            .collect();
        CallReport { result: result.map_err(CallFailure::Call), questions }
    }

    fn protocol() -> CallError {
        CallError::Protocol { code: -32602, message: "no".into(), data: None }
    }

    #[test]
    fn the_first_that_fits_counts() {
        let error = || json!({"isError": true, "content": []});
        let refused = || CallError::Refused(Refusal::new(-1, "no"));
        let both = [Outcome::Failed, Outcome::Released, Outcome::Denied];
        let cases = [
            (report(Ok(json!({"content": []})), &both), true, Exit::Done),
            (report(Ok(error()), &both), true, Exit::Denied),
            (report(Ok(error()), &both), false, Exit::Denied),
            (report(Err(refused()), &[Outcome::Denied]), true, Exit::Denied),
            (report(Err(refused()), &[Outcome::TimedOut]), true, Exit::Denied),
            (report(Ok(error()), &[Outcome::Failed]), true, Exit::Model),
            (report(Err(refused()), &[Outcome::Failed]), true, Exit::Model),
            (report(Ok(error()), &[Outcome::Released]), true, Exit::Server),
            (report(Ok(error()), &[]), false, Exit::Usage),
            (report(Err(protocol()), &[]), false, Exit::Usage),
            (report(Err(protocol()), &[]), true, Exit::Server),
            (report(Err(CallError::Cancelled), &[]), true, Exit::Own),
            (report(Err(CallError::BadResult("x".into())), &[]), false, Exit::Server),
        ];
        for (report, known, exit) in cases {
            assert_eq!(of(&report, known), exit, "{report:?}");
        }
    }
}
