//! The living jobs of a queue, and their consistent image while they go on changing.
//!
//! A checkpoint is the state after one journal row, but takes many steps to write. So a job that
//! changes before its turn leaves an image of how it was first (copy on write). Never knows where
//! the jobs stand.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Index;

use crate::job::Payload;

use super::encoding::Encode as _;
use super::job_body::LiveJob;

/// The place of a job in [`Slots`], as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(u32);

/// An input that has no row yet.
#[derive(Debug, Clone)]
pub(super) struct NewPayload {
    pub(super) slot: Slot,
    pub(super) serial: u64,
    pub(super) data: Payload,
}

/// The living jobs.
#[derive(Debug, Default)]
pub(super) struct Slots {
    jobs: Vec<Option<LiveJob>>,
    /// The lowest are taken first, so that a backlog that is gone leaves its room at the end.
    free: BinaryHeap<Reverse<Slot>>,
    /// Raised by each checkpoint; a job with this epoch is captured, or younger than it.
    epoch: u32,
    capture: Option<Capture>,
    payloads: Vec<NewPayload>,
    /// The size of the inputs that are in memory and in the payload table.
    cached_bytes: usize,
}

#[derive(Debug)]
struct Capture {
    next: usize,
    end: usize,
    images: Vec<u8>,
}

impl Slots {
    pub(super) fn insert(&mut self, job: LiveJob) -> Slot {
        let job = Some(LiveJob { epoch: self.epoch, ..job });
        if let Some(Reverse(slot)) = self.free.pop() {
            self.jobs[slot.0 as usize] = job;
            return slot;
        }
        self.jobs.push(job);
        Slot(u32::try_from(self.jobs.len() - 1).unwrap_or(u32::MAX))
    }

    /// Gives a job out to be changed.
    pub(super) fn change(&mut self, slot: Slot) -> &mut LiveJob {
        self.capture_early(slot);
        self.jobs[slot.0 as usize].as_mut().expect(LIVES)
    }

    /// Gives a job another input, whose row will have the serial; returns the serial of the old
    /// input if that has a row.
    pub(super) fn replace_data(&mut self, slot: Slot, serial: u64, data: Payload) -> Option<u64> {
        self.capture_early(slot);
        let job = self.jobs[slot.0 as usize].as_mut().expect(LIVES);
        self.cached_bytes -= cached_bytes(job);
        let body = &mut job.body;
        let old_row = body.data_stored.then_some(body.serial);
        body.serial = serial;
        body.data = Some(data);
        body.data_stored = false;
        old_row
    }

    pub(super) fn remove(&mut self, slot: Slot) -> LiveJob {
        self.capture_early(slot);
        self.free.push(Reverse(slot));
        let job = self.jobs[slot.0 as usize].take().expect(LIVES);
        self.cached_bytes -= cached_bytes(&job);
        job
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &LiveJob)> {
        (0_u32..).zip(&self.jobs).filter_map(|(slot, job)| Some((Slot(slot), job.as_ref()?)))
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.jobs.capacity()
    }

    /// Gives the room of a backlog that is gone back.
    pub(super) fn trim_memory(&mut self) {
        let last = self.jobs.iter().rposition(Option::is_some);
        let length = last.map_or(0, |last| last + 1);
        if length < self.jobs.capacity() / 8 {
            self.jobs.truncate(length);
            self.jobs.shrink_to(2 * length);
            self.free.retain(|Reverse(slot)| (slot.0 as usize) < length);
            self.free.shrink_to(2 * length);
        }
    }

    /// Freezes the image of all jobs as they are now.
    pub(super) fn begin_capture(&mut self) {
        self.epoch += 1;
        self.capture = Some(Capture { next: 0, end: self.jobs.len(), images: Vec::new() });
    }

    /// Returns the next part of the frozen image, of at least one and about `jobs_max` jobs;
    /// `None` when there is no more.
    pub(super) fn capture_part(&mut self, jobs_max: usize) -> Option<Vec<u8>> {
        let capture = self.capture.as_mut()?;
        let mut images = std::mem::take(&mut capture.images);
        let payloads = &mut self.payloads;
        let end = capture.end.min(capture.next + jobs_max);
        for at in capture.next..end {
            if let Some(job) = &mut self.jobs[at]
                && job.epoch != self.epoch
            {
                self.cached_bytes += capture_job(job, self.epoch, at, &mut images, payloads);
            }
        }
        capture.next = end;
        if end == capture.end && images.is_empty() {
            self.capture = None;
            return None;
        }
        Some(images)
    }

    /// Gives the frozen image up.
    pub(super) fn abandon_capture(&mut self) {
        self.capture = None;
    }

    /// Returns the inputs of captured jobs, to be written to the payload table.
    pub(super) fn take_payloads(&mut self) -> Vec<NewPayload> {
        std::mem::take(&mut self.payloads)
    }

    /// Takes inputs back that could not be written, for the next try.
    pub(super) fn return_payloads(&mut self, mut payloads: Vec<NewPayload>) {
        payloads.append(&mut self.payloads);
        self.payloads = payloads;
    }

    /// Takes note that an input has a row, and drops it from memory if it takes too much.
    ///
    /// What came first stays, being next in the line.
    pub(super) fn payload_written(&mut self, written: &NewPayload) {
        if self.cached_bytes > CACHE_BYTES
            && let Some(Some(job)) = self.jobs.get_mut(written.slot.0 as usize)
            && job.body.serial == written.serial
        {
            self.cached_bytes -= cached_bytes(job);
            job.body.data = None;
        }
    }

    fn capture_early(&mut self, slot: Slot) {
        let at = slot.0 as usize;
        if let Some(capture) = &mut self.capture
            && let Some(job) = &mut self.jobs[at]
            && job.epoch != self.epoch
        {
            let (images, payloads) = (&mut capture.images, &mut self.payloads);
            self.cached_bytes += capture_job(job, self.epoch, at, images, payloads);
        }
    }
}

const LIVES: &str = "a queue refers only to slots that hold a job";

/// The bytes of inputs per queue that stay in memory although they have rows.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

fn cached_bytes(job: &LiveJob) -> usize {
    let data = job.body.data.as_ref().filter(|_| job.body.data_stored);
    data.map_or(0, |data| data.as_str().len())
}

/// Writes the image of a job; returns the bytes of its input if that is to get a row.
fn capture_job(
    job: &mut LiveJob,
    epoch: u32,
    at: usize,
    images: &mut Vec<u8>,
    payloads: &mut Vec<NewPayload>,
) -> usize {
    job.epoch = epoch;
    job.encode(images);
    let Some(data) = job.body.data.clone().filter(|_| !job.body.data_stored) else { return 0 };
    let bytes = data.as_str().len();
    job.body.data_stored = true;
    let slot = Slot(u32::try_from(at).unwrap_or(u32::MAX));
    payloads.push(NewPayload { slot, serial: job.body.serial, data });
    bytes
}

impl Index<Slot> for Slots {
    type Output = LiveJob;

    fn index(&self, slot: Slot) -> &LiveJob {
        self.jobs[slot.0 as usize].as_ref().expect(LIVES)
    }
}
