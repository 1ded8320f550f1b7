//! Decides when jobs of a name panic so often that they are better not started for a while.
//!
//! A panic costs its job an attempt; a broken handler must not burn the attempts of every job that
//! waits. While a name is paused its jobs are put off without using an attempt. A job that panics
//! at each of its attempts counts once: a few bad jobs are not a broken handler.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use oxherd_queue::JobId;
use tokio::time::Instant;

/// The jobs of a name that are looked at.
const JOBS: usize = 20;
/// The jobs whose panics are remembered as counted.
const COUNTED_MAX: usize = 256;
/// The first pause, doubled with each panic of the job that tries again.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Which job names are paused.
#[derive(Debug, Default)]
pub(crate) struct PanicBreaker {
    names: Mutex<HashMap<String, Record>>,
}

#[derive(Debug, Default)]
struct Record {
    /// Whether each of the last jobs panicked, oldest first.
    jobs: VecDeque<bool>,
    /// Jobs whose panic stands in `jobs`, or stood there.
    counted: VecDeque<JobId>,
    pause: Option<Pause>,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    length: Duration,
    until: Instant,
    /// Whether one job tries if the name works again.
    is_probing: bool,
}

impl PanicBreaker {
    /// Decides whether a job of this name may start now; if not, for how long it is put off.
    pub(crate) fn admit(&self, name: &str, now: Instant) -> Result<(), Duration> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pause) = names.get_mut(name).and_then(|record| record.pause.as_mut()) else {
            return Ok(());
        };
        if now < pause.until {
            return Err(pause.until - now);
        }
        if pause.is_probing {
            return Err(pause.length);
        }
        pause.is_probing = true;
        Ok(())
    }

    /// Notes how a run ended.
    pub(crate) fn record(&self, name: &str, job: &JobId, has_panicked: bool, now: Instant) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !has_panicked && !names.contains_key(name) {
            return;
        }
        let record = names.entry(name.to_owned()).or_default();
        if record.is_news(job, has_panicked) {
            record.note(name, has_panicked, now);
        }
        if record.pause.is_none() && !record.jobs.contains(&true) {
            names.remove(name);
        }
    }

    /// Returns the names that are paused, for the health document.
    pub(crate) fn paused(&self) -> Vec<String> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().filter(|(_, r)| r.pause.is_some()).map(|(name, _)| name.clone()).collect()
    }
}

impl Record {
    fn is_news(&mut self, job: &JobId, has_panicked: bool) -> bool {
        let is_probing = self.pause.is_some_and(|pause| pause.is_probing);
        if !has_panicked || is_probing {
            return true;
        }
        if self.counted.contains(job) {
            return false;
        }
        if self.counted.len() == COUNTED_MAX {
            self.counted.pop_front();
        }
        self.counted.push_back(job.clone());
        true
    }

    fn note(&mut self, name: &str, has_panicked: bool, now: Instant) {
        if let Some(pause) = &mut self.pause {
            if !pause.is_probing {
                // A run that had begun before the pause tells nothing new.
                return;
            }
            if has_panicked {
                let length = (pause.length * 2).min(PAUSE_MAX);
                *pause = Pause { length, until: now + length, is_probing: false };
                tracing::error!("jobs named {name} still panic: none is started for {length:?}");
                return;
            }
            tracing::info!("jobs named {name} are started again");
            self.pause = None;
            self.jobs.clear();
        }
        if self.jobs.len() == JOBS {
            self.jobs.pop_front();
        }
        self.jobs.push_back(has_panicked);
        let panics = self.jobs.iter().filter(|panicked| **panicked).count();
        if panics > JOBS / 2 {
            let until = now + PAUSE_FIRST;
            self.pause = Some(Pause { length: PAUSE_FIRST, until, is_probing: false });
            tracing::error!(
                "{panics} of the last {} jobs named {name} panicked: none is started for a while",
                self.jobs.len()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(number: u32) -> JobId {
        JobId::from_store(format!("job-{number}"))
    }

    fn broken(now: Instant) -> PanicBreaker {
        let breaker = PanicBreaker::default();
        for n in 0..11 {
            assert_eq!(breaker.admit("a", now), Ok(()));
            breaker.record("a", &job(n), true, now);
        }
        breaker
    }

    #[test]
    fn a_handler_that_panics_on_every_third_job_is_never_paused() {
        let (breaker, now) = (PanicBreaker::default(), Instant::now());
        for n in 0..1_000 {
            for _attempt in 0..3 {
                breaker.record("a", &job(n), n % 3 == 0, now);
            }
            assert_eq!(breaker.admit("a", now), Ok(()));
        }
    }

    #[test]
    fn more_than_half_of_twenty_pause_that_name_alone() {
        let now = Instant::now();
        let breaker = broken(now);
        assert_eq!(breaker.admit("a", now), Err(Duration::from_secs(1)));
        assert_eq!(breaker.admit("b", now), Ok(()));
        assert_eq!(breaker.paused(), ["a"]);
    }

    #[test]
    fn after_the_pause_one_job_tries_and_the_others_wait_for_it() {
        let now = Instant::now();
        let breaker = broken(now);
        let later = now + Duration::from_secs(1);
        assert_eq!(breaker.admit("a", later), Ok(()));
        assert_eq!(breaker.admit("a", later), Err(Duration::from_secs(1)));

        breaker.record("a", &job(99), false, later);
        assert_eq!(breaker.admit("a", later), Ok(()));
        assert!(breaker.paused().is_empty());
    }

    #[test]
    fn the_pause_doubles_up_to_a_minute_while_the_trying_job_panics() {
        let mut now = Instant::now();
        let breaker = broken(now);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(breaker.admit("a", now), Err(Duration::from_secs(seconds)));
            now += Duration::from_secs(seconds);
            assert_eq!(breaker.admit("a", now), Ok(()));
            breaker.record("a", &job(0), true, now);
        }
    }

    #[test]
    fn runs_that_began_before_the_pause_do_not_lengthen_it() {
        let now = Instant::now();
        let breaker = broken(now);
        breaker.record("a", &job(99), true, now);
        assert_eq!(breaker.admit("a", now), Err(Duration::from_secs(1)));
    }
}
