//! Follows a platform's own log files: a folder of files whose names sort by time, read from a remembered position. A position is
//! text that sorts as the log grows, so that the same line is recorded once whatever is read twice.
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// Longest line that is read; a longer one is cut.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Where a line ends, as text that sorts: `FILE:OFFSET`, the offset with leading zeros.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(String);

impl Position {
    fn new(file: &str, offset: u64) -> Self {
        Self(format!("{file}:{offset:020}"))
    }

    fn parts(&self) -> Option<(&str, u64)> {
        let (file, offset) = self.0.rsplit_once(':')?;
        Some((file, offset.parse().ok()?))
    }

    /// The position as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Position {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A line and where it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Without its line feed.
    pub text: String,
    /// Where it ends.
    pub position: Position,
}

/// Reads up to `limit` whole lines after `after` from the files of `folder` whose names end with `suffix`.
///
/// # Errors
/// [`io::Error`] if the folder or a file can't be read.
pub fn lines(
    folder: &Path,
    suffix: &str,
    after: Option<&Position>,
    limit: usize,
) -> io::Result<Vec<Line>> {
    let start = after.and_then(Position::parts);
    let mut found = Vec::new();
    for (name, path) in files(folder, suffix)? {
        let offset = match start {
            Some((file, _)) if name.as_str() < file => continue,
            Some((file, offset)) if name == file => offset,
            Some(_) | None => 0,
        };
        read(&path, &name, offset, limit, &mut found)?;
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

fn files(folder: &Path, suffix: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str())
            && name.ends_with(suffix)
        {
            files.push((name.to_owned(), path));
        }
    }
    files.sort();
    Ok(files)
}

fn read(
    path: &Path,
    name: &str,
    offset: u64,
    limit: usize,
    found: &mut Vec<Line>,
) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut reader = BufReader::new(file);
    let mut at = offset;
    while found.len() < limit {
        let mut bytes = Vec::new();
        let read = io::Read::take(&mut reader, LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
        let whole = bytes.last() == Some(&b'\n');
        // the writer may be in the middle of its last line: it is read when it is whole
        if read == 0 || (!whole && u64::try_from(read).is_ok_and(|read| read < LINE_BYTES_MAX)) {
            return Ok(());
        }
        at = at.saturating_add(u64::try_from(read).unwrap_or(0));
        if !whole {
            at = at.saturating_add(u64::try_from(reader.skip_until(b'\n')?).unwrap_or(0));
        }
        let text = String::from_utf8_lossy(&bytes);
        found.push(Line {
            text: text.trim_end_matches(['\n', '\r']).to_owned(),
            position: Position::new(name, at),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::Write};

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn each_whole_line_is_read_once_in_order_of_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a-2.json"), "three\nfour\n").unwrap();
        fs::write(folder.path().join("a-1.json"), "one\ntwo\n").unwrap();
        fs::write(folder.path().join("other.txt"), "no\n").unwrap();
        let first = lines(folder.path(), ".json", None, 3).unwrap();
        assert_eq!(texts(&first), ["one", "two", "three"]);
        assert!(
            first
                .windows(2)
                .all(|pair| pair[0].position < pair[1].position)
        );
        let rest = lines(folder.path(), ".json", Some(&first[2].position), 9).unwrap();
        assert_eq!(texts(&rest), ["four"]);
        assert!(
            lines(folder.path(), ".json", Some(&rest[0].position), 9)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_half_written_line_waits_until_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, "one\ntw").unwrap();
        let first = lines(folder.path(), ".json", None, 9).unwrap();
        assert_eq!(texts(&first), ["one"]);
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"o\n")
            .unwrap();
        assert_eq!(
            texts(&lines(folder.path(), ".json", Some(&first[0].position), 9).unwrap()),
            ["two"]
        );
    }

    #[test]
    fn a_line_of_any_length_is_cut_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("a.json"),
            format!("{}\nnext\n", "x".repeat(200_000)),
        )
        .unwrap();
        let read = lines(folder.path(), ".json", None, 9).unwrap();
        assert_eq!(
            (read[0].text.len(), read[1].text.as_str()),
            (65_536, "next")
        );
    }
}
