//! `remit directory import`: people, accounts, groups and delegations from a TOML file, until identity providers feed them. The
//! whole file is read and held against the bundle in force before anything is changed; then each change is one event, and what is
//! already so is left alone.
use anyhow::{Context, Result, bail};
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given},
    directory::{Account, Delegation, Directory, Group, Member, Person, Standing},
    ids::{AccountId, DelegationId, DutyId, GroupId, JobRole, LessonId, PersonId, TeamId},
    time::Timestamp,
};
use engine::{Answer, Engine, Submission, body::clean};
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Imported {
    /// Facts put on record.
    pub(crate) changed: u64,
    /// Facts that were already so.
    pub(crate) unchanged: u64,
    /// Words of the file that nothing in the bundle asks for: perhaps misspelt.
    pub(crate) unheard_of: Vec<String>,
}

/// What a file says, as facts.
struct Facts {
    people: Vec<(Person, String, Option<String>)>,
    others: Vec<DirectoryChange>,
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
    /// If anything in the file can't be so, and then nothing is changed. If a fact can't be recorded; those before it are, and
    /// importing the same file again goes on from there.
    pub(crate) async fn import(self, engine: &Engine) -> Result<Imported> {
        let facts = self.facts()?;
        let mut done = Imported {
            unheard_of: facts.judged(engine)?,
            ..Imported::default()
        };
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
        for person in facts.people {
            import_person(engine, &names, person, &mut done).await?;
        }
        for change in facts.others {
            if engine.read(|state| is_so(&state.directory, &change)) {
                done.unchanged += 1;
            } else {
                put(engine, change, Vec::new(), &mut done).await?;
            }
        }
        Ok(done)
    }

    fn facts(self) -> Result<Facts> {
        let people = self.person.into_iter();
        let people = people
            .map(|(id, person)| person.read(id))
            .collect::<Result<_>>()?;
        let accounts = self.account.into_iter().map(|(id, account)| {
            let person = account.person;
            DirectoryChange::Account(Account { id, person })
        });
        let groups = self.group.into_iter();
        let mut others: Vec<DirectoryChange> = accounts
            .chain(groups.map(|(id, group)| DirectoryChange::Group(group.read(id))))
            .collect();
        for (id, delegation) in self.delegation {
            others.push(DirectoryChange::Delegation(delegation.read(id)?));
        }
        Ok(Facts { people, others })
    }
}

impl Facts {
    /// The words that the bundle in force has no use for.
    fn judged(&self, engine: &Engine) -> Result<Vec<String>> {
        let fact = |(person, ..): &(Person, String, Option<String>)| DirectoryChange::Person {
            person: person.clone(),
            name: None,
            mail: None,
        };
        let changes: Vec<DirectoryChange> = self
            .people
            .iter()
            .map(fact)
            .chain(self.others.iter().cloned())
            .collect();
        let judged = engine.judge(&changes);
        let wrong = [judged.mistakes, judged.missing].concat();
        if wrong.is_empty() {
            return Ok(judged.unheard_of);
        }
        bail!(
            "nothing was changed, for this can't be so:\n  {}",
            wrong.join("\n  ")
        )
    }
}

fn is_so(directory: &Directory, change: &DirectoryChange) -> bool {
    match change {
        DirectoryChange::Account(account) => directory.accounts.get(&account.id) == Some(account),
        DirectoryChange::Group(group) => directory.groups.get(&group.id) == Some(group),
        DirectoryChange::Delegation(delegation) => {
            directory.delegations.get(&delegation.id) == Some(delegation)
        }
        // names are bodies, and a file removes nothing
        DirectoryChange::Person { .. }
        | DirectoryChange::PersonRemoved(_)
        | DirectoryChange::AccountRemoved(_)
        | DirectoryChange::GroupRemoved(_)
        | DirectoryChange::DelegationRemoved(_) => false,
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
        words(&self.name).with_context(|| format!("the name of `{id}`"))?;
        if let Some(mail) = &self.mail {
            words(mail).with_context(|| format!("the mail address of `{id}`"))?;
        }
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

/// Whether a name or an address is one: it shows something, and is short enough to be kept.
fn words(raw: &str) -> Result<()> {
    let chars = clean(raw).chars().count();
    match u32::try_from(chars) {
        Ok(0) => bail!("there is nothing in it that can be seen: write one"),
        Ok(1..=NAME_CHARS_MAX) => Ok(()),
        _ => bail!("it has {chars} characters; at most {NAME_CHARS_MAX} are allowed"),
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

    /// What an import of `text` into a new data folder says, and how many entries the log has then.
    async fn imported(text: &str) -> (std::result::Result<Imported, String>, u64) {
        let folder = tempfile::TempDir::new().unwrap();
        let data = crate::data::Data::open(&folder.path().join("data")).unwrap();
        let bundle = policy::example::files().unwrap();
        let (engine, running) =
            crate::server::start_engine(&data, bundle, "http://localhost:8080", BTreeMap::new())
                .unwrap();
        let told = match read(text, "people.toml") {
            Ok(file) => file.import(&engine).await,
            Err(error) => Err(error),
        };
        let entries = engine.health().entries;
        running.stop().await;
        (told.map_err(|error| format!("{error:#}")), entries)
    }

    #[tokio::test]
    async fn a_file_with_a_mistake_in_it_changes_nothing() {
        let good = "[person.ada]\nname = \"Ada\"\nduties = [\"security\"]\n";
        for (bad, expected) in [
            (
                "[person.zoe]\nname = \"Zoe\"\nduties = [\"securty\"]\n[account.zed]\nperson = \"zed\"\n",
                "nothing was changed, for this can't be so:\n  \
                 the person `zoe`: there is no duty `securty`; did you mean `security`?\n  \
                 the account `zed`: there is no person `zed`; put it on record first, or in the same file",
            ),
            (
                "[person.zoe]\nname = \" \\u202E\"\n",
                "the name of `zoe`: there is nothing in it that can be seen: write one",
            ),
            (
                &format!(
                    "[person.zoe]\nname = \"Zoe\"\nmail = \"{}\"\n",
                    "x".repeat(201)
                ),
                "the mail address of `zoe`: it has 201 characters; at most 200 are allowed",
            ),
        ] {
            let told = imported(&format!("{good}{bad}")).await;
            assert_eq!(told, (Err(expected.to_owned()), 1));
        }
        assert_eq!(imported(good).await.1, 2);
    }

    #[tokio::test]
    async fn the_file_of_the_guide_can_be_imported() {
        let guide = include_str!("../../../docs/guides/directory.md");
        let (_, rest) = guide.split_once("```toml\n").unwrap();
        let (file, _) = rest.split_once("```").unwrap();
        let (told, entries) = imported(file).await;
        let expected = Imported {
            changed: 11,
            ..Imported::default()
        };
        assert_eq!((told, entries), (Ok(expected), 12));
    }

    #[tokio::test]
    async fn words_that_the_bundle_has_no_use_for_are_told() {
        let (told, entries) =
            imported("[person.ada]\nname = \"Ada\"\njob-roles = [\"finance-analist\"]\n").await;
        let expected = Imported {
            changed: 1,
            unchanged: 0,
            unheard_of: vec![
                "the person `ada`: there is no job role `finance-analist`; did you mean `finance-analyst`?"
                    .to_owned(),
            ],
        };
        assert_eq!((told, entries), (Ok(expected), 2));
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
