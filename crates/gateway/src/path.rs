//! One parser for request targets. What was decided on is what is forwarded: the path is parsed once, written anew from its
//! parsed form, and anything that two parsers could read differently is refused (THREATS: request smuggling, path confusion).
use std::fmt;

/// Longest accepted path, in bytes.
pub const PATH_BYTES_MAX: usize = 2_048;
/// Longest accepted query, in bytes.
pub const QUERY_BYTES_MAX: usize = 8_192;

/// A path that can be read in one way only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedPath {
    segments: Vec<String>,
    trailing_slash: bool,
}

/// Why a request target is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Too long.
    #[error(
        "the path is longer than {PATH_BYTES_MAX} bytes or its query longer than {QUERY_BYTES_MAX}"
    )]
    TooLong,
    /// Not absolute.
    #[error("the path does not start with `/`")]
    NotAbsolute,
    /// `.`, `..` or an empty segment.
    #[error("the path has a `.`, `..` or empty segment")]
    DotOrEmptySegment,
    /// A separator or control character in disguise.
    #[error("the path has an encoded separator, a backslash, a `;` or a control character")]
    Disguised,
    /// `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the path has a percent sign that encodes nothing readable")]
    Encoding,
}

impl ParsedPath {
    /// Parses the path part of a request target (RFC 3986 §3.3).
    ///
    /// # Errors
    /// [`PathError`] for anything that could be read in two ways.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        if path.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        let rest = path.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
        let (rest, trailing_slash) = match rest.strip_suffix('/') {
            Some(shorter) => (shorter, true),
            None => (rest, false),
        };
        if rest.is_empty() {
            return if trailing_slash {
                Err(PathError::DotOrEmptySegment)
            } else {
                Ok(Self {
                    segments: Vec::new(),
                    trailing_slash: false,
                })
            };
        }
        let segments = rest
            .split('/')
            .map(decode_segment)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            segments,
            trailing_slash,
        })
    }

    /// The decoded segments.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }
}

fn decode_segment(raw: &str) -> Result<String, PathError> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| {
            b.and_then(|b| char::from(b).to_digit(16))
                .ok_or(PathError::Encoding)
        };
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| PathError::Encoding)?);
    }
    let text = String::from_utf8(bytes).map_err(|_| PathError::Encoding)?;
    // a decoded `%` could be decoded a second time behind us
    if text
        .chars()
        .any(|c| c.is_control() || matches!(c, '/' | '\\' | ';' | '%'))
    {
        return Err(PathError::Disguised);
    }
    if text.is_empty() || text.trim_end_matches([' ', '.']).is_empty() {
        return Err(PathError::DotOrEmptySegment);
    }
    Ok(text)
}

/// Writes the one form that is forwarded.
impl fmt::Display for ParsedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            f.write_str("/")?;
            for byte in segment.bytes() {
                let plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte);
                if plain {
                    write!(f, "{}", char::from(byte))?;
                } else {
                    write!(f, "%{byte:02X}")?;
                }
            }
        }
        if self.segments.is_empty() || self.trailing_slash {
            f.write_str("/")?;
        }
        Ok(())
    }
}

/// Checks a query string, which is forwarded as it is (no rule reads it).
///
/// # Errors
/// [`PathError`] if it is too long or not plain visible ASCII.
pub fn check_query(query: &str) -> Result<(), PathError> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(PathError::TooLong);
    }
    if query.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
        Ok(())
    } else {
        Err(PathError::Disguised)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        let actual = match ParsedPath::parse(path) {
            Ok(parsed) => parsed.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(actual, expected, "{path}");
    }

    #[test]
    fn plain_paths_are_forwarded_in_one_form() {
        check("/", "/");
        check("/api/suppliers", "/api/suppliers");
        check("/api/suppliers/", "/api/suppliers/");
        check("/a%20b/%41", "/a%20b/A");
        check("/caf%C3%A9", "/caf%C3%A9");
        check("/@scope:x", "/@scope:x");
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        for path in [
            "//",
            "/a//b",
            "/./a",
            "/a/..",
            "/a/%2e%2e/b",
            "/%2E",
            "/a/.. /b",
            "/...",
        ] {
            check(path, "the path has a `.`, `..` or empty segment");
        }
        for path in [
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/a;x=1",
            "/a%00",
            "/a%0a",
            "/a%252e%252e",
        ] {
            check(
                path,
                "the path has an encoded separator, a backslash, a `;` or a control character",
            );
        }
        for path in ["/%", "/%4", "/%zz", "/%ff"] {
            check(
                path,
                "the path has a percent sign that encodes nothing readable",
            );
        }
        check("api", "the path does not start with `/`");
        check(
            &format!("/{}", "a".repeat(PATH_BYTES_MAX)),
            "the path is longer than 2048 bytes or its query longer than 8192",
        );
    }

    #[test]
    fn the_forwarded_form_parses_to_itself() {
        for path in ["/", "/a/b/", "/a%20b", "/caf%C3%A9/x~y"] {
            let once = ParsedPath::parse(path).unwrap();
            assert_eq!(ParsedPath::parse(&once.to_string()).unwrap(), once);
        }
    }
}
