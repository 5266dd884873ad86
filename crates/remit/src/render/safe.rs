//! Text from people and servers on its way to a terminal, a spreadsheet or a file. A name may hold anything: sequences that move the
//! cursor, characters that turn a line around. None of them leaves here as it came.

/// `text` on one line, without control characters and without invisible ones that change how the rest reads.
pub(crate) fn line(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
            _ => (!misleads(c)).then_some(c),
        })
        .collect()
}

/// The same, with its line feeds and tabs.
pub(crate) fn words(text: &str) -> String {
    text.chars()
        .filter(|c| matches!(c, '\n' | '\t') || !misleads(*c))
        .collect()
}

/// JSON as it was, with every character that a terminal could act on written as `\uXXXX`: the same document to every reader.
/// Such characters lie within strings only, where JSON has this escape (RFC 8259 §7).
pub(crate) fn json(text: &str) -> String {
    let mut units = [0; 2];
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !misleads(c) {
            out.push(c);
        } else {
            let units = c.encode_utf16(&mut units).iter();
            out.extend(units.map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

/// Control characters (C0, DEL, C1) and Unicode's format characters: bidirectional controls, joiners, tags.
pub(crate) fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_is_left() {
        let hostile = "a\u{1b}]0;x\u{7}b\u{9b}2Jc\r\u{202e}d\u{2066}e\u{feff}\u{e0041}f\u{7f}";
        assert_eq!(line(hostile), "a]0;xb2Jcdef");
        assert_eq!(words("one\ntwo\tthree\u{8}"), "one\ntwo\tthree");
        assert_eq!(line("one\ntwo\tthree\u{2028}four"), "one two three four");
    }

    #[test]
    fn json_keeps_its_meaning_and_loses_its_teeth() {
        let value = serde_json::json!({ "a": "x\u{1b}[m\u{9b}\u{202e}y\u{e0041}\u{7f}é\n" });
        let text = json(&value.to_string());
        assert_eq!(
            text,
            "{\"a\":\"x\\u001b[m\\u009b\\u202ey\\udb40\\udc41\\u007fé\\n\"}"
        );
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, value);
    }
}
