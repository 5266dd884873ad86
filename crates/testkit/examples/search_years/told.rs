//! The bytes of an entry with places where something else is put each time it is told.
use std::collections::BTreeMap;

/// What stands in a place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot {
    /// When it was recorded, in ms.
    At,
    /// The number of the request, and of the grant.
    Number,
    /// Who asked.
    Person,
    Ticket,
    /// The commitment to the words of the purpose.
    Purpose,
    /// An id, of which thing of the life.
    Id(usize),
}

/// Texts and places in turn.
pub(crate) struct Template {
    parts: Vec<(String, Option<Slot>)>,
}

impl Template {
    /// The template that the entry `leaf` becomes.
    pub(crate) fn of(leaf: &[u8], purpose: &str) -> Self {
        let text = std::str::from_utf8(leaf).unwrap();
        let (_, rest) = text
            .strip_prefix("{\"at\":")
            .unwrap()
            .split_once(',')
            .unwrap();
        let mut parts = vec![("{\"at\":".to_owned(), Some(Slot::At))];
        // whose key the purpose is sealed under stays
        let rest = rest.replace("\"subject\":\"ada\"", "\"subject\":\"\u{0}\"");
        let mut slots: Vec<(String, String, Slot)> = vec![
            ("\"ada\"".to_owned(), "\"".to_owned(), Slot::Person),
            (
                "\"number\":1,".to_owned(),
                "\"number\":".to_owned(),
                Slot::Number,
            ),
            ("INC-4711".to_owned(), String::new(), Slot::Ticket),
            (purpose.to_owned(), String::new(), Slot::Purpose),
        ];
        for (thing, id) in ids(&rest) {
            slots.push((id, String::new(), Slot::Id(thing)));
        }
        let mut text = format!(",{rest}");
        loop {
            let next = slots
                .iter()
                .filter_map(|(found, before, slot)| Some((text.find(found)?, found, before, slot)))
                .min_by_key(|(place, ..)| *place);
            let Some((place, found, before, slot)) = next else {
                break;
            };
            // the last character of what was found may be no part of the value
            let ends = found.ends_with('"') || found.ends_with(',');
            let rest = text.split_off(place + found.len() - usize::from(ends));
            text.truncate(place);
            parts.push((text + before, Some(*slot)));
            text = rest;
        }
        parts.push((text, None));
        for (text, _) in &mut parts {
            *text = text.replace('\u{0}', "ada");
        }
        Self { parts }
    }

    /// The entry's bytes with these values.
    pub(crate) fn tell(&self, value: &dyn Fn(Slot) -> String) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2_048);
        for (text, slot) in &self.parts {
            bytes.extend_from_slice(text.as_bytes());
            if let Some(slot) = slot {
                bytes.extend_from_slice(value(*slot).as_bytes());
            }
        }
        bytes
    }
}

/// UUIDs in a text, each with a number that is the same in every entry.
fn ids(text: &str) -> BTreeMap<usize, String> {
    let is_id = |word: &&str| {
        let groups: Vec<usize> = word.split('-').map(str::len).collect();
        groups == [8, 4, 4, 4, 12] && word.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
    };
    let words = text.split(|c: char| c != '-' && !c.is_ascii_alphanumeric());
    words
        .filter(is_id)
        .map(|id| {
            // the last digits of an id tell it from the others of one life
            let (_, last) = id.rsplit_once('-').unwrap();
            let thing = usize::from_str_radix(last, 16).unwrap();
            (thing, id.to_owned())
        })
        .collect()
}
