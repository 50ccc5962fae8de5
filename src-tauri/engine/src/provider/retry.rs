//! When a failed attempt is made again.
//!
//! An overloaded server (429, 503, 529) is asked again when it says, in three tries within a minute; a broken one
//! (500, 502, 504, a connection that broke before any content) twice within 20 seconds.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

use super::ProviderError;

/// Times that a call is sent again.
const AGAIN: u32 = 2;
/// How long an overloaded server is waited for, all in all.
const OVERLOADED_FOR: Duration = Duration::from_secs(60);
/// How long a broken server is tried, all in all.
const BROKEN_FOR: Duration = Duration::from_secs(20);

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: ProviderError,
    pub(super) retry: Option<Retry>,
}

/// Why an attempt may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// The server has too much to do, and perhaps says until when.
    Overloaded { after: Option<Duration> },
    /// The server or the way to it is broken.
    Broken,
}

impl Failure {
    /// A failure that is final.
    pub(super) fn last(error: impl Into<ProviderError>) -> Self {
        Self { error: error.into(), retry: None }
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::last(error)
    }
}

/// The attempts of one call.
#[derive(Debug)]
pub(super) struct Attempts {
    began: Instant,
    again: u32,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { began: Instant::now(), again: 0 }
    }
}

impl Attempts {
    /// How long to wait before the next attempt; none: there is no next.
    pub(super) fn wait(&mut self, retry: Option<Retry>) -> Option<Duration> {
        let retry = retry.filter(|_| self.again < AGAIN)?;
        self.again += 1;
        let (wait, within) = match retry {
            Retry::Overloaded { after: Some(after) } => (after, OVERLOADED_FOR),
            Retry::Overloaded { after: None } => (Duration::from_secs(1 << (2 * self.again - 1)), OVERLOADED_FOR),
            Retry::Broken => (Duration::from_millis(500 << (2 * (self.again - 1))), BROKEN_FOR),
        };
        (self.began.elapsed() + wait <= within).then_some(wait)
    }
}

/// What Retry-After says (RFC 9110, section 10.2.3): seconds or a date, the latter by the server's own clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |value: Option<&reqwest::header::HeaderValue>| value?.to_str().ok().map(|text| text.trim().to_owned());
    let said = text(headers.get(RETRY_AFTER))?;
    if let Ok(seconds) = said.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let parse = |date: &str| rfc2822::parse(date).ok().map(|date| date.timestamp());
    let until = parse(&said)?;
    let now = text(headers.get(DATE)).and_then(|date| parse(&date)).unwrap_or_else(Timestamp::now);
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: &[(reqwest::header::HeaderName, &'static str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.insert(name, reqwest::header::HeaderValue::from_static(value));
        }
        retry_after(&headers)
    }

    #[test]
    fn seconds_and_dates() {
        let now = (DATE, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(after(&[(RETRY_AFTER, "7")]), Some(Duration::from_secs(7)));
        assert_eq!(after(&[(RETRY_AFTER, "0.5")]), Some(Duration::from_millis(500)));
        assert_eq!(after(&[now.clone(), (RETRY_AFTER, "Sun, 06 Nov 1994 08:49:40 GMT")]), Some(Duration::from_secs(3)));
        assert_eq!(after(&[now, (RETRY_AFTER, "Sun, 06 Nov 1994 08:49:00 GMT")]), Some(Duration::ZERO));
        assert_eq!(after(&[(RETRY_AFTER, "soon")]), None);
        assert_eq!(after(&[(RETRY_AFTER, "-1")]), None);
        assert_eq!(after(&[]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn tries_and_limits() {
        let overloaded = |seconds| Some(Retry::Overloaded { after: Some(Duration::from_secs(seconds)) });
        let mut attempts = Attempts::default();
        assert_eq!(attempts.wait(overloaded(30)), Some(Duration::from_secs(30)));
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(attempts.wait(overloaded(30)), None);
        let mut attempts = Attempts::default();
        let waits = [(); 3].map(|()| attempts.wait(Some(Retry::Broken)));
        assert_eq!(waits, [Some(Duration::from_millis(500)), Some(Duration::from_secs(2)), None]);
        let mut attempts = Attempts::default();
        let waits = [(); 3].map(|()| attempts.wait(Some(Retry::Overloaded { after: None })));
        assert_eq!(waits, [Some(Duration::from_secs(2)), Some(Duration::from_secs(8)), None]);
        assert_eq!(Attempts::default().wait(None), None);
        let mut late = Attempts::default();
        tokio::time::advance(Duration::from_secs(21)).await;
        assert_eq!(late.wait(Some(Retry::Broken)), None);
    }
}
