//! `--jq EXPR`: what programs want of a JSON answer, by the language they know from jq.
use super::safe;
use crate::failure::{Exit, Failed};
use jaq_core::{
    Compiler, Ctx, Vars, data,
    load::{Arena, File, Loader},
    unwrap_valr,
};
use jaq_json::{Val, read};
use serde_json::Value;

/// Most results of one expression: `repeat(1)` never ends.
const RESULTS_MAX: usize = 1_000_000;

/// A compiled expression.
pub(crate) struct Filter(jaq_core::compile::Filter<jaq_core::Native<data::JustLut<Val>>>);

impl Filter {
    /// Compiles `code`.
    ///
    /// # Errors
    /// [`Failed`] as a wrong call if it is no expression.
    pub(crate) fn compile(code: &str) -> Result<Self, Failed> {
        let wrong = || {
            Failed::usage(format!(
                "`{}` is not a jq expression: try `.`, `.items[].number` or `.request.number`",
                safe::line(code)
            ))
        };
        let definitions = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs());
        let functions = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, File { code, path: () })
            .map_err(|_| wrong())?;
        Compiler::default()
            .with_funs(functions)
            .compile(modules)
            .map(Self)
            .map_err(|_| wrong())
    }

    /// Everything it yields for `input`: texts bare, everything else as JSON.
    ///
    /// # Errors
    /// [`Failed`] with the expression's own complaint about the input.
    pub(crate) fn run(&self, input: &Value) -> Result<Vec<String>, Failed> {
        let stopped = |why: String| {
            Failed::new(
                Exit::Failed,
                "jq",
                format!("the jq expression stopped: {}", safe::line(&why)),
                &[],
            )
        };
        let input = read::parse_single(input.to_string().as_bytes())
            .map_err(|error| stopped(error.to_string()))?;
        let context = Ctx::<data::JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        self.0
            .id
            .run((context, input))
            .map(unwrap_valr)
            .take(RESULTS_MAX)
            .map(|result| match result {
                Ok(Val::TStr(text)) => Ok(safe::words(&String::from_utf8_lossy(&text))),
                Ok(other) => Ok(safe::json(&other.to_string())),
                Err(error) => Err(stopped(error.to_string())),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(code: &str, expected: &str) {
        let input = json!({ "items": [{ "number": "R-1\u{1b}", "n": 2 }, { "number": "R-2", "n": 1.5 }], "next": null });
        let told = Filter::compile(code).and_then(|filter| filter.run(&input));
        let told = told.map_or_else(|failed| failed.to_string(), |lines| lines.join("|"));
        assert_eq!(told, expected);
    }

    #[test]
    fn texts_come_bare_and_the_rest_as_json() {
        check(".items[].number", "R-1|R-2");
        check(".items | map(.n) | add", "3.5");
        check(".items[1]", "{\"number\":\"R-2\",\"n\":1.5}");
        check(".next, (.items | length)", "null|2");
        check("[.items[].number]", "[\"R-1\\u001b\",\"R-2\"]");
    }

    #[test]
    fn a_wrong_expression_is_said_to_be_one() {
        check(
            ".items[",
            "`.items[` is not a jq expression: try `.`, `.items[].number` or `.request.number`",
        );
        check(
            "nonsense(1)",
            "`nonsense(1)` is not a jq expression: try `.`, `.items[].number` or `.request.number`",
        );
        check(
            ".next | keys",
            "the jq expression stopped: cannot use null as iterable (array or object)",
        );
    }
}
