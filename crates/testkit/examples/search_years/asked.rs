//! What auditors look for: words that are everywhere, words that are rare, filters, and both together.
use crate::lives::{Lives, PEOPLE, TICKETS};
use domain::{fixture, ids::RequestNumber, time::Timestamp};
use engine::views::EvidenceQuery;

/// One search.
pub(crate) struct Asked {
    pub(crate) query: EvidenceQuery,
    pub(crate) before: Option<u64>,
}

/// Searches of one kind.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Whether each of them finds something.
    pub(crate) finds: bool,
    pub(crate) ask: fn(&Lives, usize) -> Asked,
}

fn newest(query: EvidenceQuery) -> Asked {
    Asked {
        query,
        before: None,
    }
}

fn words(words: &str) -> EvidenceQuery {
    EvidenceQuery {
        words: Some(words.to_owned()),
        ..EvidenceQuery::default()
    }
}

fn person(n: usize) -> EvidenceQuery {
    EvidenceQuery {
        actor: Some(fixture::id(&format!("person-{}", n as u64 * 7 % PEOPLE))),
        ..EvidenceQuery::default()
    }
}

/// Any moment of the span, by its number.
fn moment(lives: &Lives, n: usize) -> Timestamp {
    let share = i64::try_from(n * 37 % 100).unwrap();
    Timestamp(lives.began + (lives.ended - lives.began) / 100 * share)
}

const DAY_MS: i64 = 86_400_000;

pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "nothing in particular",
        finds: true,
        ask: |_, _| newest(EvidenceQuery::default()),
    },
    Kind {
        name: "a word in most entries",
        finds: true,
        ask: |_, _| newest(words("flow")),
    },
    Kind {
        name: "two words in most entries",
        finds: true,
        ask: |_, _| newest(words("flow invoice")),
    },
    Kind {
        name: "a word of a purpose",
        finds: true,
        ask: |lives, n| newest(words(&lives.rare(n))),
    },
    Kind {
        name: "a phrase of a purpose",
        finds: true,
        ask: |lives, n| newest(words(&format!("\"case {}\"", lives.rare(n)))),
    },
    Kind {
        name: "the beginning of a word",
        finds: true,
        ask: |_, n| newest(words(&format!("c{}*", n % 10))),
    },
    Kind {
        name: "a word that is nowhere",
        finds: false,
        ask: |_, n| newest(words(&format!("nowhere{n}"))),
    },
    Kind {
        name: "a person",
        finds: true,
        ask: |_, n| newest(person(n)),
    },
    Kind {
        name: "a person and a word in most entries",
        finds: true,
        ask: |_, n| {
            newest(EvidenceQuery {
                words: Some("flow".to_owned()),
                ..person(n)
            })
        },
    },
    Kind {
        name: "what a person was refused",
        finds: true,
        ask: |_, n| {
            newest(EvidenceQuery {
                outcome: Some("refused".to_owned()),
                ..person(n)
            })
        },
    },
    Kind {
        name: "a ticket",
        finds: true,
        ask: |lives, n| {
            newest(EvidenceQuery {
                ticket: Some(format!("INC-{}", n as u64 * 101 % TICKETS.min(lives.count))),
                ..EvidenceQuery::default()
            })
        },
    },
    Kind {
        name: "a request",
        finds: true,
        ask: |lives, n| {
            newest(EvidenceQuery {
                request: Some(RequestNumber(1 + n as u64 * 7_919 % lives.count)),
                ..EvidenceQuery::default()
            })
        },
    },
    Kind {
        name: "a target and everything refused there",
        finds: true,
        ask: |_, _| {
            newest(EvidenceQuery {
                target: Some(fixture::id("nodered.payments")),
                outcome: Some("refused".to_owned()),
                ..EvidenceQuery::default()
            })
        },
    },
    Kind {
        name: "a kind of entry",
        finds: true,
        ask: |_, _| {
            newest(EvidenceQuery {
                kind: Some("return-grant".to_owned()),
                ..EvidenceQuery::default()
            })
        },
    },
    Kind {
        name: "a word in most entries, of two days long ago",
        finds: true,
        ask: |lives, n| {
            let from = moment(lives, n);
            newest(EvidenceQuery {
                from: Some(from),
                to: Some(Timestamp(from.0 + 2 * DAY_MS)),
                ..words("flow")
            })
        },
    },
    Kind {
        name: "a word in most entries, a part from the middle of the list",
        finds: true,
        ask: |lives, n| Asked {
            query: words("flow"),
            before: Some(lives.entries / 100 * (10 + n as u64 % 90)),
        },
    },
    Kind {
        name: "a rule that never refused, and a word in most entries",
        finds: false,
        ask: |_, _| {
            newest(EvidenceQuery {
                outcome: Some("freeze".to_owned()),
                ..words("flow")
            })
        },
    },
];
