//! Cuts a sequence that ends in a difference down to the steps that are needed for one.
//!
//! Leaves steps out, ever smaller stretches of them, as long as a difference is left. A step that
//! has lost its meaning with others, such as the end of a run that never began, is not taken.

use std::time::{Duration, Instant};

use super::Trio;
use super::step::Step;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns fewer steps that end in a difference, and that difference.
pub(super) async fn shrink(
    url: &str,
    mut steps: Vec<Step>,
    mut difference: String,
) -> (Vec<Step>, String) {
    let begun = Instant::now();
    let mut stretch = steps.len().div_ceil(2);
    while stretch > 0 && begun.elapsed() < PATIENCE {
        let mut end = steps.len();
        let mut shorter = false;
        while end > 0 && begun.elapsed() < PATIENCE {
            let start = end.saturating_sub(stretch);
            let mut fewer = steps[..start].to_vec();
            fewer.extend_from_slice(&steps[end..]);
            if let Err(found) = Trio::start(url).await.replay(&fewer).await {
                (steps, difference) = (fewer, found);
                shorter = true;
            }
            end = start;
        }
        if !(shorter && stretch == 1) {
            stretch /= 2;
        }
    }
    (steps, difference)
}
