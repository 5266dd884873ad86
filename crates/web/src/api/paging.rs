//! Lists come in parts, newest first. A cursor says where the next part starts; what is in it is nobody's business.
use crate::trouble::Trouble;
use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use engine::views::Page;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Most rows of one part.
pub(crate) const ROWS_MAX: usize = 200;
const ROWS: usize = 50;
/// Longest cursor.
pub(crate) const CURSOR_BYTES_MAX: usize = 64;

/// Which part of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// `next` of the part before.
    #[param(max_length = 64)]
    pub(crate) cursor: Option<String>,
    /// How many rows at most.
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<usize>,
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    /// Newest first.
    pub(crate) items: Vec<T>,
    /// The cursor of the next part; null after the last.
    pub(crate) next: Option<String>,
}

/// The text of a cursor.
pub(crate) fn cursor(before: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("before {before}"))
}

/// Reads a cursor.
pub(crate) fn read_cursor(text: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text.get(..CURSOR_BYTES_MAX.min(text.len()))?)
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_prefix("before ")?.parse().ok()
}

/// The page that a cursor and a limit name.
pub(crate) fn page(cursor: Option<&str>, limit: Option<usize>) -> Result<Page, Trouble> {
    let before = cursor
        .map(|text| {
            read_cursor(text).ok_or_else(|| Trouble::Unreadable {
                message: "the cursor is not one of ours: take `next` as it came".to_owned(),
            })
        })
        .transpose()?;
    let limit = limit.unwrap_or(ROWS);
    if limit == 0 || limit > ROWS_MAX {
        return Err(Trouble::Unreadable {
            message: format!("`limit` is from 1 to {ROWS_MAX}"),
        });
    }
    Ok(Page { before, limit })
}

impl Part {
    /// The page it names.
    pub(crate) fn page(&self) -> Result<Page, Trouble> {
        page(self.cursor.as_deref(), self.limit)
    }
}

impl<T: Serialize> Listed<T> {
    /// The answer, with a link (RFC 8288) to the next part at `path` with the filters of `query`.
    pub(crate) fn answer(self, path: &str, query: &str) -> Response {
        let link = self.next.as_ref().map(|next| {
            let and = if query.is_empty() { "" } else { "&" };
            format!("<{path}?{query}{and}cursor={next}>; rel=\"next\"")
        });
        let mut response = Json(self).into_response();
        if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is() {
        assert_eq!(read_cursor(&cursor(48_211)), Some(48_211));
        assert_eq!(read_cursor("48211"), None);
        assert_eq!(read_cursor(&"A".repeat(5_000)), None);
        assert_eq!(read_cursor("é"), None);
    }

    #[test]
    fn a_part_is_neither_empty_nor_endless() {
        let words = |limit| {
            page(None, Some(limit))
                .map(|page| page.limit)
                .map_err(|t| t.words().detail)
        };
        assert_eq!(words(200), Ok(200));
        assert_eq!(words(0), Err("`limit` is from 1 to 200.".to_owned()));
        assert_eq!(words(201), Err("`limit` is from 1 to 200.".to_owned()));
    }
}
