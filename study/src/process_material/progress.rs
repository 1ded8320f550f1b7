//! Tells the catalog and the observer how far a run is, and the run when to stop.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Result, StudyError};
use crate::id::MaterialId;
use crate::material::MaterialStep;
use crate::ports::{Ports, Run, RunObserver};

/// Within a step, progress is written at most this often.
const WRITE_EVERY_MS: u64 = 250;
/// How often a run looks whether it should stop while it waits for the parser.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Parsing begins and ends here.
const PARSING: (u8, u8) = (10, 40);

/// The progress of one run; it never falls.
pub(super) struct Progress<'a> {
    ports: &'a Ports,
    run: Run<MaterialId>,
    observer: &'a dyn RunObserver,
    written: Mutex<Written>,
    parsed: watch::Sender<u8>,
}

/// What was told last.
#[derive(Clone, Copy)]
struct Written {
    progress: u8,
    at_ms: u64,
}

impl<'a> Progress<'a> {
    pub(super) fn new(
        ports: &'a Ports,
        run: Run<MaterialId>,
        observer: &'a dyn RunObserver,
    ) -> Self {
        let written = Mutex::new(Written { progress: 0, at_ms: 0 });
        Self { ports, run, observer, written, parsed: watch::Sender::new(PARSING.0) }
    }

    /// The fence of the run.
    pub(super) fn owner(&self) -> &Run<MaterialId> {
        &self.run
    }

    /// Says how far the run is, if it is worth saying.
    ///
    /// # Errors
    /// When the run should stop, or a newer one owns the material.
    pub(super) async fn reach(&self, progress: u8, note: &str) -> Result<()> {
        if self.observer.is_stopped() {
            return Err(StudyError::cancelled());
        }
        let now_ms = self.ports.calendar.now_ms();
        let Some(begins_step) = self.is_worth_saying(progress, now_ms) else { return Ok(()) };
        if !self.ports.catalog.material_progress(&self.run, progress, now_ms).await? {
            return Err(StudyError::superseded());
        }
        self.observer.progressed(progress, begins_step.then(|| note.to_owned())).await;
        Ok(())
    }

    /// Says that the run is done; its row says so already.
    pub(super) async fn finish(&self) {
        self.observer.progressed(100, None).await;
    }

    /// Whether progress should be written now, and whether it begins a step.
    fn is_worth_saying(&self, progress: u8, now_ms: u64) -> Option<bool> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let begins_step = written.progress == 0
            || MaterialStep::at(progress) != MaterialStep::at(written.progress);
        let is_due = now_ms.saturating_sub(written.at_ms) >= WRITE_EVERY_MS;
        if progress <= written.progress || !(begins_step || is_due) {
            return None;
        }
        *written = Written { progress, at_ms: now_ms };
        Some(begins_step)
    }

    /// Returns what the parser calls with the pages that are done.
    pub(super) fn pages(&self) -> impl Fn(u32, Option<u32>) + Send + Sync + 'static {
        let parsed = self.parsed.clone();
        move |done, of| {
            let reached = parsing_progress(done, of);
            parsed.send_if_modified(|now| {
                let is_more = reached > *now;
                *now = reached.max(*now);
                is_more
            });
        }
    }

    /// Waits for the parser while it tells how far it is. Dropping its future ends the parser.
    ///
    /// # Errors
    /// Those of [`Self::reach`]; the parser's are in the answer.
    pub(super) async fn follow<T>(&self, parsing: impl Future<Output = T>) -> Result<T> {
        let mut parsed = self.parsed.subscribe();
        let mut look = tokio::time::interval(LOOK_EVERY);
        tokio::pin!(parsing);
        loop {
            tokio::select! {
                biased;
                answer = &mut parsing => return Ok(answer),
                _ = parsed.changed() => {}
                _ = look.tick() => {}
            }
            let reached = *parsed.borrow_and_update();
            self.reach(reached, "reading the document").await?;
        }
    }
}

/// 10 to 40: by pages, or nearer and nearer to the end when nobody knows how many there are.
fn parsing_progress(done: u32, of: Option<u32>) -> u8 {
    let share = match of {
        Some(of) => f64::from(done) / f64::from(of.max(1)),
        None => f64::from(done) / (f64::from(done) + 20.0),
    };
    let (begin, end) = PARSING;
    begin + (f64::from(end - begin) * share.min(1.0)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsing_goes_from_10_to_40_and_never_beyond() {
        assert_eq!(parsing_progress(0, Some(300)), 10);
        assert_eq!(parsing_progress(150, Some(300)), 25);
        assert_eq!(parsing_progress(300, Some(300)), 40);
        assert_eq!(parsing_progress(7, Some(0)), 40);
        assert_eq!(parsing_progress(20, None), 25);
        assert!(parsing_progress(u32::MAX, None) <= 40);
    }
}
