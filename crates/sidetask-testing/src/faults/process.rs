use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A program that runs beside the test, says what it does, and is killed and stopped at will.
///
/// What it writes on standard output is heard by line, and what it writes on standard error is kept; its standard input
/// is empty. Its methods block the thread. Dropping it kills it, though not what it has started itself. Unix only.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use std::process::Command;
///
/// use sidetask_testing::faults::Process;
///
/// let mut command = Command::new("sh");
/// command.args(["-c", "echo ready at 8080; exec sleep 1000"]);
/// let program = Process::start(command)?;
/// assert_eq!(program.wait_for("ready")?, "ready at 8080");
/// let ended = program.kill()?;
/// assert!(!ended.status.success());
/// assert_eq!(ended.lines, ["ready at 8080"]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Process {
    child: Child,
    patience: Duration,
    heard: Arc<(Mutex<Heard>, Condvar)>,
}

/// What became of a [`Process`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// All lines that it wrote on standard output. One that it was killed in the middle of is there as far as it came.
    pub lines: Vec<String>,
    /// What it wrote on standard error.
    pub errors: String,
}

#[derive(Debug)]
struct Heard {
    lines: Vec<String>,
    errors: String,
    /// How many lines were waited for, or passed over in waiting.
    waited: usize,
    /// How many of its two outputs are open.
    open: usize,
}

const PATIENCE: Duration = Duration::from_secs(60);

const INTERVAL: Duration = Duration::from_millis(5);

/// How long what it wrote before it ended may take to be heard.
const REST: Duration = Duration::from_secs(5);

impl Process {
    /// Starts a program.
    ///
    /// Fails where that cannot be started.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let heard = Heard { lines: Vec::new(), errors: String::new(), waited: 0, open: 2 };
        let heard = Arc::new((Mutex::new(heard), Condvar::new()));
        if let Some(stdout) = child.stdout.take() {
            listen(stdout, Arc::clone(&heard), |heard, line| heard.lines.push(line));
        }
        if let Some(stderr) = child.stderr.take() {
            listen(stderr, Arc::clone(&heard), |heard, line| {
                heard.errors.push_str(&line);
                heard.errors.push('\n');
            });
        }
        Ok(Self { child, patience: PATIENCE, heard })
    }

    /// Sets how long [`wait_for`](Self::wait_for) and [`finish`](Self::finish) wait at most: 60 s, unless set here.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line on its standard output that begins with `prefix`, after the last one that was waited for, and
    /// answers it. Lines between the two are passed over, and stay in [`lines`](Self::lines).
    ///
    /// Fails where it ends, or the patience does, without one.
    pub fn wait_for(&self, prefix: &str) -> io::Result<String> {
        let end = Instant::now() + self.patience;
        let (_, has_changed) = &*self.heard;
        let mut heard = self.heard();
        loop {
            while let Some(line) = heard.lines.get(heard.waited).cloned() {
                heard.waited += 1;
                if line.starts_with(prefix) {
                    return Ok(line);
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if heard.open == 0 {
                return Err(heard.failure(io::ErrorKind::UnexpectedEof, &format!("it ended without saying `{prefix}`")));
            }
            if left.is_zero() {
                let text = format!("it did not say `{prefix}` within {:?}", self.patience);
                return Err(heard.failure(io::ErrorKind::TimedOut, &text));
            }
            heard = has_changed.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All lines that it has written on standard output so far.
    pub fn lines(&self) -> Vec<String> {
        self.heard().lines.clone()
    }

    /// What it has written on standard error so far.
    pub fn errors(&self) -> String {
        self.heard().errors.clone()
    }

    /// Stops it as it is (SIGSTOP). It does nothing until it is told to go on, and hears of nothing before.
    pub fn stop(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`stop`](Self::stop) (SIGCONT).
    pub fn go_on(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Asks it to end (SIGTERM). [`finish`](Self::finish) waits for that.
    pub fn terminate(&self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Kills it without warning (SIGKILL), and answers what it had said.
    pub fn kill(mut self) -> io::Result<Ended> {
        self.signal(Signal::KILL)?;
        self.hear_out()
    }

    /// Waits until it ends by itself, however it does, and answers what it said.
    ///
    /// Fails where the patience ends before; it is killed then.
    pub fn finish(mut self) -> io::Result<Ended> {
        let end = Instant::now() + self.patience;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > end {
                let text = format!("it did not end within {:?}", self.patience);
                return Err(self.heard().failure(io::ErrorKind::TimedOut, &text));
            }
            thread::sleep(INTERVAL);
        }
        self.hear_out()
    }

    fn hear_out(&mut self) -> io::Result<Ended> {
        let status = self.child.wait()?;
        let (_, has_changed) = &*self.heard;
        // What it has started may hold its outputs open for good.
        let heard = has_changed.wait_timeout_while(self.heard(), REST, |heard| heard.open > 0);
        let (mut heard, _) = heard.unwrap_or_else(PoisonError::into_inner);
        Ok(Ended { status, lines: std::mem::take(&mut heard.lines), errors: std::mem::take(&mut heard.errors) })
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("it has no process id"))?;
        Ok(kill_process(id, signal)?)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Heard {
    fn failure(&self, kind: io::ErrorKind, what: &str) -> io::Error {
        let last = |lines: &mut dyn DoubleEndedIterator<Item = &str>| {
            let mut last: Vec<&str> = lines.rev().take(10).collect();
            last.reverse();
            last.join("\n")
        };
        let lines = last(&mut self.lines.iter().map(String::as_str));
        let errors = last(&mut self.errors.lines());
        io::Error::new(kind, format!("{what}; its last lines were:\n{lines}\nand on standard error:\n{errors}"))
    }
}

fn listen(
    output: impl Read + Send + 'static,
    heard: Arc<(Mutex<Heard>, Condvar)>,
    note: impl Fn(&mut Heard, String) + Send + 'static,
) {
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
            change(&heard, |heard| note(heard, text));
            line.clear();
        }
        change(&heard, |heard| heard.open -= 1);
    });
}

fn change((heard, has_changed): &(Mutex<Heard>, Condvar), change: impl FnOnce(&mut Heard)) {
    change(&mut heard.lock().unwrap_or_else(PoisonError::into_inner));
    has_changed.notify_all();
}
