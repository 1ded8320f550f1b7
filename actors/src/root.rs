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

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use oxherd_queue::worker::Handlers;
use oxherd_queue::worker::Stop;
use oxherd_queue::{Backend, Store};
use oxherd_study::accept::jobs::{MATERIAL_JOB, MATERIAL_QUEUE, PLAN_JOB, PLAN_QUEUE};
use tokio::sync::{Mutex, Notify, mpsc};

use crate::commit::{Committer, Pressure};
use crate::control::Control;
use crate::effects::EffectsHub;
use crate::engine::{Running, open_queues};
use crate::handles::{Drain, Faults, Intake, IntakeRequest};
use crate::health::{HealthView, Upkeep};
use crate::mailbox::Mailbox;
use crate::parts::{EdgeSpec, Exit, Handles, QueueSpec, StartError, TreeOptions, TreeParts};
use crate::processors::{EffectsObserver, MaterialProcessor, PlanProcessor, ProcessorParts};
use crate::pulse::Pulse;
use crate::queue_supervisor::context::{AloneGate, Process, QueueContext};
use crate::records::{Records, RecordsParts};
use crate::reports::Reports;
use crate::supervisor::ChildSpec;
use crate::tree::live::Branch;
use crate::{
    edge, intake, janitor, queue_supervisor, reconcile, reconciler, relay, status_cache, sweep,
};

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
    let queues = open_queues(&*store, queues(&options, processors), &process).await?;
    let wiring =
        Wiring { store, ports, options, backends, records, outbox, effects, process, queues };
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

/// What the children of the root are made of.
struct Wiring {
    store: Arc<dyn Store>,
    ports: oxherd_study::ports::Ports,
    options: TreeOptions,
    backends: HashMap<String, Arc<dyn Backend>>,
    records: Records,
    outbox: Arc<Notify>,
    effects: Arc<dyn EffectsObserver>,
    process: Process,
    queues: Vec<Arc<QueueContext>>,
}

impl Wiring {
    async fn start(self, edge: crate::parts::EdgeFactory) -> Result<Tree, StartError> {
        let root = Arc::new(OnceLock::<Arc<Branch>>::new());
        let (upkeep, drain) = (Arc::new(Upkeep::default()), Drain::default());
        let (intake, requests) = Intake::channel();
        let handles = Handles {
            intake,
            status: Arc::new(self.records.clone()),
            cancel: Arc::new(self.control()),
            tree: Arc::new(HealthView {
                root: Arc::clone(&root),
                queues: self.queues.clone(),
                pulse: Arc::clone(&self.process.pulse),
                upkeep: Arc::clone(&upkeep),
                drain: drain.clone(),
            }),
            faults: self.faults(&root),
            drain,
        };
        let edge = edge(&handles);
        let ended_elsewhere = Arc::new(Notify::new());
        let mut children = vec![
            self.intake(requests),
            self.status_cache(&ended_elsewhere),
            self.edge(edge, &handles.drain),
            self.reconciler(ended_elsewhere, upkeep),
            self.janitor(),
        ];
        children.extend(self.queues.iter().map(|q| queue_supervisor::spec(q).into_child()));
        let running = Running::start(children, &self.process.clock, &root).await?;
        let Self { queues, records, options, .. } = self;
        Ok(Tree { handles, root: running, queues, records, grace: options.grace })
    }

    fn faults(&self, root: &Arc<OnceLock<Arc<Branch>>>) -> Faults {
        if !self.options.faults {
            return Faults::default();
        }
        let root = Arc::clone(root);
        Faults::allowed(Arc::new(move |path| root.get().is_some_and(|root| root.crash_at(path))))
    }

    fn control(&self) -> Control {
        let (queues, clock) = (self.queues.clone(), Arc::clone(&self.process.clock));
        let stop = move |job: &_| queues.iter().any(|queue| queue.locks.stop(job, Stop::Cancelled));
        Control {
            catalog: Arc::clone(&self.ports.catalog),
            queues: self.backends.clone(),
            records: self.records.clone(),
            effects: Arc::clone(&self.effects),
            now_ms: Arc::new(move || clock.now_ms()),
            stop_here: Arc::new(stop),
        }
    }

    fn branch<M: Send + 'static>(&self, kind: &'static str, mailbox: &Arc<Mailbox<M>>) -> Branch {
        Branch::new(kind, kind, &self.process.clock, mailbox)
    }

    fn intake(&self, requests: mpsc::Receiver<IntakeRequest>) -> ChildSpec {
        let (options, pulse) = (&self.options, Arc::clone(&self.process.pulse));
        let answers = move || pulse.away_for().is_none_or(|away| away < intake::SILENT_MAX);
        let committer = Committer {
            catalog: Arc::clone(&self.ports.catalog),
            records: self.records.clone(),
            relay: Arc::clone(&self.outbox),
            pressure: Pressure {
                rows_max: options.outbox_rows_max,
                age_max: options.outbox_age_max,
                in_queue_max: options.in_queue_max,
            },
            queues_answer: Arc::new(answers),
        };
        let args = intake::Args {
            mailbox: Mailbox::new(),
            requests: Arc::new(Mutex::new(requests)),
            committer: Arc::new(committer),
            store: Arc::clone(&self.store),
            pulse: Arc::clone(&self.process.pulse),
            clock: Arc::clone(&self.process.clock),
        };
        let branch = self.branch("Intake", &args.mailbox);
        ChildSpec::permanent(Arc::new(branch), move || (intake::Intake, args.clone()))
    }

    fn status_cache(&self, ended_elsewhere: &Arc<Notify>) -> ChildSpec {
        let args = status_cache::Args {
            mailbox: Mailbox::new(),
            records: self.records.clone(),
            tails: self.queues.iter().map(status_cache::Tail::of).collect(),
            ended_elsewhere: Arc::clone(ended_elsewhere),
        };
        let records = self.records.clone();
        let branch = self.branch("StatusCache", &args.mailbox).with_details(Box::new(move || {
            serde_json::Map::from_iter([("records".to_owned(), records.count().into())])
        }));
        ChildSpec::permanent(Arc::new(branch), move || (status_cache::StatusCache, args.clone()))
    }

    fn edge(&self, spec: EdgeSpec, drain: &Drain) -> ChildSpec {
        let args =
            edge::Args { mailbox: Mailbox::new(), spec: Arc::new(spec), drain: drain.clone() };
        let branch = self.branch("Edge", &args.mailbox);
        ChildSpec::permanent(Arc::new(branch), move || (edge::Edge, args.clone()))
    }

    fn reconciler(&self, ended_elsewhere: Arc<Notify>, upkeep: Arc<Upkeep>) -> ChildSpec {
        let relay = relay::Relay {
            catalog: Arc::clone(&self.ports.catalog),
            queues: self.backends.clone(),
            records: self.records.clone(),
            in_queue_max: self.options.in_queue_max,
        };
        let comparison = reconcile::Reconciler {
            catalog: Arc::clone(&self.ports.catalog),
            queues: self.backends.clone(),
            records: self.records.clone(),
            effects: Arc::clone(&self.effects),
        };
        let args = reconciler::Args {
            mailbox: Mailbox::new(),
            relay: Arc::new(relay),
            comparison: Arc::new(comparison),
            outbox: Arc::clone(&self.outbox),
            ended_elsewhere,
            every: self.options.reconcile_every,
            clock: Arc::clone(&self.process.clock),
            upkeep,
        };
        let branch = self.branch("Reconciler", &args.mailbox);
        ChildSpec::permanent(Arc::new(branch), move || (reconciler::Reconciler, args.clone()))
    }

    fn janitor(&self) -> ChildSpec {
        let sweep = sweep::Janitor {
            catalog: Arc::clone(&self.ports.catalog),
            objects: Arc::clone(&self.ports.objects),
            store: Arc::clone(&self.store),
        };
        let args = janitor::Args {
            mailbox: Mailbox::new(),
            sweep: Arc::new(sweep),
            every: self.options.janitor_every,
            clock: Arc::clone(&self.process.clock),
        };
        let branch = self.branch("Janitor", &args.mailbox);
        ChildSpec::permanent(Arc::new(branch), move || (janitor::Janitor, args.clone()))
    }
}
