//! How results are written: tables for people, tab-separated lines for pipes, JSON, YAML and CSV for programs, and ids for the next
//! command. Results go to standard output, everything else to standard error.
pub(crate) mod cells;
mod filter;
pub(crate) mod safe;
pub(crate) mod views;
mod yaml;

use crate::{failure::Failed, output};
use anyhow::Result;
use cells::{Cell, Column, View};
use clap::{Args, ValueEnum};
use comfy_table::{Attribute, Color, ColumnConstraint, ContentArrangement, Table, presets};
use filter::Filter;
use jiff::tz::TimeZone;
use serde_json::Value;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Columns for people; the usual form on a terminal
    Table,
    /// The same with more columns
    Wide,
    /// Lines of tab-separated values; the usual form in a pipe
    Tsv,
    /// One JSON document, as the server gave it
    Json,
    /// One JSON document for each row
    Jsonl,
    /// One YAML document
    Yaml,
    /// RFC 4180, with no cell that a spreadsheet would run
    Csv,
    /// Numbers or ids alone, one a line
    Id,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How results are written; the same for every command.
#[derive(Debug, Clone, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches as the command line has them, each for itself"
)]
#[command(next_help_heading = "Output")]
pub(crate) struct Style {
    /// How results are written [default: table on a terminal, tsv in a pipe]
    #[arg(
        short,
        long,
        value_enum,
        global = true,
        value_name = "FORM",
        hide_possible_values = true
    )]
    pub(crate) output: Option<Form>,
    /// Only these columns, in this order
    #[arg(long, global = true, value_delimiter = ',', value_name = "NAME,...")]
    pub(crate) columns: Vec<String>,
    /// Leave the line with the columns' names out
    #[arg(long, global = true)]
    pub(crate) no_headers: bool,
    /// Write what this jq expression makes of the JSON
    #[arg(long, global = true, value_name = "EXPR")]
    pub(crate) jq: Option<String>,
    /// Times in UTC instead of local time
    #[arg(long, global = true)]
    pub(crate) utc: bool,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", hide_default_value = true)]
    pub(crate) color: Colour,
    /// Nothing on standard error but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say on standard error what is asked of the server
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Do it without asking back
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
}

/// What the place we write to can do.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts that don't depend on each other"
)]
pub(crate) struct Terminal {
    /// Standard output is one.
    pub(crate) out: bool,
    /// Standard error is one.
    pub(crate) err: bool,
    /// Standard input and standard error are one: somebody can be asked.
    pub(crate) asks: bool,
    /// Columns.
    pub(crate) width: u16,
    /// Colours are wanted.
    pub(crate) colour: bool,
    /// In which times are shown.
    pub(crate) zone: TimeZone,
}

/// Where and how results are written.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    pub(crate) style: Style,
    pub(crate) terminal: Terminal,
}

impl Screen {
    /// The form in force.
    pub(crate) fn form(&self) -> Form {
        self.style.output.unwrap_or(if self.terminal.out {
            Form::Table
        } else {
            Form::Tsv
        })
    }

    /// Writes what `view` shows; made before anything is asked of a server, so that a wrong call changes nothing.
    ///
    /// # Errors
    /// [`Failed`] as a wrong call if a column or the expression isn't known.
    pub(crate) fn writer(&self, view: &'static View) -> Result<Writer<'_>, Failed> {
        let columns = if self.style.columns.is_empty() {
            let wide = (self.form() == Form::Wide).then_some(view.wide);
            view.columns
                .iter()
                .chain(wide.into_iter().flatten())
                .collect()
        } else {
            let named = |name: &String| {
                view.all()
                    .find(|column| column.title.eq_ignore_ascii_case(name.trim()))
                    .ok_or_else(|| unknown(name, view))
            };
            self.style
                .columns
                .iter()
                .map(named)
                .collect::<Result<_, _>>()?
        };
        let filter = self.style.jq.as_deref().map(Filter::compile).transpose()?;
        Ok(Writer {
            screen: self,
            view,
            columns,
            filter,
        })
    }

    /// A line about how it goes.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        if !self.style.quiet {
            output::note(safe::words(&text.to_string()));
        }
    }

    /// A line for who wants to know exactly.
    pub(crate) fn detail(&self, text: impl std::fmt::Display) {
        if self.style.verbose {
            output::note(safe::words(&text.to_string()));
        }
    }

    /// Asks back before something that can't be undone, where there is somebody to ask.
    ///
    /// # Errors
    /// If the answer isn't yes.
    pub(crate) fn confirm(&self, question: &str) -> Result<()> {
        if self.style.yes || !self.terminal.asks {
            return Ok(());
        }
        output::prompt(format_args!("{} [y/N] ", safe::line(question)));
        let answer = console::Term::stderr().read_line()?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(Failed::new(
            crate::failure::Exit::Failed,
            "not-confirmed",
            "nothing was done",
            &["Answer `y`, or give `--yes`."],
        )
        .into())
    }
}

fn unknown(name: &str, view: &'static View) -> Failed {
    let known: Vec<String> = view
        .all()
        .map(|column| column.title.to_lowercase())
        .collect();
    Failed::usage(format!(
        "there is no column `{}` here: there are {}",
        safe::line(name),
        known.join(", ")
    ))
}

/// Whether to colour, by the flag and the environment (no-color.org, bixense.com/clicolors).
pub(crate) fn coloured(
    wanted: Colour,
    set: impl Fn(&str) -> Option<String>,
    terminal: bool,
) -> bool {
    let on = |name: &str| set(name).is_some_and(|value| !value.is_empty() && value != "0");
    match wanted {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => {
            if set("NO_COLOR").is_some_and(|value| !value.is_empty()) {
                false
            } else if on("CLICOLOR_FORCE") {
                true
            } else {
                terminal
                    && set("CLICOLOR").as_deref() != Some("0")
                    && set("TERM").as_deref() != Some("dumb")
            }
        }
    }
}

/// Writes one kind of result.
pub(crate) struct Writer<'a> {
    screen: &'a Screen,
    view: &'static View,
    columns: Vec<&'static Column>,
    filter: Option<Filter>,
}

impl Writer<'_> {
    /// Writes an answer: its rows if it is a list, else the one thing it is about.
    ///
    /// # Errors
    /// If the expression can't be applied to it.
    pub(crate) fn write(&self, body: &Value) -> Result<()> {
        let mut text = self.lines(body)?.join("\n");
        if !text.is_empty() {
            text.push('\n');
            output::bytes(text.as_bytes());
        }
        Ok(())
    }

    fn lines(&self, body: &Value) -> Result<Vec<String>, Failed> {
        if let Some(filter) = &self.filter {
            return filter.run(body);
        }
        let rows = cells::rows(body);
        let json = |value: &Value| safe::json(&value.to_string());
        Ok(match (self.screen.form(), rows) {
            (Form::Json, _) => vec![safe::json(&format!("{body:#}"))],
            (Form::Yaml, _) => vec![yaml::document(body).trim_end().to_owned()],
            (Form::Jsonl, Some(rows)) => rows.iter().map(json).collect(),
            (Form::Jsonl, None) => vec![json(body)],
            (Form::Id, rows) => rows
                .map_or_else(|| vec![cells::subject(body)], |rows| rows.iter().collect())
                .into_iter()
                .map(|row| cells::text(row.pointer(self.view.id)))
                .collect(),
            (Form::Csv, rows) => self.csv(
                &rows.map_or_else(|| vec![cells::subject(body)], |rows| rows.iter().collect()),
            ),
            (Form::Tsv, Some(rows)) => self.tsv(rows),
            (Form::Table | Form::Wide, Some(rows)) => self.table(rows),
            (Form::Tsv | Form::Table | Form::Wide, None) => self.one(cells::subject(body)),
        })
    }

    fn cell(&self, row: &Value, column: &Column) -> Cell {
        let zone = (!self.screen.style.utc).then_some(&self.screen.terminal.zone);
        column.cell(row, zone)
    }

    fn titles(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|column| column.title)
    }

    fn csv(&self, rows: &[&Value]) -> Vec<String> {
        let titles: Vec<String> = self.titles().map(str::to_lowercase).collect();
        let head = (!self.screen.style.no_headers).then(|| titles.join(","));
        let lines = rows.iter().map(|row| {
            let cells: Vec<String> = self
                .columns
                .iter()
                .map(|column| cells::quoted(&column.machine(row)))
                .collect();
            cells.join(",")
        });
        // RFC 4180 ends its lines with both; the second is written with the line
        head.into_iter()
            .chain(lines)
            .map(|line| line + "\r")
            .collect()
    }

    fn tsv(&self, rows: &[Value]) -> Vec<String> {
        let titles: Vec<&str> = self.titles().collect();
        let head = (!self.screen.style.no_headers).then(|| titles.join("\t"));
        let lines = rows.iter().map(|row| {
            let cells: Vec<String> = self
                .columns
                .iter()
                .map(|column| self.cell(row, column).text)
                .collect();
            cells.join("\t")
        });
        head.into_iter().chain(lines).collect()
    }

    fn table(&self, rows: &[Value]) -> Vec<String> {
        if rows.is_empty() {
            self.screen.note(self.view.none);
            return Vec::new();
        }
        let mut table = self.empty_table();
        if !self.screen.style.no_headers {
            table.set_header(self.titles().map(|title| self.bold(title)));
        }
        for row in rows {
            let cells = self
                .columns
                .iter()
                .map(|column| self.styled(&self.cell(row, column)));
            table.add_row(cells);
        }
        trimmed(table)
    }

    /// One thing: a line for each of its parts that says something.
    fn one(&self, body: &Value) -> Vec<String> {
        let every: Vec<&Column> = if self.screen.style.columns.is_empty() {
            self.view.all().collect()
        } else {
            self.columns.clone()
        };
        let parts: Vec<(&'static str, Cell)> = every
            .into_iter()
            .map(|column| (column.title, self.cell(body, column)))
            .filter(|(_, cell)| !cell.text.is_empty())
            .collect();
        if self.screen.form() == Form::Tsv {
            let line = |(title, cell): &(&str, Cell)| {
                if self.screen.style.no_headers {
                    cell.text.clone()
                } else {
                    format!("{title}\t{}", cell.text)
                }
            };
            return parts.iter().map(line).collect();
        }
        let mut table = self.empty_table();
        for (title, cell) in &parts {
            if self.screen.style.no_headers {
                table.add_row([self.styled(cell)]);
            } else {
                table.add_row([self.bold(title), self.styled(cell)]);
            }
        }
        trimmed(table)
    }

    fn empty_table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).force_no_tty();
        if self.screen.terminal.out && self.screen.form() == Form::Table {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(self.screen.terminal.width);
        }
        if self.screen.terminal.colour {
            table.enforce_styling();
        }
        table
    }

    fn bold(&self, title: &str) -> comfy_table::Cell {
        let cell = comfy_table::Cell::new(title);
        if self.screen.terminal.colour {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        }
    }

    fn styled(&self, cell: &Cell) -> comfy_table::Cell {
        let shown = comfy_table::Cell::new(&cell.text);
        let colour = match cell.mood {
            cells::Mood::Plain => None,
            cells::Mood::Good => Some(Color::Green),
            cells::Mood::Care => Some(Color::Yellow),
            cells::Mood::Bad => Some(Color::Red),
        };
        match colour.filter(|_| self.screen.terminal.colour) {
            Some(colour) => shown.fg(colour),
            None => shown,
        }
    }
}

/// Bytes as they are, but for a terminal: there without what could drive it.
pub(crate) fn shown(screen: &Screen, bytes: &[u8]) -> Vec<u8> {
    if screen.terminal.out {
        safe::words(&String::from_utf8_lossy(bytes)).into_bytes()
    } else {
        bytes.to_vec()
    }
}

/// The lines of a table: columns two blanks apart, the first one (a number or id, to be copied) never broken.
fn trimmed(mut table: Table) -> Vec<String> {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests;
