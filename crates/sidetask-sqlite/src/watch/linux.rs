//! Wakes on every write to the log, by inotify.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
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

    /// Waits for a change, for at most `limit` where there is one, or for [`stop`](Bell::stop). Answers whether there
    /// was a change.
    pub(crate) fn wait(&self, limit: Option<Duration>) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.changes, PollFlags::IN), PollFd::new(&self.stop, PollFlags::IN)];
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match poll(&mut fds, limit.as_ref()) {
            Ok(0) => Ok(false),
            Ok(_) | Err(Errno::INTR) => self.drain().map(|()| true),
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
