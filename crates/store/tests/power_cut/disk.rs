//! A disk as a power cut may leave it: what was synced is there; of what was written since, any part may be, in sectors of 512 bytes,
//! whatever came first. Made, removed and renamed files are there under their names once their folder was synced.
use std::collections::BTreeMap;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
const HEAD: usize = 40;

/// What was done to a folder. Paths are below it; its own is empty.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    Made(String),
    Written(String, usize, Vec<u8>),
    Cut(String, usize),
    Synced(String),
    Removed(String),
    Renamed(String, String),
    Linked(String, String),
}

/// The accesses that the library wrote down, in order.
pub(crate) fn accesses(trace: &[u8]) -> Vec<Access> {
    let mut accesses = Vec::new();
    let mut rest = trace;
    while !rest.is_empty() {
        let (head, after) = rest.split_at(HEAD);
        let number = |n: usize| {
            let bytes = head[n * 8..][..8].try_into().unwrap();
            usize::try_from(i64::from_ne_bytes(bytes)).unwrap()
        };
        let (path, after) = after.split_at(number(1));
        let (other, after) = after.split_at(number(2));
        let (bytes, after) = after.split_at(number(4));
        rest = after;
        let [path, other] = [path, other].map(|path| String::from_utf8(path.to_vec()).unwrap());
        accesses.push(match number(0) {
            0 => Access::Made(path),
            1 => Access::Written(path, number(3), bytes.to_vec()),
            2 => Access::Cut(path, number(3)),
            3 => Access::Synced(path),
            4 => Access::Removed(path),
            5 => Access::Renamed(path, other),
            6 => Access::Linked(path, other),
            kind => unreachable!("a record of kind {kind}"),
        });
    }
    accesses
}

/// Numbers that follow from a seed.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `many`.
    pub(crate) fn below(&mut self, many: usize) -> usize {
        // SplitMix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % many as u64).unwrap()
    }
}

#[derive(Debug, Default)]
struct File {
    synced: Vec<u8>,
    /// Since then, in order: where, and what; a truncation has no bytes.
    since: Vec<(usize, Option<Vec<u8>>)>,
}

#[derive(Debug, Clone)]
enum Naming {
    Made(String, usize),
    Removed(String),
    Renamed(String, String),
    Linked(String, String),
}

/// The disk while it is written.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    since: Vec<Naming>,
}

/// How much of what wasn't synced a power cut takes.
#[derive(Debug)]
enum Takes {
    All,
    AllButInOrder(usize),
    Of(usize, usize),
}

impl Disk {
    pub(crate) fn apply(&mut self, access: &Access) {
        match access {
            Access::Made(path) => {
                self.files.push(File::default());
                let file = self.files.len() - 1;
                self.naming(Naming::Made(path.clone(), file));
            }
            Access::Removed(path) => self.naming(Naming::Removed(path.clone())),
            Access::Renamed(from, to) => self.naming(Naming::Renamed(from.clone(), to.clone())),
            Access::Linked(from, to) => self.naming(Naming::Linked(from.clone(), to.clone())),
            Access::Written(path, at, bytes) => {
                let file = self.names[path];
                self.files[file].since.push((*at, Some(bytes.clone())));
            }
            Access::Cut(path, size) => {
                let file = self.names[path];
                self.files[file].since.push((*size, None));
            }
            Access::Synced(path) => match self.names.get(path) {
                Some(file) => {
                    let File { synced, since } = &mut self.files[*file];
                    for (at, bytes) in since.drain(..) {
                        write(synced, at, bytes.as_deref());
                    }
                }
                None => self.sync_folder(path),
            },
        }
    }

    fn naming(&mut self, naming: Naming) {
        name(&mut self.names, &naming);
        self.since.push(naming);
    }

    fn sync_folder(&mut self, folder: &str) {
        let (synced, since) = std::mem::take(&mut self.since)
            .into_iter()
            .partition(|naming| folder_of(naming) == folder);
        self.since = since;
        let synced: Vec<Naming> = synced;
        for naming in synced {
            name(&mut self.synced_names, &naming);
        }
    }

    /// The files that are there after the power was cut at this moment.
    pub(crate) fn after_a_power_cut(&self, dice: &mut Dice) -> BTreeMap<String, Vec<u8>> {
        let takes = match dice.below(4) {
            0 => Takes::All,
            1 => Takes::AllButInOrder(dice.below(100)),
            _ => Takes::Of(1 + dice.below(7), 8),
        };
        let mut names = self.synced_names.clone();
        let many = self.since.len();
        for (n, naming) in self.since.iter().enumerate() {
            if !takes.this(dice, n, many) {
                name(&mut names, naming);
            }
        }
        names
            .into_iter()
            .map(|(path, file)| (path, self.files[file].left(&takes, dice)))
            .collect()
    }
}

impl Takes {
    /// Whether the `n`th of `many` is lost.
    fn this(&self, dice: &mut Dice, n: usize, many: usize) -> bool {
        match self {
            Self::All => true,
            Self::AllButInOrder(hundredths) => n * 100 >= many * hundredths,
            Self::Of(lost, of) => dice.below(*of) < *lost,
        }
    }
}

impl File {
    fn left(&self, takes: &Takes, dice: &mut Dice) -> Vec<u8> {
        let pieces: Vec<_> = self.since.iter().flat_map(pieces).collect();
        let mut left = self.synced.clone();
        for (n, (at, bytes)) in pieces.iter().enumerate() {
            if !takes.this(dice, n, pieces.len()) {
                write(&mut left, *at, *bytes);
            }
        }
        left
    }
}

/// A write in the sectors that it touches.
fn pieces((at, bytes): &(usize, Option<Vec<u8>>)) -> Vec<(usize, Option<&[u8]>)> {
    let Some(bytes) = bytes else {
        return vec![(*at, None)];
    };
    let mut pieces = Vec::new();
    let (mut at, mut rest) = (*at, bytes.as_slice());
    while !rest.is_empty() {
        let size = (SECTOR - at % SECTOR).min(rest.len());
        let (piece, after) = rest.split_at(size);
        pieces.push((at, Some(piece)));
        (at, rest) = (at + size, after);
    }
    pieces
}

fn write(file: &mut Vec<u8>, at: usize, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else {
        file.resize(at, 0);
        return;
    };
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(bytes);
}

fn name(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Made(path, file) => {
            names.insert(path.clone(), *file);
        }
        Naming::Removed(path) => {
            names.remove(path);
        }
        Naming::Renamed(from, to) => {
            // of a file whose making was lost there is nothing to rename
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        Naming::Linked(from, to) => {
            if let Some(file) = names.get(from).copied() {
                names.insert(to.clone(), file);
            }
        }
    }
}

fn folder_of(naming: &Naming) -> &str {
    let (Naming::Made(path, _)
    | Naming::Removed(path)
    | Naming::Renamed(path, _)
    | Naming::Linked(path, _)) = naming;
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(at: usize, text: &str) -> Access {
        Access::Written("a".to_owned(), at, text.as_bytes().to_vec())
    }

    /// Every content that a file may have after a power cut; `-` where it isn't there.
    fn left(accesses: &[Access]) -> String {
        let mut disk = Disk::default();
        for access in accesses {
            disk.apply(access);
        }
        let mut dice = Dice::new(1);
        let mut seen: Vec<String> = (0..200)
            .map(|_| {
                let mut left = disk.after_a_power_cut(&mut dice);
                let file = left.remove("a");
                file.map_or("-".to_owned(), |file| String::from_utf8(file).unwrap())
            })
            .collect();
        seen.sort();
        seen.dedup();
        seen.join(" ")
    }

    #[test]
    fn what_is_synced_stays_and_of_the_rest_any_part() {
        let [path, folder] = ["a", ""].map(str::to_owned);
        let made = Access::Made(path.clone());
        let synced = Access::Synced(path.clone());
        let folder = Access::Synced(folder);
        assert_eq!(left(&[made.clone(), written(0, "x")]), " - x");
        let mut kept = vec![made, written(0, "xy"), synced, folder];
        assert_eq!(left(&kept), "xy");
        kept.push(written(1, "z"));
        kept.push(written(0, "v"));
        assert_eq!(left(&kept), "vy vz xy xz");
        kept.push(Access::Cut(path.clone(), 0));
        kept.push(Access::Removed(path));
        assert_eq!(left(&kept), " - vy vz xy xz");
    }

    #[test]
    fn a_write_is_torn_between_sectors() {
        let write = (510, Some(vec![7; 515]));
        let sizes = pieces(&write)
            .into_iter()
            .map(|(at, piece)| (at, piece.unwrap().len()));
        assert_eq!(
            sizes.collect::<Vec<_>>(),
            [(510, 2), (512, 512), (1_024, 1)]
        );
    }
}
