//! Servers to be measured: started with a folder of their own, ended by their process number.

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    brokers,
    data::{self, Contents},
    person::Keys,
    relay::Kind,
    rivals,
};

/// How long a server may take to say where it listens.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// More connections than any workload has, and no more: the files that they may take are not the logs'.
const CLIENTS_MAX: &str = "12000";

/// Between two looks whether a server listens.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A server, of one kind and with one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// securechat as it comes: durable before the acknowledgement.
    Product,
    /// securechat with `--durability os`: written, not waited for.
    ProductOs,
    /// A relay of ours without product logic.
    Relay(Kind),
    /// Another server.
    Rival(rivals::Kind),
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Product => "securechat",
            Self::ProductOs => "securechat, durability os",
            Self::Relay(Kind::Bare) => "bare relay",
            Self::Relay(Kind::Append) => "bare relay, appending",
            Self::Relay(Kind::Durable) => "bare relay, durable",
            Self::Relay(Kind::DurableWaiting) => "bare relay, durable, readers wait",
            Self::Relay(Kind::OneByOne) => "bare relay, a write for each frame",
            Self::Rival(rivals::Kind::Mqtt) => "mosquitto, QoS 1",
            Self::Rival(rivals::Kind::Jetstream) => "nats-server, JetStream",
        })
    }
}

/// What all servers of a run have in common.
pub struct Stage {
    /// The product.
    pub product: PathBuf,
    /// This program.
    pub own: PathBuf,
    /// Where their folders are made.
    pub folder: PathBuf,
    /// What the accounts log in with.
    pub keys: Keys,
    /// The file of those keys, for the load generator.
    pub key_file: PathBuf,
    /// Whether this product has `--durability`.
    pub has_durability: bool,
}

/// A server that runs; dropping it ends it.
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start until it said so.
    pub started_in: Duration,
    /// Its folder, which goes with the last server that had it.
    folder: Arc<TempDir>,
}

impl Stage {
    /// Starts a server with a fresh folder.
    pub fn start(&self, target: Target, contents: Contents) -> Result<Running> {
        let folder = Arc::new(TempDir::new_in(&self.folder)?);
        let command = match target {
            Target::Relay(kind) => {
                let kind = match kind {
                    Kind::Bare => "bare",
                    Kind::Append => "append",
                    Kind::Durable => "durable",
                    Kind::DurableWaiting => "durable-waiting",
                    Kind::OneByOne => "one-by-one",
                };
                let mut command = Command::new(&self.own);
                command.args(["relay", kind]).arg(folder.path());
                command
            }
            Target::Rival(kind) => return brokers::start(kind, folder),
            Target::Product | Target::ProductOs => {
                data::prepare(&folder.path().join("data"), &self.keys.public(), contents)?;
                self.product_on(&folder.path().join("data"), target)
            }
        };
        Running::of(command, folder)
    }

    /// Ends a product and starts it again on the same folder.
    pub fn again(&self, running: Running, target: Target) -> Result<Running> {
        let folder = Arc::clone(&running.folder);
        drop(running);
        Running::of(self.product_on(&folder.path().join("data"), target), folder)
    }

    /// The command of a product on a data folder that is there.
    fn product_on(&self, data: &Path, target: Target) -> Command {
        let mut command = Command::new(&self.product);
        command.args(["server", "--listen", "127.0.0.1:0", "--log", "error", "--max-clients", CLIENTS_MAX]);
        // What is measured is what the server can do, not what it allows one client.
        command.args(["--requests-per-second", "0", "--bytes-per-second", "0"]);
        command.args(["--invitations-per-minute", "0", "--registrations-per-hour", "0"]);
        command.arg("--data").arg(data);
        if target == Target::ProductOs {
            command.args(["--durability", "os"]);
        }
        command
    }
}

impl Running {
    /// Starts a command and waits until it says where it listens.
    pub fn of(mut command: Command, folder: Arc<TempDir>) -> Result<Self> {
        let begun = Instant::now();
        let errors = folder.path().join("stderr");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&errors)?);
        let mut child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
        let output = child.stdout.take().context("a server's output")?;
        let mut lines = BufReader::new(output).lines();
        let mut address = None;
        while let Some(line) = lines.next().transpose()? {
            if let Some(said) = line.strip_prefix("listening on ") {
                address = said.parse().ok();
                break;
            }
            ensure!(begun.elapsed() < START_TIMEOUT, "{command:?} does not say where it listens");
        }
        let started_in = begun.elapsed();
        // What it says later has to go somewhere.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let Some(address) = address else {
            let _ = child.wait();
            anyhow::bail!("{command:?} ended: {}", std::fs::read_to_string(&errors)?);
        };
        Ok(Self { child, address, started_in, folder })
    }

    /// Starts a command that says nothing, and waits until something listens on the address.
    pub fn on(mut command: Command, folder: Arc<TempDir>, address: SocketAddr) -> Result<Self> {
        let begun = Instant::now();
        let errors = folder.path().join("stderr");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&errors)?);
        let child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
        // From here on it is ended whatever happens.
        let mut running = Self { child, address, started_in: Duration::ZERO, folder };
        while TcpStream::connect(address).is_err() {
            let ended = running.child.try_wait()?.is_some();
            let said = || std::fs::read_to_string(&errors).unwrap_or_default();
            ensure!(!ended && begun.elapsed() < START_TIMEOUT, "{command:?} does not listen: {}", said());
            std::thread::sleep(LOOK_AGAIN);
        }
        running.started_in = begun.elapsed();
        Ok(running)
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}
