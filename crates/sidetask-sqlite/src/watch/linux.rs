//! Wakes on every write to the log, by inotify.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::inotify;
use rustix::io::Errno;

#[derive(Debug)]
pub(crate) struct Bell {
    changes: OwnedFd,
    stop: OwnedFd,
}

impl Bell {
    pub(crate) fn new(database: &Path) -> io::Result<Self> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let changes = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        inotify::add_watch(&changes, log, inotify::WatchFlags::MODIFY)?;
        let stop = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { changes, stop })
    }

    /// Waits for a change, or for [`stop`](Bell::stop).
    pub(crate) fn wait(&self) -> io::Result<()> {
        let mut fds = [PollFd::new(&self.changes, PollFlags::IN), PollFd::new(&self.stop, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => self.drain(),
            Err(error) => Err(error.into()),
        }
    }

    fn drain(&self) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.changes, &mut buffer);
        loop {
            match events.next() {
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(crate) fn stop(&self) {
        // The counter cannot overflow, and nothing else fails here.
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
    }
}
