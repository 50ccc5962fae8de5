//! Grants: listing, revoking, and telling the windows when one ends.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use samplegate_core::{
    audit::format_time,
    identity::Pin,
    policy::{Grant, Suspension, Until},
    settings::Gates,
};

use super::{Engine, changes::Changes};
use crate::{
    pipeline::suspended,
    store::{Granted, GuardChange, Pinned, StoreError},
    wire::{self, GrantView, Topic},
};

/// How often another process's changes are looked for: with grants, and without any.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

/// Why a grant could not be revoked.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// There is none of that id any more.
    #[error("there is no grant {0}: it was revoked, or is over")]
    NotFound(String),
    /// The log cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// The grants that hold, oldest first.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn list_grants(&self) -> Result<Vec<GrantView>, StoreError> {
        let grants = self.store.grants(Timestamp::now()).await?;
        let pins = self.store.pins().await?;
        Ok(grants.into_iter().filter_map(|granted| self.grant_view(granted, &pins)).collect())
    }

    /// Revokes a grant. What it has let through stays let through.
    ///
    /// # Errors
    /// There is none of that id, or the log cannot be written: then it still holds.
    pub async fn revoke_grant(&self, id: &str) -> Result<(), GrantError> {
        let grants = self.store.grants(Timestamp::now()).await?;
        let not_found = || GrantError::NotFound(id.to_owned());
        let Granted { grant, .. } = grants.into_iter().find(|granted| granted.grant.id == id).ok_or_else(not_found)?;
        let event = self.logs_changes().revoked(&[&grant]);
        let change = GuardChange::EndGrant { id: id.to_owned() };
        if self.store.change(change, vec![event]).await? { Ok(()) } else { Err(not_found()) }
    }

    /// Revokes every grant; says how many there were.
    ///
    /// # Errors
    /// The log cannot be written: then they still hold.
    pub async fn revoke_grants(&self) -> Result<usize, GrantError> {
        let grants = self.store.grants(Timestamp::now()).await?;
        let grants: Vec<&Grant> = grants.iter().map(|granted| &granted.grant).collect();
        let event = self.logs_changes().revoked(&grants);
        // Also where none is listed: another process may have made one this very moment.
        let changed = self.store.change(GuardChange::EndGrants, vec![event]).await?;
        Ok(if changed { grants.len() } else { 0 })
    }

    /// Ends all that was approved about a server that is removed: its name may come to mean another.
    pub(super) async fn forget_approvals(&self, server: &str) -> Result<(), StoreError> {
        self.end(server, GuardChange::Forget { server: server.to_owned() }).await
    }

    /// Ends all that was granted about a server.
    pub(super) async fn end_grants_of(&self, server: &str) -> Result<(), StoreError> {
        self.end(server, GuardChange::EndGrantsOf { server: server.to_owned() }).await
    }

    /// Makes a change that ends the grants about a server, and logs which.
    async fn end(&self, server: &str, change: GuardChange) -> Result<(), StoreError> {
        let of_it = |granted: &Granted| granted.grant.server == server;
        let grants = self.store.grants(Timestamp::now()).await?;
        let ended: Vec<&Grant> = grants.iter().filter(|granted| of_it(granted)).map(|granted| &granted.grant).collect();
        let events = if ended.is_empty() { vec![] } else { vec![self.logs_changes().revoked(&ended)] };
        self.store.change(change, events).await.map(drop)
    }

    pub(super) fn logs_changes(&self) -> Changes {
        Changes { store: self.store.clone(), reviewer: self.options.reviewer.clone(), place: self.options.place }
    }

    fn grant_view(&self, Granted { grant, used, used_at }: Granted, pins: &BTreeMap<String, Pin>) -> Option<GrantView> {
        let settings = self.config.settings();
        let today = Timestamp::now().to_zoned(TimeZone::system()).date();
        let why = match settings.servers.get(&grant.server) {
            Some(server) => suspended(server, pins.get(&grant.server).map(Pinned::from).as_ref(), today)
                .map(|why: Suspension| why.reason().to_owned()),
            None => Some("The server is not configured any more.".to_owned()),
        };
        let until = match &grant.until {
            Until::Time { at } => Some(format_time(*at)),
            Until::Call { .. } | Until::Session { .. } | Until::Revoked => None,
        };
        Some(GrantView {
            sentence: grant.sentence(),
            gates: match grant.gates {
                Gates::Both => wire::Gates::Both,
                Gates::Request => wire::Gates::Request,
                Gates::Answer => wire::Gates::Answer,
            },
            scope: grant.until.scope().try_into().ok()?,
            until,
            given_at: format_time(grant.given_at),
            used: u32::try_from(used).unwrap_or(u32::MAX),
            used_at: used_at.map(format_time),
            suspended: why,
            id: grant.id,
            server: grant.server,
            tool: grant.tool,
            reviewer: grant.reviewer,
            question: grant.question,
        })
    }

    /// Tells the windows when the list of grants is another, whoever changed it and when one is over by time.
    pub(super) async fn watch_grants(&self) {
        let mut shared = self.store.shared();
        let mut known: Vec<(String, u64)> = Vec::new();
        loop {
            shared.mark_unchanged();
            let now = Timestamp::now();
            let grants = self.store.grants(now).await.unwrap_or_default();
            let next = grants.iter().filter_map(|granted| match granted.grant.until {
                Until::Time { at } => Duration::try_from(at.duration_since(now)).ok(),
                Until::Call { .. } | Until::Session { .. } | Until::Revoked => None,
            });
            let again = next.min().unwrap_or(Duration::MAX).min(LOOK_AGAIN[usize::from(grants.is_empty())]);
            let listed: Vec<(String, u64)> =
                grants.into_iter().map(|granted| (granted.grant.id, granted.used)).collect();
            if listed != known {
                known = listed;
                self.grants.store(u32::try_from(known.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
                self.tell(Topic::Grants, None);
                self.tell(Topic::Status, None);
            }
            tokio::select! {
                () = tokio::time::sleep(again) => {}
                changed = shared.changed() => if changed.is_err() { return },
            }
        }
    }
}
