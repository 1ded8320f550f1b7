//! Takes back what dead workers held.

use crate::backend::Backend;
use crate::error::Result;
use crate::job::JobId;
use crate::worker::WorkerOptions;

/// Sweeps once; returns the jobs that wait again.
///
/// # Errors
/// When the store does not answer; the next sweep finds the same jobs.
pub async fn sweep(backend: &dyn Backend, options: &WorkerOptions) -> Result<Vec<JobId>> {
    // A little less than the pause, so that the own last sweep never makes this one idle.
    let interval = options.stalled_every.mul_f64(0.9);
    let recovered = backend.sweep_stalled(interval, options.stalled_max).await?;
    for id in &recovered {
        tracing::warn!(job.id = %id, "job {id} was taken back from a worker that died");
    }
    Ok(recovered)
}
