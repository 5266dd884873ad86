//! A platform in memory: what exists in it can be looked at, and it fails, lies still or panics on command.
use crate::locked;
use domain::{grant::CredentialKind, ids::CredentialId, time::Timestamp};
use engine::ports::{Connector, ConnectorError, Eventually, Job, OneTimeSecret, Provisioned};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

/// A platform; clones see the same one.
#[derive(Debug, Clone, Default)]
pub struct FakePlatform {
    inner: Arc<Mutex<Inside>>,
}

#[derive(Debug, Default)]
struct Inside {
    live: BTreeMap<CredentialId, Timestamp>,
    roles: BTreeMap<String, CredentialId>,
    calls: Vec<String>,
    troubles: VecDeque<Trouble>,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It fails and changes nothing.
    Fails,
    /// It does its work and says it failed.
    DoneYetFails,
    /// It panics.
    Panics,
}

impl FakePlatform {
    /// What exists in it, and until when.
    pub fn live(&self) -> BTreeMap<CredentialId, Timestamp> {
        locked(&self.inner).live.clone()
    }

    /// The names of the database roles in it.
    pub fn roles(&self) -> BTreeSet<String> {
        locked(&self.inner).roles.keys().cloned().collect()
    }

    /// Somebody else takes a role away.
    pub fn lose(&self, role: &str) {
        let mut inside = locked(&self.inner);
        if let Some(credential) = inside.roles.remove(role) {
            inside.live.remove(&credential);
        }
    }

    /// Calls so far, in order: `provision`, `renew`, `remove`, `list`, `end`.
    pub fn calls(&self) -> Vec<String> {
        locked(&self.inner).calls.clone()
    }

    /// The next calls go wrong like this.
    pub fn trouble(&self, troubles: &[Trouble]) {
        locked(&self.inner).troubles.extend(troubles);
    }

    fn call<T>(
        &self,
        name: &str,
        work: impl FnOnce(&mut Inside) -> T,
    ) -> Result<T, ConnectorError> {
        let mut inside = locked(&self.inner);
        inside.calls.push(name.to_owned());
        let trouble = inside.troubles.pop_front();
        let failed = || ConnectorError {
            because: format!("{name} failed"),
        };
        match trouble {
            None => Ok(work(&mut inside)),
            Some(Trouble::Fails) => Err(failed()),
            Some(Trouble::DoneYetFails) => {
                work(&mut inside);
                Err(failed())
            }
            Some(Trouble::Panics) => {
                drop(inside);
                unreachable!("this platform was told to panic")
            }
        }
    }
}

impl Connector for FakePlatform {
    fn provision<'a>(
        &'a self,
        job: &'a Job,
    ) -> Eventually<'a, Result<Provisioned, ConnectorError>> {
        Box::pin(async move {
            let expires_at = job.expires_at.unwrap_or(Timestamp(0));
            self.call("provision", |inside| {
                inside.live.insert(job.credential, expires_at);
                if let CredentialKind::PostgresRole { role } = &job.kind {
                    inside.roles.insert(role.clone(), job.credential);
                }
                Provisioned {
                    expires_at,
                    secret: Some(OneTimeSecret(zeroize::Zeroizing::new("s3cret".to_owned()))),
                }
            })
        })
    }

    fn renew<'a>(&'a self, job: &'a Job) -> Eventually<'a, Result<Timestamp, ConnectorError>> {
        Box::pin(async move {
            let expires_at = job.expires_at.unwrap_or(Timestamp(0));
            self.call("renew", |inside| {
                inside.live.insert(job.credential, expires_at);
                expires_at
            })
        })
    }

    fn remove<'a>(&'a self, job: &'a Job) -> Eventually<'a, Result<String, ConnectorError>> {
        Box::pin(async move {
            self.call("remove", |inside| {
                inside.live.remove(&job.credential);
                inside
                    .roles
                    .retain(|_, credential| *credential != job.credential);
                "no such role".to_owned()
            })
        })
    }

    fn list(&self) -> Eventually<'_, Result<BTreeSet<String>, ConnectorError>> {
        Box::pin(async move { self.call("list", |inside| inside.roles.keys().cloned().collect()) })
    }

    fn end<'a>(&'a self, name: &'a str) -> Eventually<'a, Result<String, ConnectorError>> {
        Box::pin(async move {
            self.call("end", |inside| {
                if let Some(credential) = inside.roles.remove(name) {
                    inside.live.remove(&credential);
                }
                "no such role".to_owned()
            })
        })
    }
}
