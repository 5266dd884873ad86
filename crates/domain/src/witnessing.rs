//! The witnesses of the log, as far as it concerns people: too few of them answer, enough do again, or one knows of entries that the log
//! doesn't have. The broker tells it and it is put on record; what each witness signed is beside the log, not in it.
use crate::{
    acting::broker_only,
    actor::Context,
    event::{Alarm, Event},
    refusal::Refused,
};
use serde::{Deserialize, Serialize};

/// Something new about the witnesses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WitnessReport {
    /// Fewer than needed have cosigned for longer than the operator allows.
    TooFew {
        /// How many still do.
        answering: u32,
        /// How many must.
        needed: u32,
        /// Names of those that don't.
        silent: Vec<String>,
    },
    /// As many as needed cosign again.
    Enough {
        /// How many do.
        answering: u32,
        /// How many must.
        needed: u32,
    },
    /// A witness cosigned something that this log doesn't continue: the log lost its end or was rewritten, or the witness errs.
    Contradicted {
        /// Its name.
        witness: String,
        /// What it said, in plain words, bounded.
        found: String,
    },
}

/// Puts a report on record; each but the good one is an alarm.
///
/// # Errors
/// Only the broker reports.
pub(crate) fn report(report: &WitnessReport, context: &Context) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    Ok(vec![match report.clone() {
        WitnessReport::TooFew {
            answering,
            needed,
            silent,
        } => Event::AlarmRaised {
            alarm: Alarm::WitnessesMissing {
                answering,
                needed,
                silent,
            },
        },
        WitnessReport::Contradicted { witness, found } => Event::AlarmRaised {
            alarm: Alarm::LogContradicted { witness, found },
        },
        WitnessReport::Enough { answering, needed } => {
            Event::WitnessesAnswering { answering, needed }
        }
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::{Actor, Seed},
        command::Command,
        decide::decide,
        fixture,
        story::tell,
    };

    fn told(actor: Actor, report: WitnessReport) -> String {
        let context = Context {
            actor,
            verdict: None,
            seed: Seed(uuid::Uuid::nil()),
            now: fixture::NOW,
        };
        match decide(
            &crate::state::State::default(),
            &Command::ReportWitnesses { report },
            &context,
        ) {
            Ok(events) => tell(&events),
            Err(refused) => refused.rule().to_owned(),
        }
    }

    #[test]
    fn what_is_wrong_with_the_witnesses_is_an_alarm_and_what_is_right_is_not() {
        let too_few = WitnessReport::TooFew {
            answering: 1,
            needed: 2,
            silent: vec!["w2".to_owned()],
        };
        let enough = WitnessReport::Enough {
            answering: 2,
            needed: 2,
        };
        let contradicted = WitnessReport::Contradicted {
            witness: "w1".to_owned(),
            found: "it knows 9 entries".to_owned(),
        };
        assert_eq!(
            told(Actor::System, too_few.clone()),
            "alarm-raised witnesses-missing"
        );
        assert_eq!(
            told(Actor::System, enough),
            "witnesses-answering answering=2 needed=2"
        );
        assert_eq!(
            told(Actor::System, contradicted),
            "alarm-raised log-contradicted"
        );
        assert_eq!(told(Actor::Operator, too_few), "broker-only");
    }
}
