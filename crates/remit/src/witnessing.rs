//! Asks the log's witnesses for their cosignatures: one head at a time to all of them at once, so that their words are about the same
//! head, at most once a second and at least several times in the time after which silence is an alarm.
use crate::{config::WitnessTable, data::Data};
use anyhow::{Context, Result, ensure};
use domain::{
    actor::Actor,
    command::{Command, Given},
    time::Seconds,
    witnessing::WitnessReport,
};
use engine::{
    Answer, Engine, Submission, chain,
    ports::{Head, LogReader, StoredHashes},
    witnesses::{Witnesses, Word},
};
use ledger::{
    Checkpoint, Quorum, Tree, VerifierKey, WitnessKey,
    tree::prove_consistency,
    witness::{AddCheckpoint, read_answer, read_size},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The shortest time between two rounds.
const ROUND_EVERY: Duration = Duration::from_secs(1);
/// How long a witness may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// The longest time between two rounds: a witness that is asked says that it is there.
const HEARTBEAT_MS_MAX: i64 = 60_000;
/// More bytes than any answer of a witness has.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;
/// Characters of a witness's own words that are repeated.
const TOLD_CHARS_MAX: usize = 200;

/// The witnesses that a configuration names, each with its address.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    quorum: Quorum,
    urls: BTreeMap<String, String>,
    alarm_after: Seconds,
}

impl Asked {
    /// Reads the witnesses of a configuration; `None` if it names none.
    ///
    /// # Errors
    /// If a key, address or number doesn't work; names the setting.
    pub(crate) fn read(
        witnesses: &BTreeMap<String, WitnessTable>,
        needed: Option<usize>,
        alarm_after_s: Option<u32>,
    ) -> Result<Option<Self>> {
        if witnesses.is_empty() {
            ensure!(
                needed.is_none(),
                "`witness-quorum` is set, and no `[witness.NAME]` is: name the witnesses, or leave it out"
            );
            return Ok(None);
        }
        let mut keys = Vec::new();
        let mut urls = BTreeMap::new();
        for (name, witness) in witnesses {
            let key = WitnessKey::parse(&witness.vkey)
                .with_context(|| format!("`witness.{name}.vkey` can't be used"))?;
            let url = witness.url.trim_end_matches('/').to_owned();
            check_url(name, &url)?;
            urls.insert(key.name().to_string(), url);
            keys.push(key);
        }
        let needed = needed.with_context(|| {
            format!(
                "`witness-quorum` is missing: write how many of the {} witnesses must cosign",
                keys.len()
            )
        })?;
        let quorum = Quorum::new(keys, needed).context("`witness-quorum` can't be had")?;
        let alarm_after = alarm_after_s.unwrap_or(300);
        ensure!(
            alarm_after >= 2,
            "`witness-alarm-after` is {alarm_after} seconds: give witnesses at least 2"
        );
        Ok(Some(Self {
            quorum,
            urls,
            alarm_after: Seconds(alarm_after),
        }))
    }

    /// The witnesses as pages and metrics see them, with what an earlier process kept.
    ///
    /// # Errors
    /// If what was kept isn't this log's.
    fn witnesses(&self, data: &Data, engine: &Engine) -> Result<Witnesses> {
        let key = VerifierKey::parse(&engine.vkey())?;
        let kept = data.cosigned()?;
        if let Some(note) = &kept {
            let cosigned = key
                .open(note)
                .context("the kept checkpoint with cosignatures is not this log's")?;
            must_continue(&cosigned, engine.reader().as_ref())?;
        }
        let kept = kept.map(|note| (&key, note));
        Ok(Witnesses::new(
            self.quorum.clone(),
            self.alarm_after,
            kept,
            engine.now(),
        )?)
    }
}

/// A log that was set back under the eyes of its witnesses must not go on as if nothing had happened.
fn must_continue(cosigned: &Checkpoint, reader: &dyn LogReader) -> Result<()> {
    let size = reader.head()?.tree.size;
    let continues = cosigned.size <= size
        && Tree::resume(cosigned.size, &StoredHashes(reader))?.head() == cosigned.head();
    ensure!(
        continues,
        "witnesses cosigned {} entries, and this log of {size} does not continue them: its end is lost or it was rewritten. Restore the newer log; if it is lost for good, move the file `cosigned` out of the data folder and tell your auditors",
        cosigned.size
    );
    Ok(())
}

/// What pages and metrics see of the witnesses, and who asks them; `None` if the log has none.
///
/// # Errors
/// If what an earlier process kept isn't this log's, or the system's certificates can't be read.
pub(crate) fn prepare(
    asked: Option<&Asked>,
    data: &Data,
    engine: &Engine,
) -> Result<Option<(Arc<Witnesses>, Asking)>> {
    let Some(asked) = asked else { return Ok(None) };
    let witnesses = Arc::new(asked.witnesses(data, engine)?);
    let asking = Asking::new(asked, witnesses.clone(), data.clone(), engine.clone())?;
    Ok(Some((witnesses, asking)))
}

/// Plain HTTP is for this machine only: whoever could answer in a witness's place could keep us from it.
fn check_url(name: &str, url: &str) -> Result<()> {
    let wrong = || {
        format!(
            "`witness.{name}.url` is `{url}`: write `https://HOST`, or `http://127.0.0.1:PORT` for one on this machine"
        )
    };
    let uri: http::Uri = url.parse().with_context(wrong)?;
    let host = uri.host().with_context(wrong)?;
    let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    ensure!(
        uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && local),
        wrong()
    );
    Ok(())
}

/// The one who asks.
pub(crate) struct Asking {
    engine: Engine,
    witnesses: Arc<Witnesses>,
    data: Data,
    client: reqwest::Client,
    urls: BTreeMap<String, String>,
    key: VerifierKey,
    /// What each witness is believed to have cosigned last.
    known: BTreeMap<String, u64>,
}

impl Asking {
    /// Prepares the asking.
    ///
    /// # Errors
    /// If the system's certificates can't be read.
    fn new(asked: &Asked, witnesses: Arc<Witnesses>, data: Data, engine: Engine) -> Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("could not prepare the calls to witnesses")?;
        Ok(Self {
            key: VerifierKey::parse(&engine.vkey())?,
            engine,
            witnesses,
            data,
            client,
            urls: asked.urls.clone(),
            known: BTreeMap::new(),
        })
    }

    /// Asks until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let heartbeat_ms =
            (i64::from(self.witnesses.alarm_after().0) * 1_000 / 3).min(HEARTBEAT_MS_MAX);
        // size of the head of the last round, when it began, and whether enough cosigned it
        let mut last: Option<(u64, i64, bool)> = None;
        loop {
            let now = self.engine.now().0;
            let size = self.engine.health().entries;
            let due = last.is_none_or(|(asked, began, enough)| {
                size > asked || !enough || now.saturating_sub(began) >= heartbeat_ms
            });
            if due && size > 0 {
                match self.round().await {
                    Ok((size, enough)) => last = Some((size, now, enough)),
                    Err(error) => {
                        tracing::error!(error = %format!("{error:#}"), "the witnesses could not be asked; trying again");
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(ROUND_EVERY) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Asks all of them about the newest head. Yields its size, and whether enough cosigned it.
    async fn round(&mut self) -> Result<(u64, bool)> {
        let reader = self.engine.reader();
        let head = tokio::task::spawn_blocking(move || reader.head()).await??;
        let checkpoint = self.key.open(&head.checkpoint)?;
        let mut asking = JoinSet::new();
        for witness in self.witnesses.quorum().witnesses() {
            let name = witness.name().to_string();
            let one = One {
                client: self.client.clone(),
                reader: self.engine.reader(),
                url: self.urls.get(&name).cloned().unwrap_or_default(),
                known: self.known.get(&name).copied().unwrap_or(0),
                witness: witness.clone(),
                checkpoint: checkpoint.clone(),
                head: head.clone(),
            };
            asking.spawn(async move { (name, one.ask().await) });
        }
        let mut words = BTreeMap::new();
        while let Some(answered) = asking.join_next().await {
            let (name, word) = answered?;
            if let Word::Cosigned(_) = word {
                self.known.insert(name.clone(), checkpoint.size);
            } else {
                // ask it from the start what it knows: it may be another state than ours
                self.known.remove(&name);
            }
            words.insert(name, word);
        }
        let now = self.engine.now();
        let cosigned = self
            .witnesses
            .hear(&checkpoint, &head.checkpoint, &words, now);
        let enough = cosigned.is_some();
        if let Some(cosigned) = cosigned {
            let (data, note) = (self.data.clone(), cosigned.note.clone());
            tokio::task::spawn_blocking(move || data.keep_cosigned(&note))
                .await?
                .context("the cosigned checkpoint could not be kept")?;
            self.witnesses.keep(cosigned);
        }
        while let Some(report) = self.witnesses.report(&words, now) {
            self.record(&report).await?;
            self.witnesses.recorded(&report);
        }
        Ok((checkpoint.size, enough))
    }

    async fn record(&self, report: &WitnessReport) -> Result<()> {
        let given = Given {
            actor: Actor::System,
            command: Command::ReportWitnesses {
                report: report.clone(),
            },
        };
        match self.engine.submit(Submission::of(given)).await? {
            Answer::Done { .. } => Ok(()),
            Answer::Refused { refused, .. } => anyhow::bail!("{}", refused.message),
        }
    }
}

/// One witness and one head.
struct One {
    client: reqwest::Client,
    reader: Arc<dyn LogReader>,
    url: String,
    known: u64,
    witness: WitnessKey,
    checkpoint: Checkpoint,
    head: Head,
}

/// What a witness answered, as HTTP.
struct Reply {
    status: u16,
    text: String,
}

impl One {
    /// Sends from the size we know, and once more from the size it tells.
    async fn ask(self) -> Word {
        let mut old = self.known;
        for _ in 0..2 {
            let reply = match self.send(old).await {
                Ok(reply) => reply,
                Err(error) => return Word::None(bounded(&format!("{error:#}"))),
            };
            let told = match (reply.status, read_size(&reply.text)) {
                (200, _) => {
                    return match read_answer(&reply.text, &self.witness, &self.checkpoint) {
                        Ok(cosignature) => Word::Cosigned(cosignature),
                        Err(error) => Word::None(bounded(&chain(&error))),
                    };
                }
                (409, Some(told)) => told,
                (422, _) => {
                    return Word::Contradicts(bounded(&format!(
                        "it cosigned {old} entries that the {} of this log do not continue: the log was rewritten, or the witness errs",
                        self.checkpoint.size
                    )));
                }
                (status, _) => {
                    return Word::None(bounded(&format!("it answered {status}: {}", reply.text)));
                }
            };
            if told > self.checkpoint.size {
                return Word::Contradicts(format!(
                    "it cosigned {told} entries and this log has {}: the log's end is lost, or the witness errs",
                    self.checkpoint.size
                ));
            }
            old = told;
        }
        Word::None("it tells another size each time it is asked".to_owned())
    }

    async fn send(&self, old: u64) -> Result<Reply> {
        let (reader, size) = (self.reader.clone(), self.checkpoint.size);
        // what we believe it knows may be ahead of a log that was set back
        let old = old.min(size);
        let proof = tokio::task::spawn_blocking(move || {
            prove_consistency(&StoredHashes(reader.as_ref()), old, size)
        });
        let request = AddCheckpoint {
            old,
            proof: proof.await??,
            checkpoint: self.head.checkpoint.clone(),
        };
        let url = format!("{}/add-checkpoint", self.url);
        let mut response = self.client.post(url).body(request.to_text()).send().await?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            ensure!(bytes.len() <= ANSWER_BYTES_MAX, "its answer is too long");
        }
        let text = String::from_utf8(bytes).context("its answer is not text")?;
        Ok(Reply { status, text })
    }
}

/// A stranger's words, cut and without what could mislead.
fn bounded(words: &str) -> String {
    let cut: String = words.chars().take(TOLD_CHARS_MAX).collect();
    engine::body::clean(&cut)
        .replace('\n', " ")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::Cosigner;

    fn table(seed: u8, url: &str) -> (String, WitnessTable) {
        let name = format!("witness.example/w{seed}");
        let vkey = Cosigner::from_seed(name.parse().unwrap(), &[seed; 32]).vkey();
        let url = url.to_owned();
        (format!("w{seed}"), WitnessTable { url, vkey })
    }

    #[track_caller]
    fn refused(
        tables: &[(String, WitnessTable)],
        needed: Option<usize>,
        after: Option<u32>,
        expected: &str,
    ) {
        let tables = tables.iter().cloned().collect();
        let error = Asked::read(&tables, needed, after).unwrap_err();
        assert_eq!(format!("{error:#}"), expected);
    }

    #[test]
    fn witnesses_that_would_not_work_are_refused_by_their_setting() {
        let good = [
            table(1, "http://127.0.0.1:1"),
            table(2, "https://w2.example/"),
        ];
        let read = Asked::read(&good.iter().cloned().collect(), Some(2), None).unwrap();
        let urls: Vec<String> = read.unwrap().urls.into_values().collect();
        assert_eq!(urls, ["http://127.0.0.1:1", "https://w2.example"]);
        assert!(Asked::read(&BTreeMap::new(), None, None).unwrap().is_none());
        refused(
            &[],
            Some(1),
            None,
            "`witness-quorum` is set, and no `[witness.NAME]` is: name the witnesses, or leave it out",
        );
        refused(
            &good,
            None,
            None,
            "`witness-quorum` is missing: write how many of the 2 witnesses must cosign",
        );
        refused(
            &good,
            Some(3),
            None,
            "`witness-quorum` can't be had: a quorum of 3 can't be had of 2 witnesses: choose 1 to 2",
        );
        refused(
            &good,
            Some(1),
            Some(1),
            "`witness-alarm-after` is 1 seconds: give witnesses at least 2",
        );
        refused(
            &[table(1, "http://w1.example")],
            Some(1),
            None,
            "`witness.w1.url` is `http://w1.example`: write `https://HOST`, or `http://127.0.0.1:PORT` for one on this machine",
        );
        let mut other = table(1, "https://w1.example");
        other.1.vkey = "w1".to_owned();
        refused(
            &[other],
            Some(1),
            None,
            "`witness.w1.vkey` can't be used: `w1` is not a witness's key: `name+hash+base64` of a cosignature key is needed",
        );
    }
}
