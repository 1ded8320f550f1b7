//! The children of the root, and the handles on them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use oxherd_queue::worker::Stop;
use oxherd_queue::{Backend, Store};
use oxherd_study::ports::Ports;
use tokio::sync::{Mutex, Notify, mpsc};

use super::Tree;
use crate::commit::{Committer, Pressure};
use crate::control::Control;
use crate::engine::Running;
use crate::faults::{Faults, Panics};
use crate::handles::{Drain, Intake, IntakeRequest};
use crate::health::{HealthView, Upkeep};
use crate::mailbox::Mailbox;
use crate::parts::{EdgeFactory, EdgeSpec, Handles, StartError, TreeOptions};
use crate::processors::EffectsObserver;
use crate::queue_supervisor::context::{Process, QueueContext};
use crate::records::Records;
use crate::supervisor::ChildSpec;
use crate::tree::live::Branch;
use crate::{
    edge, intake, janitor, queue_supervisor, reconcile, reconciler, relay, status_cache, sweep,
};

/// What the children of the root are made of.
pub(super) struct Wiring {
    pub(super) store: Arc<dyn Store>,
    pub(super) ports: Ports,
    pub(super) options: TreeOptions,
    pub(super) backends: HashMap<String, Arc<dyn Backend>>,
    pub(super) records: Records,
    pub(super) outbox: Arc<Notify>,
    pub(super) effects: Arc<dyn EffectsObserver>,
    pub(super) process: Process,
    pub(super) queues: Vec<Arc<QueueContext>>,
    pub(super) panics: Panics,
}

impl Wiring {
    pub(super) async fn start(self, edge: EdgeFactory) -> Result<Tree, StartError> {
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
        let crash = move |path: &str| root.get().is_some_and(|root| root.crash_at(path));
        Faults::allowed(Arc::new(crash), self.panics.clone())
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
