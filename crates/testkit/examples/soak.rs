//! Lives through one seed after another on every processor, and says how many a second. The first promise that is broken ends it:
//! the seed and every step of its life are printed. Called by `cargo xtask soak`; arguments are `--seconds N`, `--seeds N`,
//! `--from SEED` and `--seed SEED`.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it measures real time and prints"
)]
use std::{
    collections::BTreeMap,
    hash::{BuildHasher, Hasher, RandomState},
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use testkit::simulation::{Broken, Lived, Script, live};

/// Pause between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);
/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// What was asked for.
struct Asked {
    from: u64,
    seeds: u64,
    seconds: u64,
    told: bool,
}

fn number(text: &str) -> Result<u64, String> {
    let read = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    read.map_err(|_| format!("`{text}` is no number: write 4711, or 0x1267"))
}

fn asked() -> Result<Asked, String> {
    let mut asked = Asked {
        from: RandomState::new().build_hasher().finish(),
        seeds: u64::MAX,
        seconds: u64::MAX,
        told: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("`{word}` needs a number"))?;
        let value = number(&value)?;
        match word.as_str() {
            "--seconds" => asked.seconds = value,
            "--seeds" => asked.seeds = value,
            "--from" => asked.from = value,
            "--seed" => {
                (asked.from, asked.seeds, asked.told) = (value, 1, true);
            }
            _ => {
                return Err(format!(
                    "there is no `{word}`: use --seconds, --seeds, --from or --seed"
                ));
            }
        }
    }
    if asked.seeds == u64::MAX && asked.seconds == u64::MAX {
        return Err("say how long: --seconds N, --seeds N or --seed SEED".to_owned());
    }
    Ok(asked)
}

/// One life; a panic in it is a broken promise too.
fn lived(seed: u64, told: bool) -> Result<Lived, Broken> {
    let script = Script {
        told,
        ..Script::of(seed)
    };
    let lived = catch_unwind(AssertUnwindSafe(|| live(&script)));
    lived.unwrap_or_else(|_| {
        Err(Broken {
            seed,
            what: "it panicked".to_owned(),
            steps: Vec::new(),
        })
    })
}

/// What all threads share.
struct Shared {
    next: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
    sums: Mutex<BTreeMap<&'static str, u64>>,
    broken: Mutex<Option<Broken>>,
}

impl Shared {
    fn work(&self, asked: &Asked) {
        while !self.stop.load(Ordering::SeqCst) {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            if number >= asked.seeds {
                return;
            }
            match lived(asked.from.wrapping_add(number), asked.told) {
                Ok(lived) => self.count(lived),
                Err(broken) => {
                    self.stop.store(true, Ordering::SeqCst);
                    let mut kept = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.get_or_insert(broken);
                }
            }
            self.done.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn count(&self, lived: Lived) {
        for step in lived.steps {
            println!("{step}");
        }
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, count) in [
            ("entries", lived.entries),
            ("starts", lived.starts),
            ("answers", lived.answers),
            ("disk accesses", lived.accesses),
            ("disk faults", lived.faults),
            ("uses", lived.uses),
            ("roles", lived.roles),
            ("copies put back", lived.copies),
        ] {
            *sums.entry(name).or_default() += count;
        }
    }
}

fn soak(asked: &Asked) -> ExitCode {
    let shared = Shared {
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        sums: Mutex::default(),
        broken: Mutex::default(),
    };
    let began = Instant::now();
    println!("from\t{:#x}", asked.from);
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..processors)
            .map(|_| scope.spawn(|| shared.work(asked)))
            .collect();
        let mut told = began;
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(LOOK);
            if began.elapsed().as_secs() >= asked.seconds {
                shared.stop.store(true, Ordering::SeqCst);
            }
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                let done = shared.done.load(Ordering::SeqCst);
                println!("{done} seeds in {} s", began.elapsed().as_secs());
            }
        }
    });
    let took = began.elapsed().as_secs_f64();
    if let Some(broken) = &*shared.broken.lock().unwrap_or_else(PoisonError::into_inner) {
        // lived through once more, so that every step is there to read
        match lived(broken.seed, true) {
            Err(broken) => println!("{broken}"),
            Ok(_) => {
                println!("{broken}\nit does not happen again: something in it is left to chance");
            }
        }
        println!("broken\t{:#x}", broken.seed);
        return ExitCode::FAILURE;
    }
    let done = shared.done.load(Ordering::SeqCst);
    for (name, count) in &*shared.sums.lock().unwrap_or_else(PoisonError::into_inner) {
        println!("{name}\t{count}");
    }
    let rate = f64::from(u32::try_from(done).unwrap_or(u32::MAX)) / took;
    println!("seeds\t{done}\nseconds\t{took:.1}\nseeds a second\t{rate:.0}");
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    match asked() {
        Ok(asked) => soak(&asked),
        Err(wrong) => {
            println!("{wrong}");
            ExitCode::FAILURE
        }
    }
}
