//! Seating people: the largest number of seats that can be filled at once when one human fills one seat, some seats take several
//! humans, and some need each from another group. A greedy choice gets this wrong (the only person for seat B is put on seat A),
//! so it is a maximum flow: human -> holder of a seat -> seat. Sizes are small: a handful of seats.
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A seat rule as the matching sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// How many humans it needs.
    pub(crate) need: u32,
    /// How many humans each of its entries takes.
    pub(crate) entries: Vec<u32>,
}

/// An entry of a table, both counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) table: usize,
    pub(crate) entry: usize,
}

/// A largest seating.
#[derive(Debug)]
pub(crate) struct Seating {
    /// What could still flow along each edge.
    rest: BTreeMap<Node, BTreeMap<Node, u32>>,
    seated: BTreeMap<usize, Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Door,
    Human(usize),
    Entry(Place),
    Table(usize),
    Full,
}

impl Seating {
    /// A largest seating of humans, each given by the places they could take.
    pub(crate) fn largest(tables: &[Table], humans: &[BTreeSet<Place>]) -> Self {
        let mut seating = Self {
            rest: BTreeMap::new(),
            seated: BTreeMap::new(),
        };
        for (table, shape) in tables.iter().enumerate() {
            seating.edge(Node::Table(table), Node::Full, shape.need);
            for (entry, room) in shape.entries.iter().enumerate() {
                let place = Place { table, entry };
                seating.edge(Node::Entry(place), Node::Table(table), *room);
            }
        }
        for (human, places) in humans.iter().enumerate() {
            seating.edge(Node::Door, Node::Human(human), 1);
            for place in places {
                seating.edge(Node::Human(human), Node::Entry(*place), 1);
            }
        }
        while seating.seat_one_more() {}
        for (human, places) in humans.iter().enumerate() {
            let taken =
                |place: &&Place| seating.room(Node::Human(human), Node::Entry(**place)) == 0;
            if let Some(place) = places.iter().find(taken) {
                seating.seated.insert(human, *place);
            }
        }
        seating
    }

    /// Where each seated human sits.
    pub(crate) fn seated(&self) -> &BTreeMap<usize, Place> {
        &self.seated
    }

    /// How many more humans a table needs.
    pub(crate) fn missing(&self, table: usize) -> u32 {
        self.room(Node::Table(table), Node::Full)
    }

    /// The places from which one more human fills this table, perhaps by moving others; none if it is full.
    pub(crate) fn ways_in(&self, table: usize) -> BTreeSet<Place> {
        let mut found = BTreeSet::new();
        if self.missing(table) == 0 {
            return found;
        }
        let mut seen = BTreeSet::from([Node::Table(table)]);
        let mut waiting = VecDeque::from([Node::Table(table)]);
        while let Some(to) = waiting.pop_front() {
            for (from, edges) in &self.rest {
                // a path through the door or another full table's end would unseat somebody
                if matches!(from, Node::Door | Node::Full) || seen.contains(from) {
                    continue;
                }
                if edges.get(&to).is_some_and(|room| *room > 0) {
                    seen.insert(*from);
                    waiting.push_back(*from);
                    if let Node::Entry(place) = from {
                        found.insert(*place);
                    }
                }
            }
        }
        found
    }

    fn edge(&mut self, from: Node, to: Node, room: u32) {
        *self.rest.entry(from).or_default().entry(to).or_default() += room;
        self.rest.entry(to).or_default().entry(from).or_default();
    }

    fn room(&self, from: Node, to: Node) -> u32 {
        let edges = self.rest.get(&from);
        edges.and_then(|edges| edges.get(&to)).copied().unwrap_or(0)
    }

    /// Edmonds and Karp: the shortest way from the door to a free seat, each step of which may move somebody.
    fn seat_one_more(&mut self) -> bool {
        let mut came_from: BTreeMap<Node, Node> = BTreeMap::new();
        let mut waiting = VecDeque::from([Node::Door]);
        while let Some(from) = waiting.pop_front() {
            for (to, room) in self.rest.get(&from).into_iter().flatten() {
                if *room > 0 && *to != Node::Door && !came_from.contains_key(to) {
                    came_from.insert(*to, from);
                    waiting.push_back(*to);
                }
            }
        }
        let mut to = Node::Full;
        while let Some(from) = came_from.get(&to) {
            self.shift(*from, to);
            to = *from;
        }
        to == Node::Door
    }

    fn shift(&mut self, from: Node, to: Node) {
        if let Some(room) = self.rest.get_mut(&from).and_then(|e| e.get_mut(&to)) {
            *room = room.saturating_sub(1);
        }
        if let Some(room) = self.rest.get_mut(&to).and_then(|e| e.get_mut(&from)) {
            *room = room.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The most seats that can be filled, by trying every choice of every human.
    fn by_trying(tables: &[Table], humans: &[BTreeSet<Place>], taken: &mut Vec<Place>) -> usize {
        let Some((human, others)) = humans.split_first() else {
            return 0;
        };
        let mut best = by_trying(tables, others, taken);
        for place in human {
            let table = &tables[place.table];
            let at_table = taken.iter().filter(|p| p.table == place.table).count();
            let at_entry = taken.iter().filter(|p| *p == place).count();
            if at_table < table.need as usize && at_entry < table.entries[place.entry] as usize {
                taken.push(*place);
                best = best.max(1 + by_trying(tables, others, taken));
                taken.pop();
            }
        }
        best
    }

    fn tables() -> impl Strategy<Value = Vec<Table>> {
        let table = (0_u32..4, prop::collection::vec(0_u32..3, 1..4))
            .prop_map(|(need, entries)| Table { need, entries });
        prop::collection::vec(table, 1..4)
    }

    fn hall() -> impl Strategy<Value = (Vec<Table>, Vec<BTreeSet<Place>>)> {
        tables().prop_flat_map(|tables| {
            let places: Vec<Place> = tables
                .iter()
                .enumerate()
                .flat_map(|(table, shape)| {
                    (0..shape.entries.len()).map(move |entry| Place { table, entry })
                })
                .collect();
            let most = places.len().min(4);
            let human = prop::sample::subsequence(places, 0..=most)
                .prop_map(|places| places.into_iter().collect::<BTreeSet<_>>());
            (Just(tables), prop::collection::vec(human, 0..6))
        })
    }

    proptest! {
        #[test]
        fn as_many_seats_are_filled_as_trying_everything_fills((tables, humans) in hall()) {
            let seating = Seating::largest(&tables, &humans);
            let best = by_trying(&tables, &humans, &mut Vec::new());
            prop_assert_eq!(seating.seated().len(), best);
            let missing: u32 = (0..tables.len()).map(|table| seating.missing(table)).sum();
            let need: u32 = tables.iter().map(|table| table.need).sum();
            prop_assert_eq!((need - missing) as usize, best);
        }

        #[test]
        fn nobody_sits_where_they_may_not_and_no_entry_is_overfull((tables, humans) in hall()) {
            let seating = Seating::largest(&tables, &humans);
            for (human, place) in seating.seated() {
                prop_assert!(humans[*human].contains(place));
            }
            for (table, shape) in tables.iter().enumerate() {
                for (entry, room) in shape.entries.iter().enumerate() {
                    let place = Place { table, entry };
                    let here = seating.seated().values().filter(|p| **p == place).count();
                    prop_assert!(here <= *room as usize);
                }
            }
        }

        #[test]
        fn one_more_human_is_of_use_exactly_where_a_way_in_is_told((tables, humans) in hall()) {
            let seating = Seating::largest(&tables, &humans);
            let told: BTreeSet<Place> = (0..tables.len()).flat_map(|t| seating.ways_in(t)).collect();
            for (table, shape) in tables.iter().enumerate() {
                for entry in 0..shape.entries.len() {
                    let place = Place { table, entry };
                    let mut more = humans.clone();
                    more.push(BTreeSet::from([place]));
                    let better = Seating::largest(&tables, &more).seated().len() > seating.seated().len();
                    prop_assert_eq!(told.contains(&place), better);
                }
            }
        }
    }

    #[test]
    fn the_only_person_for_a_seat_is_moved_to_it() {
        let seat = |need| Table {
            need,
            entries: vec![need],
        };
        let at = |table| Place { table, entry: 0 };
        let humans = [BTreeSet::from([at(0), at(1)]), BTreeSet::from([at(0)])];
        let seating = Seating::largest(&[seat(1), seat(1)], &humans);
        assert_eq!(seating.seated(), &BTreeMap::from([(0, at(1)), (1, at(0))]));
    }
}
