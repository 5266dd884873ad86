//! A verdict beside Cedar alone, turn by turn in one run: Cedar is given the request and its entities ready-made, and all policies
//! of the bundle; a verdict starts from the directory and the question, and ends with sorted policy ids.
use cedar_policy::Authorizer;
use domain::{
    catalog::{ActionKind, DataClass, Environment, Phase},
    directory::{Directory, Person, Standing},
    ids::{GrantId, PersonId, PrivilegeId, RequestId},
    time::{Seconds, Timestamp},
    verdict::{Elevation, Outcome, PolicyAction, PolicyQuestion, Session},
};
use policy::{AsCedar, Bundle, Evaluator, example};
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    hint::black_box,
    io::Write,
    time::{Duration, Instant},
};
use uuid::Uuid;

const ROUNDS: u32 = 200;
const VERDICTS_IN_A_ROUND: u32 = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let bundle = Bundle::load(&example::files()?).map_err(|mistakes| format!("{mistakes:?}"))?;
    let who: PersonId = "somebody".parse()?;
    let directory = Directory {
        persons: [(who.clone(), person(&who)?)].into(),
        ..Directory::default()
    };
    let privilege = bundle
        .catalog
        .privileges
        .keys()
        .next()
        .ok_or("the example lends nothing")?;
    let question = question(&who, privilege)?;
    let evaluator = Evaluator::new(&bundle);
    if evaluator.evaluate(&directory, &question).outcome != Outcome::Allow {
        return Err("the example's policies should allow this".into());
    }
    let asked = |question: &PolicyQuestion| evaluator.as_cedar(&directory, question);
    let AsCedar { request, entities } = asked(&question).ok_or("can't be asked")?;
    let policies = evaluator.policies();
    let cedar = Authorizer::new();
    let (mut again, mut first, mut bare, mut built) =
        <(Duration, Duration, Duration, Duration)>::default();
    let mut next = 0;
    for _ in 0..ROUNDS {
        again += timed(|| {
            black_box(evaluator.evaluate(&directory, &question));
        });
        first += timed(|| {
            next += 1;
            let question = about(&question, next);
            black_box(evaluator.evaluate(&directory, &question));
        });
        bare += timed(|| {
            black_box(cedar.is_authorized(&request, policies, &entities));
        });
        built += timed(|| {
            next += 1;
            let answer = asked(&about(&question, next))
                .map(|all| cedar.is_authorized(&all.request, policies, &all.entities));
            black_box(answer);
        });
    }
    say(
        "decision in process",
        again,
        bare,
        "Cedar alone, its entities ready-made",
    )?;
    say(
        "decision, first about a grant",
        first,
        built,
        "Cedar with its entities built",
    )?;
    Ok(())
}

/// A line for one measure: what ours takes for each of theirs.
fn say(name: &str, ours: Duration, theirs: Duration, whose: &str) -> std::io::Result<()> {
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(ROUNDS * VERDICTS_IN_A_ROUND);
    let (ours, theirs) = (each(ours), each(theirs));
    let ratio = ours / theirs;
    writeln!(
        std::io::stdout(),
        "{name}\t{ratio:.2}\t{ours:.1} us beside {theirs:.1} us for {whose}"
    )
}

/// The same question about another request.
fn about(question: &PolicyQuestion, request: u128) -> PolicyQuestion {
    let mut question = question.clone();
    question.elevation.request = RequestId(Uuid::from_u128(request));
    question
}

fn timed(mut act: impl FnMut()) -> Duration {
    #[expect(
        clippy::disallowed_methods,
        reason = "measuring is what this program does"
    )]
    let began = Instant::now();
    for _ in 0..VERDICTS_IN_A_ROUND {
        act();
    }
    began.elapsed()
}

fn person(who: &PersonId) -> Result<Person, Box<dyn Error>> {
    Ok(Person {
        id: who.clone(),
        job_roles: ["finance-maker".parse()?].into(),
        team: Some("finance".parse()?),
        duties: BTreeSet::new(),
        training: BTreeMap::new(),
        standing: Standing::Active,
        manager: None,
    })
}

fn question(who: &PersonId, privilege: &PrivilegeId) -> Result<PolicyQuestion, Box<dyn Error>> {
    Ok(PolicyQuestion {
        action: PolicyAction::Perform,
        principal: who.clone(),
        elevation: Elevation {
            request: RequestId(Uuid::nil()),
            grant: Some(GrantId(Uuid::nil())),
            holder: who.clone(),
            privilege: privilege.clone(),
            phase: Phase::RunTime,
            actions: BTreeSet::new(),
            action_kind: ActionKind::Read,
            targets: BTreeSet::new(),
            environment: Environment::Production,
            data_class: DataClass::Confidential,
            data_owners: BTreeSet::new(),
            duration: Seconds(3600),
            impact: 30,
            approved_by: BTreeSet::new(),
            approved_duties: ["security".parse()?, "data-owner".parse()?].into(),
            active: true,
            held: false,
            break_glass: false,
            not_before: Some(Timestamp(0)),
            expires_at: Some(Timestamp(3_600_000)),
        },
        session: Session {
            now: Timestamp(1_000),
            signed_in_at: Timestamp(0),
            second_factor: true,
            frozen: false,
            in_window: true,
            risk: 0,
        },
    })
}
