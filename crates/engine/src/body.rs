//! Free text on its way into the ledger: cleaned, counted, sealed under its subject's key. What the rules and the entry hold is a
//! length and a commitment; the words lie beside, and go when the key is destroyed.
use crate::ports::{KeyStore, Random, ReadError};
use domain::text::Text;
use ledger::body::{BodyError, PersonKey, SealedBody, seal};
use std::sync::Arc;
use unicode_normalization::UnicodeNormalization as _;

/// Most bytes of a raw text that are looked at: no answer, comment or name comes near it.
pub const RAW_BYTES_MAX: usize = 256 * 1024;

/// Why a text can't be written.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// Too long.
    #[error("the text has {chars} characters; at most {chars_max} are allowed")]
    TooLong {
        /// How many it has, after cleaning.
        chars: usize,
        /// How many are allowed.
        chars_max: u32,
    },
    /// Far too long.
    #[error("the text has {bytes} bytes; at most {RAW_BYTES_MAX} are read")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// The key of the subject can't be had.
    #[error("the key of `{subject}` could not be read")]
    Key {
        /// Whose.
        subject: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// The text could not be sealed.
    #[error("the text could not be sealed")]
    Seal(#[source] BodyError),
}

/// Writes the free texts of one command, all about one subject.
pub struct BodyWriter {
    subject: String,
    keys: Arc<dyn KeyStore>,
    random: Arc<dyn Random>,
    key: Option<PersonKey>,
    bodies: Vec<SealedBody>,
}

impl std::fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyWriter")
            .field("subject", &self.subject)
            .field("bodies", &self.bodies.len())
            .finish_non_exhaustive()
    }
}

impl BodyWriter {
    pub(crate) fn new(subject: &str, keys: Arc<dyn KeyStore>, random: Arc<dyn Random>) -> Self {
        Self {
            subject: subject.to_owned(),
            keys,
            random,
            key: None,
            bodies: Vec::new(),
        }
    }

    /// Cleans and seals `raw`; the text to put into the command.
    ///
    /// # Errors
    /// [`TextError`] if it is too long, or the subject's key can't be had (an erased subject has none).
    pub fn write(&mut self, raw: &str, chars_max: u32) -> Result<Text, TextError> {
        if raw.len() > RAW_BYTES_MAX {
            return Err(TextError::TooLarge { bytes: raw.len() });
        }
        let words = clean(raw);
        let chars = words.chars().count();
        let counted = u32::try_from(chars).ok().filter(|n| *n <= chars_max);
        let Some(counted) = counted else {
            return Err(TextError::TooLong { chars, chars_max });
        };
        let key = self.key()?;
        let body =
            seal(&key, &self.subject, self.bits(), self.bits(), &words).map_err(TextError::Seal)?;
        let text = Text {
            chars: counted,
            commitment: crate::entry::domain_digest(&body.commitment),
        };
        self.bodies.push(body);
        Ok(text)
    }

    /// The sealed words, to be submitted with the command.
    pub fn finish(self) -> Vec<SealedBody> {
        self.bodies
    }

    fn key(&mut self) -> Result<PersonKey, TextError> {
        if let Some(key) = &self.key {
            return Ok(key.clone());
        }
        let fresh = PersonKey::from_bytes(self.bits());
        let key = self
            .keys
            .key_or(&self.subject, fresh)
            .map_err(|source| TextError::Key {
                subject: self.subject.clone(),
                source,
            })?;
        self.key = Some(key.clone());
        Ok(key)
    }

    fn bits<const N: usize>(&self) -> [u8; N] {
        let mut bits = [0; N];
        self.random.fill(&mut bits);
        bits
    }
}

/// The words without what only misleads readers: one Unicode form (NFC), `\n` as the only line end, no control and no invisible
/// formatting characters (so no text that reads backwards), no white space around it.
pub fn clean(raw: &str) -> String {
    let lines = raw
        .replace("\r\n", "\n")
        .replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let words: String = lines
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !(c.is_control() || is_format(*c)))
        .nfc()
        .collect();
    words.trim().to_owned()
}

/// Unicode's general category Cf: characters without a shape of their own, bidirectional controls among them.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Mutex;

    fn check(raw: &str, expected: &str) {
        assert_eq!(clean(raw), expected);
    }

    #[test]
    fn text_that_reads_backwards_is_straightened() {
        check("pay \u{202e}evil\u{202c} now", "pay evil now");
        check("a\u{2066}b\u{2069}\u{200e}\u{200f}\u{61c}c", "abc");
    }

    #[test]
    fn control_and_invisible_characters_go_and_line_ends_stay() {
        check(
            "\u{0}one\r\ntwo\rthree\u{2028}four\tfive\u{7f}\u{9b}\u{feff}",
            "one\ntwo\nthree\nfour\tfive",
        );
        check("in\u{ad}vi\u{200b}si\u{2060}ble", "invisible");
        check("  \n around \n ", "around");
    }

    #[test]
    fn equal_words_have_one_form() {
        check("Zu\u{308}rich \u{212b}", "Z\u{fc}rich \u{c5}");
    }

    struct Keys(Mutex<u32>);
    impl KeyStore for Keys {
        fn key(&self, _: &str) -> Result<Option<PersonKey>, ReadError> {
            Ok(Some(PersonKey::from_bytes([7; 32])))
        }
        fn key_or(&self, subject: &str, _: PersonKey) -> Result<PersonKey, ReadError> {
            if subject == "erased" {
                return Err(ReadError {
                    what: "a key",
                    source: "it was destroyed".into(),
                });
            }
            *self.0.lock().unwrap() += 1;
            Ok(PersonKey::from_bytes([7; 32]))
        }
        fn erase(&self, _: &str, _: domain::time::Timestamp) -> Result<bool, ReadError> {
            Ok(false)
        }
        fn erased(&self) -> Result<Vec<String>, ReadError> {
            Ok(Vec::new())
        }
    }
    struct Counting(Mutex<u8>);
    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            let mut next = self.0.lock().unwrap();
            *next += 1;
            bytes.fill(*next);
        }
    }

    fn writer(subject: &str) -> BodyWriter {
        BodyWriter::new(
            subject,
            Arc::new(Keys(Mutex::new(0))),
            Arc::new(Counting(Mutex::new(0))),
        )
    }

    #[test]
    fn what_is_written_is_counted_committed_to_and_sealed() {
        let mut writer = writer("p-ada");
        let text = writer.write(" Z\u{fc}rich ", 10).unwrap();
        let bodies = writer.finish();
        assert_eq!(text.chars, 6);
        assert_eq!(
            bodies[0].commitment,
            crate::entry::ledger_digest(text.commitment)
        );
        assert_eq!(
            ledger::body::open(&PersonKey::from_bytes([7; 32]), &bodies[0]),
            Ok("Z\u{fc}rich".to_owned())
        );
    }

    #[test]
    fn equal_words_are_not_seen_to_be_equal() {
        let mut writer = writer("p-ada");
        assert_ne!(
            writer.write("yes", 10).unwrap(),
            writer.write("yes", 10).unwrap()
        );
    }

    #[test]
    fn a_text_that_is_too_long_is_refused() {
        let told = |raw: &str, max| writer("p-ada").write(raw, max).unwrap_err().to_string();
        assert_eq!(
            told("four!", 4),
            "the text has 5 characters; at most 4 are allowed"
        );
        assert_eq!(
            told(&"x".repeat(RAW_BYTES_MAX + 1), 4),
            "the text has 262145 bytes; at most 262144 are read"
        );
    }

    #[test]
    fn nothing_new_is_written_about_an_erased_person() {
        let error = writer("erased").write("words", 10).unwrap_err();
        assert_eq!(error.to_string(), "the key of `erased` could not be read");
    }

    proptest! {
        #[test]
        fn clean_text_is_clean(raw: String) {
            let once = clean(&raw);
            prop_assert_eq!(&clean(&once), &once);
            prop_assert!(once.chars().all(|c| matches!(c, '\n' | '\t') || !(c.is_control() || is_format(c))));
        }
    }
}
