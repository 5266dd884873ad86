//! Changes of the directory, by whoever runs the server: one fact at a time, each on record.
use super::{bundles::answer, extract::Operated, problem::Problem, wire::DoneOut};
use crate::{
    app::{Portal, Shared},
    submit::{Wish, submit},
    trouble::Trouble,
    words::read_time,
};
use axum::{extract::State, response::Response};
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange},
    directory::{Account, Delegation, Group, Member, Person, Standing},
    ids::{AccountId, DelegationId, DutyId, GroupId, JobRole, LessonId, PersonId, TeamId},
    keeping::is_forgotten,
    time::Timestamp,
};
use engine::chain;
use ledger::SealedBody;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// One fact about people that is now true (or no longer).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum ChangeIn {
    /// A person is as given.
    Person(PersonIn),
    /// A person is gone.
    #[schema(value_type = String)]
    PersonRemoved(PersonId),
    /// An account is as given.
    Account(AccountIn),
    /// An account is gone.
    #[schema(value_type = String)]
    AccountRemoved(AccountId),
    /// A group is as given.
    Group(GroupIn),
    /// A group is gone.
    #[schema(value_type = String)]
    GroupRemoved(GroupId),
    /// A delegation is as given.
    Delegation(DelegationIn),
    /// A delegation is gone.
    #[schema(value_type = String)]
    DelegationRemoved(DelegationId),
}

/// A person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonIn {
    #[schema(value_type = String)]
    id: PersonId,
    /// Left out: the name on record stays.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    mail: Option<String>,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    job_roles: BTreeSet<JobRole>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    team: Option<TeamId>,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    duties: BTreeSet<DutyId>,
    /// Lessons passed, and until when each counts (RFC 3339).
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    training: BTreeMap<LessonId, String>,
    #[serde(default)]
    suspended: bool,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    manager: Option<PersonId>,
}

/// An account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountIn {
    #[schema(value_type = String)]
    id: AccountId,
    /// Left out: an account nobody answers for.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    person: Option<PersonId>,
}

/// A group.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupIn {
    #[schema(value_type = String)]
    id: GroupId,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    persons: BTreeSet<PersonId>,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    accounts: BTreeSet<AccountId>,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    groups: BTreeSet<GroupId>,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    duties: BTreeSet<DutyId>,
}

/// A delegation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DelegationIn {
    #[schema(value_type = String)]
    id: DelegationId,
    #[schema(value_type = String)]
    from: PersonId,
    #[schema(value_type = String)]
    to: PersonId,
    /// Empty: all of them.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    duties: BTreeSet<DutyId>,
    starts_at: String,
    ends_at: String,
}

const NAME_CHARS_MAX: u32 = 200;

fn time(portal: &Portal, name: &str, text: &str) -> Result<Timestamp, Trouble> {
    read_time(text, &portal.app.zone).ok_or_else(|| Trouble::Unusable {
        message: format!("`{name}` is not a time: write it as `2026-11-23T12:15:00+01:00`"),
    })
}

fn person(portal: &Portal, given: PersonIn) -> Result<(DirectoryChange, Vec<SealedBody>), Trouble> {
    if portal
        .app
        .engine
        .read(|state| is_forgotten(state, &given.id))
    {
        return Err(Trouble::Unusable {
            message: format!("`{}` was erased: give the person a new id", given.id),
        });
    }
    let mut writer = portal.app.engine.body_writer(given.id.as_str());
    let mut sealed = |what, raw: Option<String>| {
        let text = raw.map(|raw| writer.write(&raw, NAME_CHARS_MAX));
        match text.transpose() {
            Ok(Some(text)) if text.chars == 0 => Err(Trouble::Unusable {
                message: format!(
                    "there is nothing in `{what}` that can be seen: write one, or leave it out"
                ),
            }),
            written => written.map_err(|error| Trouble::Unusable {
                message: chain(&error),
            }),
        }
    };
    let name = sealed("name", given.name)?;
    let mail = sealed("mail", given.mail)?;
    let mut training = BTreeMap::new();
    for (lesson, until) in given.training {
        training.insert(lesson, time(portal, "training", &until)?);
    }
    let person = Person {
        id: given.id,
        job_roles: given.job_roles,
        team: given.team,
        duties: given.duties,
        training,
        standing: if given.suspended {
            Standing::Suspended
        } else {
            Standing::Active
        },
        manager: given.manager,
    };
    Ok((
        DirectoryChange::Person { person, name, mail },
        writer.finish(),
    ))
}

fn group(given: GroupIn) -> DirectoryChange {
    let mut members: BTreeSet<Member> = given.persons.into_iter().map(Member::Person).collect();
    members.extend(given.accounts.into_iter().map(Member::Account));
    members.extend(given.groups.into_iter().map(Member::Group));
    DirectoryChange::Group(Group {
        id: given.id,
        members,
        duties: given.duties,
    })
}

fn change_of(
    portal: &Portal,
    given: ChangeIn,
) -> Result<(DirectoryChange, Vec<SealedBody>), Trouble> {
    let plain = match given {
        ChangeIn::Person(given) => return person(portal, given),
        ChangeIn::PersonRemoved(id) => DirectoryChange::PersonRemoved(id),
        ChangeIn::Account(given) => DirectoryChange::Account(Account {
            id: given.id,
            person: given.person,
        }),
        ChangeIn::AccountRemoved(id) => DirectoryChange::AccountRemoved(id),
        ChangeIn::Group(given) => group(given),
        ChangeIn::GroupRemoved(id) => DirectoryChange::GroupRemoved(id),
        ChangeIn::Delegation(given) => DirectoryChange::Delegation(Delegation {
            id: given.id,
            from: given.from,
            to: given.to,
            duties: given.duties,
            starts_at: time(portal, "starts_at", &given.starts_at)?,
            ends_at: time(portal, "ends_at", &given.ends_at)?,
        }),
        ChangeIn::DelegationRemoved(id) => DirectoryChange::DelegationRemoved(id),
    };
    Ok((plain, Vec::new()))
}

#[utoipa::path(post, path = "/api/v1/directory", tag = "directory", request_body = ChangeIn,
    params(("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = DoneOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Puts one change of the directory on record; with an operator's token.
pub(crate) async fn change(
    State(portal): State<Shared>,
    Operated { body, key }: Operated<ChangeIn>,
) -> Result<Response, Trouble> {
    let (change, bodies) = change_of(&portal, body)?;
    let judged = portal.app.engine.judge(std::slice::from_ref(&change));
    if !judged.mistakes.is_empty() {
        return Err(Trouble::Unusable {
            message: judged.mistakes.join("; "),
        });
    }
    let wish = Wish {
        bodies,
        ..Wish::plain(Actor::Operator, Command::ChangeDirectory { change }, key)
    };
    let done = submit(&portal, wish).await?;
    Ok(answer(&done))
}
