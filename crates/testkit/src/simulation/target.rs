//! A platform that is made up, and the network to it: questions wait until the simulation delivers them, answers get lost, the line is
//! cut, and the platform fails, hangs, says it failed though it did, or says it did though it didn't.
//!
//! What is assumed of real platforms: a question that was given up, or whose asker died, is carried out by then or never.
use super::{Plant, dice::Dice};
use crate::locked;
use domain::{
    grant::CredentialKind,
    ids::{CredentialId, GrantId},
    time::Timestamp,
};
use engine::ports::{Connector, ConnectorError, Eventually, Job, Provisioned};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

/// A platform; clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct SimTarget(Arc<Mutex<Inside>>);

/// How often a delivered question goes wrong, in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Temper {
    pub(super) fails: u64,
    pub(super) done_yet_fails: u64,
    pub(super) hangs: u64,
    pub(super) answer_lost: u64,
    pub(super) twice: u64,
    pub(super) lies: u64,
}

/// A role that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) grant: GrantId,
    pub(super) credential: CredentialId,
    pub(super) until: Timestamp,
}

#[derive(Debug)]
struct Inside {
    roles: BTreeMap<String, Role>,
    created: BTreeMap<CredentialId, u32>,
    lied: BTreeSet<CredentialId>,
    calls: BTreeMap<u64, Call>,
    called: u64,
    dice: Dice,
    temper: Temper,
    cut: bool,
    plant: Option<Plant>,
}

#[derive(Debug, Clone)]
enum Question {
    Provision(String, Role),
    Renew(String, Role),
    Remove(String, CredentialId),
    List,
    End(String),
}

#[derive(Debug)]
enum Said {
    Until(Timestamp),
    Gone,
    Names(BTreeSet<String>),
}

#[derive(Debug)]
struct Call {
    question: Question,
    delivered: bool,
    answer: Option<Result<Said, String>>,
    waker: Option<Waker>,
}

impl SimTarget {
    pub(super) fn new(dice: Dice, plant: Option<Plant>) -> Self {
        Self(Arc::new(Mutex::new(Inside {
            roles: BTreeMap::new(),
            created: BTreeMap::new(),
            lied: BTreeSet::new(),
            calls: BTreeMap::new(),
            called: 0,
            dice,
            temper: Temper::default(),
            cut: false,
            plant,
        })))
    }

    pub(super) fn temper(&self, temper: Temper) {
        locked(&self.0).temper = temper;
    }

    /// The line is cut, or whole again.
    pub(super) fn cut(&self, cut: bool) {
        locked(&self.0).cut = cut;
    }

    pub(super) fn roles(&self) -> BTreeMap<String, Role> {
        locked(&self.0).roles.clone()
    }

    /// How often each credential came into being.
    pub(super) fn created(&self) -> BTreeMap<CredentialId, u32> {
        locked(&self.0).created.clone()
    }

    /// Credentials of which it said what isn't so.
    pub(super) fn lied(&self) -> BTreeSet<CredentialId> {
        locked(&self.0).lied.clone()
    }

    /// Whether a question waits to be delivered, or to be given up.
    pub(super) fn is_asked(&self) -> bool {
        !locked(&self.0).calls.is_empty()
    }

    /// Delivers one of the questions that are under way; whether there was one that could be.
    pub(super) fn deliver(&self) -> bool {
        let mut inside = locked(&self.0);
        if inside.cut {
            return false;
        }
        let waiting = inside.calls.iter().filter(|(_, call)| !call.delivered);
        let waiting: Vec<u64> = waiting.map(|(id, _)| *id).collect();
        let Some(id) = inside.dice.pick(&waiting).copied() else {
            return false;
        };
        let Some(question) = inside.calls.get(&id).map(|call| call.question.clone()) else {
            return false;
        };
        let answer = inside.handle(&question);
        if let Some(call) = inside.calls.get_mut(&id) {
            call.delivered = true;
            call.answer = answer;
            if let (Some(_), Some(waker)) = (&call.answer, call.waker.take()) {
                drop(inside);
                waker.wake();
            }
        }
        true
    }

    fn ask(&self, question: Question) -> Asked {
        let mut inside = locked(&self.0);
        inside.called += 1;
        let id = inside.called;
        let call = Call {
            question,
            delivered: false,
            answer: None,
            waker: None,
        };
        inside.calls.insert(id, call);
        Asked {
            target: self.clone(),
            id,
        }
    }
}

impl Inside {
    /// What comes of a question that arrived; `None` if nobody will ever hear of it.
    fn handle(&mut self, question: &Question) -> Option<Result<Said, String>> {
        let Temper {
            fails,
            done_yet_fails,
            hangs,
            answer_lost,
            twice,
            lies,
        } = self.temper;
        let failed = || Some(Err("the platform said no".to_owned()));
        if self.dice.chance(fails) {
            return failed();
        }
        if self.dice.chance(hangs) {
            return None;
        }
        if self.dice.chance(lies)
            && let Some(lie) = self.lie(question)
        {
            return Some(Ok(lie));
        }
        let said = self.apply(question);
        if self.dice.chance(twice) {
            self.apply(question);
        }
        if self.dice.chance(done_yet_fails) {
            return failed();
        }
        (!self.dice.chance(answer_lost)).then_some(Ok(said))
    }

    /// Says it is done and does nothing.
    fn lie(&mut self, question: &Question) -> Option<Said> {
        let (of, said) = match question {
            Question::Provision(_, role) | Question::Renew(_, role) => {
                (Some(role.credential), Said::Until(role.until))
            }
            Question::Remove(_, credential) => (Some(*credential), Said::Gone),
            Question::End(name) => {
                let role = self.roles.get(name);
                (role.map(|role| role.credential), Said::Gone)
            }
            Question::List => return None,
        };
        self.lied.extend(of);
        Some(said)
    }

    fn apply(&mut self, question: &Question) -> Said {
        match question {
            Question::Provision(name, role) => {
                let doubled = format!("{name}-2");
                let doubled = (self.plant == Some(Plant::TargetDoubles)).then_some(doubled);
                for name in doubled.into_iter().chain([name.clone()]) {
                    if self.roles.insert(name, *role).is_none() {
                        *self.created.entry(role.credential).or_default() += 1;
                    }
                }
                Said::Until(role.until)
            }
            Question::Renew(name, renewed) => {
                if let Some(role) = self.roles.get_mut(name) {
                    role.until = renewed.until;
                }
                Said::Until(renewed.until)
            }
            Question::Remove(name, _) | Question::End(name) => {
                let stays = self.plant == Some(Plant::RemovalIsSkipped) && self.dice.chance(300);
                if !stays {
                    self.roles.remove(name);
                    self.roles.remove(&format!("{name}-2"));
                }
                Said::Gone
            }
            Question::List => Said::Names(self.roles.keys().cloned().collect()),
        }
    }
}

/// A question under way.
struct Asked {
    target: SimTarget,
    id: u64,
}

impl Future for Asked {
    type Output = Result<Said, ConnectorError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut inside: MutexGuard<'_, Inside> = locked(&self.target.0);
        let Some(call) = inside.calls.get_mut(&self.id) else {
            return Poll::Pending;
        };
        if let Some(answer) = call.answer.take() {
            return Poll::Ready(answer.map_err(|because| ConnectorError { because }));
        }
        call.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Asked {
    /// Nobody waits any more: a question that hadn't arrived arrives now or never.
    fn drop(&mut self) {
        let mut inside = locked(&self.target.0);
        let Some(call) = inside.calls.remove(&self.id) else {
            return;
        };
        if !call.delivered && !inside.cut && inside.dice.chance(500) {
            inside.apply(&call.question);
        }
    }
}

/// The role of a job; none for what lives in no platform.
fn role(job: &Job) -> Result<(String, Role), ConnectorError> {
    let CredentialKind::PostgresRole { role } = &job.kind else {
        return Err(ConnectorError {
            because: "this platform has roles only".to_owned(),
        });
    };
    let made = Role {
        grant: job.terms.id,
        credential: job.credential,
        until: job.expires_at.unwrap_or(Timestamp(0)),
    };
    Ok((role.clone(), made))
}

fn unexpected(said: &Said) -> ConnectorError {
    ConnectorError {
        because: format!("the platform said something else: {said:?}"),
    }
}

impl Connector for SimTarget {
    fn provision<'a>(
        &'a self,
        job: &'a Job,
    ) -> Eventually<'a, Result<Provisioned, ConnectorError>> {
        Box::pin(async move {
            let (name, made) = role(job)?;
            match self.ask(Question::Provision(name, made)).await? {
                Said::Until(expires_at) => Ok(Provisioned {
                    expires_at,
                    secret: None,
                }),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn renew<'a>(&'a self, job: &'a Job) -> Eventually<'a, Result<Timestamp, ConnectorError>> {
        Box::pin(async move {
            let (name, made) = role(job)?;
            match self.ask(Question::Renew(name, made)).await? {
                Said::Until(expires_at) => Ok(expires_at),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn remove<'a>(&'a self, job: &'a Job) -> Eventually<'a, Result<String, ConnectorError>> {
        Box::pin(async move {
            let (name, made) = role(job)?;
            match self.ask(Question::Remove(name, made.credential)).await? {
                Said::Gone => Ok("no such role".to_owned()),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn list(&self) -> Eventually<'_, Result<BTreeSet<String>, ConnectorError>> {
        Box::pin(async move {
            match self.ask(Question::List).await? {
                Said::Names(names) => Ok(names),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn end<'a>(&'a self, name: &'a str) -> Eventually<'a, Result<String, ConnectorError>> {
        Box::pin(async move {
            match self.ask(Question::End(name.to_owned())).await? {
                Said::Gone => Ok("no such role".to_owned()),
                other => Err(unexpected(&other)),
            }
        })
    }
}
