//! `remit directory import`: people, accounts, groups and delegations from a TOML file, until identity providers feed them. The
//! whole file is read before anything is changed; then each change is one event, and what is already so is left alone.
use anyhow::{Context, Result, bail};
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given},
    directory::{Account, Delegation, Directory, Group, Member, Person, Standing},
    ids::{AccountId, DelegationId, DutyId, GroupId, JobRole, LessonId, PersonId, TeamId},
    time::Timestamp,
};
use engine::{Answer, Engine, Submission};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Longest accepted name or address, in characters.
const NAME_CHARS_MAX: u32 = 200;

/// A directory file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(default)]
    person: BTreeMap<PersonId, PersonIn>,
    #[serde(default)]
    account: BTreeMap<AccountId, AccountIn>,
    #[serde(default)]
    group: BTreeMap<GroupId, GroupIn>,
    #[serde(default)]
    delegation: BTreeMap<DelegationId, DelegationIn>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PersonIn {
    name: String,
    mail: Option<String>,
    #[serde(default)]
    job_roles: BTreeSet<JobRole>,
    team: Option<TeamId>,
    #[serde(default)]
    duties: BTreeSet<DutyId>,
    #[serde(default)]
    training: BTreeMap<LessonId, toml::value::Datetime>,
    #[serde(default)]
    suspended: bool,
    manager: Option<PersonId>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountIn {
    person: Option<PersonId>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupIn {
    #[serde(default)]
    persons: BTreeSet<PersonId>,
    #[serde(default)]
    accounts: BTreeSet<AccountId>,
    #[serde(default)]
    groups: BTreeSet<GroupId>,
    #[serde(default)]
    duties: BTreeSet<DutyId>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DelegationIn {
    from: PersonId,
    to: PersonId,
    #[serde(default)]
    duties: BTreeSet<DutyId>,
    starts: toml::value::Datetime,
    ends: toml::value::Datetime,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Imported {
    /// Facts put on record.
    pub(crate) changed: u64,
    /// Facts that were already so.
    pub(crate) unchanged: u64,
}

/// Reads a file; `name` is for messages.
///
/// # Errors
/// With line and column, what is wrong and what would work.
pub(crate) fn read(text: &str, name: &str) -> Result<File> {
    toml::from_str(text).with_context(|| format!("`{name}` is not a directory file"))
}

impl File {
    /// Puts everything in the file on record. People and groups that the file doesn't name stay as they are.
    ///
    /// # Errors
    /// If a fact can't be recorded; those before it are, and importing the same file again goes on from there.
    pub(crate) async fn import(self, engine: &Engine) -> Result<Imported> {
        // names are read from projections, which a power cut leaves further behind the log
        if let Some(newest) = engine.health().entries.checked_sub(1) {
            engine.settled(newest).await;
        }
        let known_names = engine
            .views()
            .people()
            .context("could not read the present names")?;
        let names: Names = known_names
            .into_iter()
            .map(|row| (row.id, (row.name, row.mail)))
            .collect();
        let mut done = Imported::default();
        let people = self
            .person
            .into_iter()
            .map(|(id, person)| person.read(id))
            .collect::<Result<Vec<_>>>()?;
        let delegations = self
            .delegation
            .into_iter()
            .map(|(id, delegation)| delegation.read(id))
            .collect::<Result<Vec<_>>>()?;
        for person in people {
            import_person(engine, &names, person, &mut done).await?;
        }
        for (id, account) in self.account {
            let account = Account {
                id,
                person: account.person,
            };
            let same =
                |directory: &Directory| directory.accounts.get(&account.id) == Some(&account);
            put_new(
                engine,
                engine.read(|state| same(&state.directory)),
                DirectoryChange::Account(account),
                &mut done,
            )
            .await?;
        }
        for (id, group) in self.group {
            let group = group.read(id);
            let same = engine.read(|state| state.directory.groups.get(&group.id) == Some(&group));
            put_new(engine, same, DirectoryChange::Group(group), &mut done).await?;
        }
        for delegation in delegations {
            let same = engine
                .read(|state| state.directory.delegations.get(&delegation.id) == Some(&delegation));
            put_new(
                engine,
                same,
                DirectoryChange::Delegation(delegation),
                &mut done,
            )
            .await?;
        }
        Ok(done)
    }
}

type Names = BTreeMap<PersonId, (Option<String>, Option<String>)>;

async fn import_person(
    engine: &Engine,
    names: &Names,
    (person, name, mail): (Person, String, Option<String>),
    done: &mut Imported,
) -> Result<()> {
    let same_words = names.get(&person.id) == Some(&(Some(name.clone()), mail.clone()));
    let same =
        same_words && engine.read(|state| state.directory.persons.get(&person.id) == Some(&person));
    if same {
        done.unchanged += 1;
        return Ok(());
    }
    let mut words = engine.body_writer(person.id.as_str());
    let name = words
        .write(&name, NAME_CHARS_MAX)
        .context("a name can't be written")?;
    let mail = mail
        .map(|mail| words.write(&mail, NAME_CHARS_MAX))
        .transpose()
        .context("an address can't be written")?;
    let bodies = words.finish();
    put(
        engine,
        DirectoryChange::Person {
            person,
            name: Some(name),
            mail,
        },
        bodies,
        done,
    )
    .await
}

async fn put_new(
    engine: &Engine,
    same: bool,
    change: DirectoryChange,
    done: &mut Imported,
) -> Result<()> {
    if same {
        done.unchanged += 1;
        return Ok(());
    }
    put(engine, change, Vec::new(), done).await
}

async fn put(
    engine: &Engine,
    change: DirectoryChange,
    bodies: Vec<ledger::SealedBody>,
    done: &mut Imported,
) -> Result<()> {
    let given = Given {
        actor: Actor::Operator,
        command: Command::ChangeDirectory { change },
    };
    let answer = engine
        .submit(Submission {
            bodies,
            ..Submission::of(given)
        })
        .await
        .context("a change of the directory could not be recorded")?;
    match answer {
        Answer::Done { entry, .. } => {
            done.changed += 1;
            engine.settled(entry).await;
            Ok(())
        }
        Answer::Refused { refused, .. } => bail!("{}", refused.message),
    }
}

impl PersonIn {
    fn read(self, id: PersonId) -> Result<(Person, String, Option<String>)> {
        let mut training = BTreeMap::new();
        for (lesson, until) in self.training {
            let until =
                instant(&until).with_context(|| format!("the lesson `{lesson}` of `{id}`"))?;
            training.insert(lesson, until);
        }
        let standing = if self.suspended {
            Standing::Suspended
        } else {
            Standing::Active
        };
        let person = Person {
            id,
            job_roles: self.job_roles,
            team: self.team,
            duties: self.duties,
            training,
            standing,
            manager: self.manager,
        };
        Ok((person, self.name, self.mail))
    }
}

impl GroupIn {
    fn read(self, id: GroupId) -> Group {
        let members = self
            .persons
            .into_iter()
            .map(Member::Person)
            .chain(self.accounts.into_iter().map(Member::Account))
            .chain(self.groups.into_iter().map(Member::Group))
            .collect();
        Group {
            id,
            members,
            duties: self.duties,
        }
    }
}

impl DelegationIn {
    fn read(self, id: DelegationId) -> Result<Delegation> {
        let starts_at =
            instant(&self.starts).with_context(|| format!("`starts` of the delegation `{id}`"))?;
        let ends_at =
            instant(&self.ends).with_context(|| format!("`ends` of the delegation `{id}`"))?;
        Ok(Delegation {
            id,
            from: self.from,
            to: self.to,
            duties: self.duties,
            starts_at,
            ends_at,
        })
    }
}

/// A date (its first instant in UTC) or an instant with offset.
fn instant(value: &toml::value::Datetime) -> Result<Timestamp> {
    let text = value.to_string();
    let full = if value.time.is_none() {
        format!("{text}T00:00:00Z")
    } else {
        text.clone()
    };
    let at: jiff::Timestamp = full.parse().with_context(|| {
        format!("`{text}` is no instant: write `2027-03-02` or `2027-03-02T12:00:00Z`")
    })?;
    Ok(Timestamp(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_where_it_is() {
        let error = read("[person.a-b]\nname = \"A\"\nduty = 1\n", "people.toml").unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.starts_with(
                "`people.toml` is not a directory file: TOML parse error at line 3, column 1"
            ),
            "{text}"
        );
        assert!(text.contains("unknown field `duty`"), "{text}");
        let text = format!(
            "{:#}",
            read("[person.\"A B\"]\nname = \"A\"\n", "p").unwrap_err()
        );
        assert!(text.contains("`A B` is not an id"), "{text}");
    }

    #[test]
    fn dates_and_instants_are_read() {
        let file = read("[person.a]\nname = \"A\"\ntraining = { x = 2027-03-02, y = 2027-03-02T12:00:00+01:00 }\n", "p").unwrap();
        let (person, ..) = file
            .person
            .into_iter()
            .map(|(id, p)| p.read(id).unwrap())
            .next()
            .unwrap();
        let until: Vec<i64> = person.training.values().map(|at| at.0).collect();
        assert_eq!(until, [1_803_945_600_000, 1_803_985_200_000]);
    }
}
