//! The files of a bundle, and the one blob they lie in. A bundle is named by its content, and whoever holds only the ledger's
//! blobs must be able to rebuild it: so the packing is canonical, and the bundle's hash is simply the SHA-256 of the packed bytes.
//!
//! The packed bytes are, in this order:
//!
//! 1. the line `remit-bundle/v1`,
//! 2. one line for each file, sorted by the bytes of its path: SHA-256 of the content in hexadecimal, a space, the length of the
//!    content in decimal, a space, the path,
//! 3. an empty line,
//! 4. the contents, one after the other, in the same order.
//!
//! Every line ends with one `\n`. The lines are the sorted (path, length, SHA-256 of content) that make a bundle's identity; the
//! contents behind them add nothing to it, since each is fixed by its line, but they let the same blob carry the bundle. There
//! is just one packing of a set of files, and [`unpack`] refuses every other byte string: one digest names the bundle in the
//! ledger, is the file name of its blob in an export, and is recomputed from that blob alone.
use domain::ids::Digest;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Longest path of a file, in bytes.
pub const PATH_BYTES_MAX: usize = 200;
/// Most files of a bundle.
pub const FILES_MAX: usize = 2_000;
/// Most bytes of all files together.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;

const FIRST_LINE: &str = "remit-bundle/v1";

/// The files of a bundle by relative path with `/`; every path is clean and the whole is of bounded size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BundleFiles(BTreeMap<String, Vec<u8>>);

/// Why files can't be a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilesError {
    /// A path that could mean something else elsewhere.
    #[error(
        "`{path}` can't be a path in a bundle: use names of letters, digits, `.`, `_` and `-` with `/` between them, none of them starting with `.`, at most {PATH_BYTES_MAX} bytes in all"
    )]
    Path {
        /// What was given, without control characters, cut to a bounded length.
        path: String,
    },
    /// Too many.
    #[error("a bundle has at most {FILES_MAX} files; here are {found}")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// Too large.
    #[error("the files of a bundle have at most {BYTES_MAX} bytes together; these have {found}")]
    TooLarge {
        /// How many bytes there are.
        found: usize,
    },
}

/// Why bytes are not a packed bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// Not of this kind, or cut, or with something behind it.
    #[error("these bytes are not a packed bundle: {what}")]
    Form {
        /// What is wrong.
        what: &'static str,
    },
    /// A content that isn't the one its line names.
    #[error("`{path}` is not the file that the packed bundle lists")]
    Content {
        /// Which file.
        path: String,
    },
    /// Files that can't be a bundle.
    #[error("the packed files can't be a bundle")]
    Files(#[source] FilesError),
}

impl BundleFiles {
    /// The files by path.
    ///
    /// # Errors
    ///
    /// [`FilesError`] for a path that isn't clean, and for too many or too large files.
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Result<Self, FilesError> {
        if files.len() > FILES_MAX {
            return Err(FilesError::TooMany { found: files.len() });
        }
        let bytes = files.values().map(Vec::len).sum();
        if bytes > BYTES_MAX {
            return Err(FilesError::TooLarge { found: bytes });
        }
        match files.keys().find(|path| !is_clean(path)) {
            Some(path) => Err(FilesError::Path {
                path: path
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(PATH_BYTES_MAX)
                    .collect(),
            }),
            None => Ok(Self(files)),
        }
    }

    /// Path and content of each file, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_slice()))
    }

    /// The content of one file.
    pub fn content(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }
}

/// The bundle's name: SHA-256 of its packed bytes.
pub fn hash(files: &BundleFiles) -> Digest {
    digest(&pack(files))
}

/// The files as one canonical blob; see the module's description.
pub fn pack(files: &BundleFiles) -> Vec<u8> {
    let mut packed = format!("{FIRST_LINE}\n").into_bytes();
    for (path, content) in &files.0 {
        let line = format!("{} {} {path}\n", digest(content), content.len());
        packed.extend_from_slice(line.as_bytes());
    }
    packed.push(b'\n');
    for content in files.0.values() {
        packed.extend_from_slice(content);
    }
    packed
}

/// The files in a blob that [`pack`] made.
///
/// # Errors
///
/// [`UnpackError`] for anything that [`pack`] would not have written byte for byte.
pub fn unpack(packed: &[u8]) -> Result<BundleFiles, UnpackError> {
    let form = |what| UnpackError::Form { what };
    let (first, mut rest) = line(packed).ok_or(form("the first line is missing"))?;
    if first != FIRST_LINE {
        return Err(form("the first line is not `remit-bundle/v1`"));
    }
    let mut listed = Vec::new();
    loop {
        let (text, after) = line(rest).ok_or(form("the list of files is cut"))?;
        rest = after;
        if text.is_empty() {
            break;
        }
        listed.push(entry(text).ok_or(form("a line of the list of files can't be read"))?);
    }
    let mut files = BTreeMap::new();
    for (sha256, length, path) in listed {
        let (content, after) = rest
            .split_at_checked(length)
            .ok_or(form("the contents are cut"))?;
        rest = after;
        if digest(content) != sha256 {
            return Err(UnpackError::Content { path: path.into() });
        }
        files.insert(path.to_owned(), content.to_vec());
    }
    let files = BundleFiles::new(files).map_err(UnpackError::Files)?;
    // INVARIANT: one packing for one set of files; order, repetition and spelling of the list are fixed by writing it again
    if pack(&files) == packed {
        Ok(files)
    } else {
        Err(form("the list of files is not written as it would be"))
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (text, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(text).ok()?, rest.get(1..)?))
}

fn entry(text: &str) -> Option<(Digest, usize, &str)> {
    let (sha256, rest) = text.split_once(' ')?;
    let (length, path) = rest.split_once(' ')?;
    Some((sha256.parse().ok()?, length.parse().ok()?, path))
}

fn is_clean(path: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    path.len() <= PATH_BYTES_MAX
        && path
            .split('/')
            .all(|name| !name.is_empty() && !name.starts_with('.') && name.chars().all(legal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn files(files: &[(&str, &str)]) -> BundleFiles {
        let map = files.iter().map(|(p, c)| ((*p).into(), (*c).into()));
        BundleFiles::new(map.collect()).unwrap()
    }

    #[test]
    fn the_packing_is_written_as_the_module_says() {
        let packed = pack(&files(&[("b.toml", "two\n"), ("a/x.cedar", "one")]));
        insta::assert_snapshot!(String::from_utf8(packed).unwrap(), @r"
        remit-bundle/v1
        7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed 3 a/x.cedar
        27dd8ed44a83ff94d557f9fd0412ed5a8cbca69ea04922d88c01184a07300a5a 4 b.toml

        onetwo
        ");
    }

    #[test]
    fn the_hash_is_that_of_the_blob() {
        let bundle = files(&[("a", "one")]);
        assert_eq!(hash(&bundle), digest(&pack(&bundle)));
        insta::assert_snapshot!(hash(&bundle), @"79d140ac8b4570ac5b60e7a1c246cf8ebf435b799ebeec23b60bc6f2be3aac4b");
    }

    #[test]
    fn a_path_that_could_mean_something_else_is_refused() {
        for path in [
            "", "/a", "a/", "a//b", "../a", "a/./b", "a\\b", ".git/x", "a b", "ä",
        ] {
            let found = BundleFiles::new([(path.to_owned(), vec![])].into());
            assert_eq!(found, Err(FilesError::Path { path: path.into() }));
        }
    }

    #[test]
    fn nothing_but_the_canonical_packing_is_unpacked() {
        let good = pack(&files(&[("a", "one"), ("b", "two")]));
        let told = |bytes: &[u8]| unpack(bytes).unwrap_err().to_string();
        let text = String::from_utf8(good.clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let swapped = [lines[0], lines[2], lines[1], "", "twoone"].join("\n");
        insta::assert_snapshot!(
            [
                told(b""),
                told(b"remit-bundle/v2\n\n"),
                told(&good[..40]),
                told(&good[..good.len() - 1]),
                told(&[&good[..], b"x"].concat()),
                told(text.replace("one", "eno").as_bytes()),
                told(text.replace(" 3 a", " 03 a").as_bytes()),
                told(text.replace(" a\n", " ../a\n").as_bytes()),
                told(swapped.as_bytes()),
            ]
            .join("\n"),
            @r"
            these bytes are not a packed bundle: the first line is missing
            these bytes are not a packed bundle: the first line is not `remit-bundle/v1`
            these bytes are not a packed bundle: the list of files is cut
            these bytes are not a packed bundle: the contents are cut
            these bytes are not a packed bundle: the list of files is not written as it would be
            `a` is not the file that the packed bundle lists
            these bytes are not a packed bundle: the list of files is not written as it would be
            the packed files can't be a bundle
            these bytes are not a packed bundle: the list of files is not written as it would be
            "
        );
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_out_again(
            map in proptest::collection::btree_map("[a-z]{1,3}(/[a-z.]{0,2}[a-z])?", ".{0,9}", 0..6)
        ) {
            let map: BTreeMap<String, Vec<u8>> =
                map.into_iter().map(|(p, c)| (p, c.into_bytes())).filter(|(p, _)| is_clean(p)).collect();
            let bundle = BundleFiles::new(map).unwrap();
            prop_assert_eq!(unpack(&pack(&bundle)).unwrap(), bundle);
        }

        #[test]
        fn a_changed_bit_is_refused_or_makes_another_bundle(at in 0..400_usize, bit in 0..8_u8) {
            let original = files(&[("a/b", "one\n"), ("c", "two")]);
            let mut packed = pack(&original);
            let at = at % packed.len();
            packed[at] ^= 1 << bit;
            if let Ok(found) = unpack(&packed) {
                prop_assert_ne!(hash(&found), hash(&original));
                prop_assert_ne!(found, original);
            }
        }
    }
}
