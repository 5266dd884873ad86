//! The built `remit`: where it lies, and a demo of it that runs while a suite looks at it.
use crate::{shell, tree};
use anyhow::{Context as _, Result, bail};
use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// How often a starting demo is asked whether it answers; a tenth of a second lies between.
const ASKED_MAX: u16 = 600;

/// The debug build of `remit`, built now when it isn't up to date.
///
/// Built the way the tests build it: another selection of packages would unify features differently
/// and compile half the dependencies a second time.
///
/// # Errors
/// When it doesn't build.
pub(crate) fn binary() -> Result<PathBuf> {
    shell::run_quietly(
        Command::new("cargo")
            .args(["test", "--quiet", "--workspace", "--no-run", "--locked"])
            .current_dir(tree::root()),
    )?;
    Ok(tree::root().join("target/debug/remit"))
}

/// A running `remit demo`; ends with the suite that started it.
#[derive(Debug)]
pub(crate) struct Demo {
    process: Child,
    port: u16,
    data: PathBuf,
}

impl Demo {
    /// Starts a demo with its data in `target/demo-NAME` and waits until its portal takes connections.
    ///
    /// # Errors
    /// When it doesn't build, ends at once, or takes no connection within a minute; its own words are in
    /// `target/demo-NAME/log`.
    pub(crate) fn start(name: &str) -> Result<Self> {
        let program = binary()?;
        let folder = tree::fresh_folder(&format!("target/demo-{name}"))?;
        let log = fs::File::create(folder.join("log"))?;
        let port = free_port()?;
        let data = folder.join("data");
        let process = Command::new(program)
            .args(["demo", "--port", &port.to_string(), "--data"])
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("`remit demo` could not be started")?;
        let mut demo = Self {
            process,
            port,
            data,
        };
        for _ in 0..ASKED_MAX {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(demo);
            }
            if let Some(status) = demo.process.try_wait()? {
                let words = fs::read_to_string(folder.join("log"))?;
                bail!("`remit demo` ended with {status}\n{words}");
            }
            shell::pause();
        }
        let words = fs::read_to_string(folder.join("log"))?;
        bail!("`remit demo` takes no connection on port {port}\n{words}")
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Where its portal is.
    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let ended = self.process.kill().and_then(|()| self.process.wait());
        if let Err(error) = ended {
            shell::complain(&format!("the demo could not be ended: {error}"));
        }
    }
}

/// A port that nobody listens on now.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
