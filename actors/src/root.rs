//! The root of the tree: wiring, start, and the way down.
//!
//! ```text
//! Root                one for one, 3 in 60 s; over it: hand jobs back, exit 70
//! ├─ Intake           commits accepted requests
//! ├─ StatusCache      saves job records, follows events
//! ├─ Edge             owns the listeners
//! ├─ Reconciler       relays accepted runs, compares rows and jobs
//! ├─ Janitor          removes what nobody refers to
//! └─ QueueSupervisor  one per queue
//! ```

mod wiring;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use oxherd_queue::worker::Handlers;
use oxherd_queue::{Backend, Store};
use oxherd_study::accept::jobs::{MATERIAL_JOB, MATERIAL_QUEUE, PLAN_JOB, PLAN_QUEUE};
use tokio::sync::Notify;

use self::wiring::Wiring;
use crate::effects::EffectsHub;
use crate::engine::{Running, open_queues};
use crate::faults::Panics;
use crate::parts::{Exit, Handles, QueueSpec, StartError, TreeOptions, TreeParts};
use crate::processors::{EffectsObserver, MaterialProcessor, PlanProcessor, ProcessorParts};
use crate::pulse::Pulse;
use crate::queue_supervisor::context::{AloneGate, Process, QueueContext};
use crate::records::{Records, RecordsParts};
use crate::reports::Reports;

/// How long the last records may take to be saved at the end.
const LAST_SAVE: Duration = Duration::from_secs(2);

/// A running tree.
pub struct Tree {
    /// What the rest of the program holds of it.
    pub handles: Handles,
    root: Running,
    queues: Vec<Arc<QueueContext>>,
    records: Records,
    grace: Duration,
}

impl Tree {
    /// Completes when the tree has ended: after [`crate::handles::Drain::begin`], or when its root
    /// gave up. Jobs have ended or were handed back by then.
    pub async fn wait(mut self) -> Exit {
        let exit = self.root.wait(&self.handles.drain, &self.queues, self.grace).await;
        if tokio::time::timeout(LAST_SAVE, self.records.save()).await.is_err() {
            tracing::warn!("the last job records were not saved; they are read from the stores");
        }
        exit
    }
}

/// Starts the tree.
///
/// # Errors
/// When a queue cannot be opened, or the options of a worker contradict each other; everything
/// else is the business of supervisors.
pub async fn start(parts: TreeParts) -> Result<Tree, StartError> {
    start_with(parts, study_queues).await
}

/// Starts the tree with other handlers for its queues.
pub(crate) async fn start_with(
    parts: TreeParts,
    queues: impl FnOnce(&TreeOptions, ProcessorParts) -> Vec<QueueSpec>,
) -> Result<Tree, StartError> {
    let TreeParts { store, ports, options, clock, edge } = parts;
    let backends = open_backends(&*store).await?;
    let records = Records::new(RecordsParts {
        store: store.status(),
        queues: backends.clone(),
        ports: ports.clone(),
        clock: Arc::clone(&clock),
        records_max: options.records_max,
    });
    let outbox = Arc::new(Notify::new());
    let effects: Arc<dyn EffectsObserver> = Arc::new(EffectsHub {
        records: records.clone(),
        relay: Arc::clone(&outbox),
        clock: Arc::clone(&clock),
    });
    let reports = Arc::new(Reports { records: records.clone(), outbox: Arc::clone(&outbox) });
    let process = Process {
        clock: Arc::clone(&clock),
        reports: Arc::clone(&reports) as Arc<_>,
        observer: reports,
        gate: Arc::new(AloneGate::default()),
        pulse: Arc::new(Pulse::default()),
    };
    let processors = ProcessorParts { ports: ports.clone(), effects: Arc::clone(&effects) };
    let mut specs = queues(&options, processors);
    let panics = Panics::default();
    if options.faults {
        specs = specs.into_iter().map(|spec| spec.with_panics(&panics)).collect();
    }
    let queues = open_queues(&*store, specs, &process).await?;
    let wiring = Wiring {
        store,
        ports,
        options,
        backends,
        records,
        outbox,
        effects,
        process,
        queues,
        panics,
    };
    wiring.start(edge).await
}

/// The product's queues.
fn study_queues(options: &TreeOptions, parts: ProcessorParts) -> Vec<QueueSpec> {
    let material = Arc::new(MaterialProcessor::new(parts.clone()));
    let plan = Arc::new(PlanProcessor::new(parts));
    vec![
        QueueSpec {
            name: PLAN_QUEUE.to_owned(),
            slot_kind: "PlanGeneration",
            worker: options.plan_generation.clone(),
            handlers: Handlers::new().with(PLAN_JOB, plan),
        },
        QueueSpec {
            name: MATERIAL_QUEUE.to_owned(),
            slot_kind: "MaterialProcessing",
            worker: options.material_processing.clone(),
            handlers: Handlers::new().with(MATERIAL_JOB, material),
        },
    ]
}

async fn open_backends(store: &dyn Store) -> Result<HashMap<String, Arc<dyn Backend>>, StartError> {
    let mut backends = HashMap::new();
    for queue in [PLAN_QUEUE, MATERIAL_QUEUE] {
        let cannot = |cause| StartError::Queue { queue: queue.to_owned(), cause };
        backends.insert(queue.to_owned(), store.queue(queue).await.map_err(cannot)?);
    }
    Ok(backends)
}

#[cfg(test)]
mod tests;
