//! How every life ends: what was broken is mended, the server comes to rest, and all that was promised is counted once more.
use super::{
    disk::Wear,
    first_day::stock,
    model::{Stage, Standing},
    sim::{Sending, Sim},
    target::{SimTarget, Temper},
};
use crate::signer;
use domain::{
    actor::Actor,
    command::{Command, Given},
    event::Event,
    fixture,
    ids::{CredentialId, Digest as NamedDigest, GrantId},
};
use engine::{
    entry::domain_digest,
    ports::{KeptAnswer, KeyStore},
    record::Outcome,
    replay::Replayer,
};
use ledger::{
    VerifierKey,
    leaf::Leaf,
    tree::{prove_consistency, verify_consistency},
};
use std::collections::{BTreeMap, BTreeSet};

/// Rounds after which a server that still isn't at rest never will be.
const ROUNDS_MAX: usize = 4_000;
/// How much time goes by in a round in which nothing happens, in milliseconds.
const ROUND_MS: i64 = 5_000;

impl Sim {
    /// Everything outside works again, and the server is started anew.
    pub(super) fn heal(&mut self) -> Result<(), String> {
        self.crash("everything is mended");
        self.disk.wear(Wear::default());
        self.disk.set_full(false);
        self.projector.set_failing(false);
        self.keys.refuse_to_erase(false);
        for target in self.targets.values() {
            target.temper(Temper::default());
            target.cut(false);
        }
        let newest = self.model.newest.ok_or("the log is empty")?;
        self.clock.set_right(newest);
        self.start()
    }

    /// Goes on until nobody waits for anything.
    pub(super) fn rest(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS_MAX {
            if self.is_down() {
                self.start()?;
            }
            self.all_ask_again();
            let mut went = false;
            while self.poll(1)? {
                went = true;
            }
            went |= self.decide()?;
            self.project();
            self.snapshot()?;
            while self.take_job() {
                went = true;
            }
            while self.deliver() {
                went = true;
            }
            if went {
                continue;
            }
            if self.is_at_rest() {
                if !self.is_quarantined() {
                    return Ok(());
                }
                let comment = fixture::text("compared and looked at");
                self.send(Given {
                    actor: Actor::Operator,
                    command: Command::LiftQuarantine { comment },
                });
            }
            self.clock.advance(ROUND_MS);
        }
        Err("the server never comes to rest".to_owned())
    }

    fn is_at_rest(&self) -> bool {
        let open = self
            .life
            .as_ref()
            .map(|life| life.engine.health().jobs.open);
        open == Some(0)
            && !self.targets.values().any(SimTarget::is_asked)
            && self.sent.iter().all(|sent| sent.state == Sending::Over)
    }

    fn is_quarantined(&self) -> bool {
        let life = self.life.as_ref();
        life.is_some_and(|life| life.engine.read(|state| state.quarantine.is_some()))
    }

    /// What is in the platforms is what grants explain, and the other way round.
    pub(super) fn explain(&self) -> Result<(), String> {
        let life = self.life.as_ref().ok_or("the server is down")?;
        if let Some(doubt) = life.engine.health().clock {
            return Err(format!("the clock is right and still in doubt: {doubt}"));
        }
        let now = life.engine.now();
        let mut there: BTreeMap<CredentialId, GrantId> = BTreeMap::new();
        let mut lied = BTreeSet::new();
        for target in self.targets.values() {
            lied.extend(target.lied());
            for (name, role) in target.roles() {
                if let Some(other) = there.insert(role.credential, role.grant) {
                    return Err(format!("`{name}` is there twice, for {other}"));
                }
            }
            for (credential, times) in target.created() {
                if times > 1 && !lied.contains(&credential) {
                    return Err(format!("{credential} was made {times} times"));
                }
            }
        }
        for (credential, grant) in &there {
            let active = self.model.grants.get(grant).is_some_and(|known| {
                known.standing == Standing::Active && known.ends_at.is_some_and(|end| now < end)
            });
            if !active && !lied.contains(credential) {
                return Err(format!(
                    "{credential} is in a platform, and no grant explains it"
                ));
            }
        }
        for (id, issued) in &self.model.credentials {
            let grant = self.model.grants.get(&issued.grant);
            let active = grant.is_some_and(|grant| grant.standing == Standing::Active);
            let wanted = issued.in_target && issued.stage == Stage::Made && active;
            if wanted && !there.contains_key(id) && !lied.contains(id) {
                return Err(format!("{id} was made for an active grant and isn't there"));
            }
        }
        let late = self.model.grants.iter().find(|(_, known)| {
            matches!(known.standing, Standing::Active | Standing::Held)
                && known.ends_at.is_some_and(|end| end <= now)
        });
        match late {
            Some((grant, _)) => Err(format!("the time of {grant} is over, and it hasn't ended")),
            None => Ok(()),
        }
    }

    /// The last account.
    pub(super) fn close(&mut self) -> Result<(), String> {
        self.kept()?;
        let running = self
            .model
            .grants
            .iter()
            .find(|(_, known)| matches!(known.standing, Standing::Active | Standing::Held));
        if let Some((grant, known)) = running {
            return Err(format!("{grant} is {:?} for ever", known.standing));
        }
        let left = self.targets.values().find_map(|target| {
            let lied = target.lied();
            let roles = target.roles();
            let left = roles
                .into_iter()
                .find(|(_, r)| !lied.contains(&r.credential));
            left.map(|(name, _)| name)
        });
        if let Some(name) = left {
            return Err(format!("`{name}` is left for ever"));
        }
        if self.projector.entries() != self.decoded {
            return Err("the projections are not what the log makes them".to_owned());
        }
        self.answered_once()?;
        self.forgotten()?;
        self.one_tree()?;
        self.replayed()
    }

    /// No key has two entries, and whoever was told of one has that.
    fn answered_once(&self) -> Result<(), String> {
        let mut entries: BTreeMap<NamedDigest, u64> = BTreeMap::new();
        for recorded in &self.decoded {
            if let Some(commitment) = recorded.record.answer
                && let Some(earlier) = entries.insert(commitment, recorded.entry)
            {
                return Err(format!(
                    "entries {earlier} and {} answer the same sending",
                    recorded.entry
                ));
            }
        }
        for sent in self.sent.iter().filter(|sent| sent.answer.is_some()) {
            let kept = KeptAnswer {
                principal: sent.key.principal.clone(),
                key: sent.key.key.clone(),
                fingerprint: sent.key.fingerprint,
                entry: 0,
            };
            let found = entries.get(&domain_digest(&kept.commitment()));
            if found.copied() != sent.answer {
                return Err(format!(
                    "{:?} was told, {found:?} is on record",
                    sent.answer
                ));
            }
        }
        Ok(())
    }

    /// Whoever was erased has no key.
    fn forgotten(&self) -> Result<(), String> {
        for recorded in &self.decoded {
            let Outcome::Done(events) = &recorded.record.outcome else {
                continue;
            };
            for event in events {
                if let Event::PersonErased { person } = event
                    && self
                        .keys
                        .key(person.as_str())
                        .is_ok_and(|key| key.is_some())
                {
                    return Err(format!("`{person}` was erased and has a key"));
                }
            }
        }
        Ok(())
    }

    /// Each head that there ever was is a beginning of the last one, which is signed and hashes from the entries.
    fn one_tree(&mut self) -> Result<(), String> {
        let content = self.disk.content();
        let mut tree = ledger::Tree::new();
        for leaf in &content.leaves {
            tree.append(leaf);
        }
        let last = tree.head();
        let key = VerifierKey::parse(&signer().vkey()).map_err(|error| error.to_string())?;
        let signed = key.open(&content.checkpoint);
        let signed = signed.map_err(|error| error.to_string())?;
        if (signed.size, signed.root) != (last.size, last.root) {
            return Err("the signed head is not that of the entries".to_owned());
        }
        for head in &self.heads {
            let proof = prove_consistency(&content.hashes, head.size, last.size);
            let proof = proof.map_err(|error| error.to_string())?;
            verify_consistency(&proof, head, &last).map_err(|error| {
                format!("the log of {} entries was another: {error}", head.size)
            })?;
        }
        self.heads.push(last);
        Ok(())
    }

    /// Every decision comes out the same when it is made again, and the state with it.
    fn replayed(&self) -> Result<(), String> {
        let content = self.disk.content();
        let blob = |digest: &ledger::Digest| content.blobs.get(digest).cloned();
        let mut replayer = Replayer::new(blob, "test").with(stock());
        for (entry, leaf) in (0..).zip(&content.leaves) {
            let leaf = Leaf::decode(leaf).map_err(|error| error.to_string())?;
            let same = replayer.next(entry, leaf);
            same.map_err(|divergence| divergence.to_string())?;
        }
        let state = replayer.finish().state;
        let life = self.life.as_ref().ok_or("the server is down")?;
        if life.engine.read(|running| *running == state) {
            Ok(())
        } else {
            Err("the server's state is not what its log comes to".to_owned())
        }
    }
}
