//! The composition root: opens the stores, wires the ports, starts the tree, and takes it down.
//!
//! ```text
//! bind sockets -> catalog, queues (same installation?) -> ports -> tree -> edge serves
//! signal -> drain -> streams end, jobs finish or go back -> tree ends -> stores close
//! ```

mod key;
pub(crate) mod samples;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use oxherd_actors::handles::Drain;
use oxherd_actors::parts::{EdgeSpec, Exit, Handles, Listener, TreeOptions, TreeParts};
use oxherd_adapters::catalog::SqlCatalog;
use oxherd_adapters::embedder::HashedEmbedder;
use oxherd_adapters::index::TantivyIndex;
use oxherd_adapters::objects::LocalObjects;
use oxherd_adapters::parser::{ChildParser, ParserOptions};
use oxherd_api::signing::Signer;
use oxherd_api::{Api, ApiParts, ApiSettings};
use oxherd_queue::Store;
use oxherd_queue::backend::embedded::EmbeddedStore;
use oxherd_queue::backend::redis::RedisStore;
use oxherd_queue::clock::SystemClock;
use oxherd_queue::worker::WorkerOptions;
use oxherd_study::author::local::LocalAuthor;
use oxherd_study::ports::{Acceptance as _, Ports, SystemCalendar};
use tokio::net::TcpSocket;

use crate::config::{AuthMode, Config};

/// The service, started.
pub(crate) struct App {
    tree: oxherd_actors::Tree,
    store: Arc<dyn Store>,
    /// What the use cases need.
    pub(crate) ports: Ports,
    /// Takes the service down.
    pub(crate) drain: Drain,
    /// Where the study page is.
    pub(crate) public: SocketAddr,
    /// Where operators look.
    pub(crate) admin: SocketAddr,
    /// How documents are confined, in one line.
    pub(crate) sandbox: String,
}

impl App {
    /// Starts everything.
    ///
    /// # Errors
    /// With the fix: an address in use, a store of another installation, a folder that cannot be
    /// written, a Redis that loses jobs.
    pub(crate) async fn start(config: &Config, metrics: PrometheusHandle) -> anyhow::Result<Self> {
        let public = bind("http.listen", config.http.listen)?;
        let admin = bind("admin.listen", config.admin.listen)?;
        let (public_at, admin_at) = (public.local_addr()?, admin.local_addr()?);
        let catalog = SqlCatalog::open(&config.data_dir).await?;
        let store = open_store(config).await?;
        same_installation(&catalog.installation().await?, store.as_ref()).await?;
        let parser = Arc::new(ChildParser::new(parser_options(config)?));
        let sandbox = parser.sandbox_state().await.unwrap_or_else(|error| error.to_string());
        let ports = Ports {
            catalog,
            objects: LocalObjects::open(&config.data_dir).await?,
            parser,
            embedder: Arc::new(HashedEmbedder),
            index: Arc::new(TantivyIndex::default()),
            author: Arc::new(LocalAuthor),
            calendar: Arc::new(SystemCalendar),
            bundles: Arc::default(),
        };
        let signer = Signer::new(key::signing_key(config)?);
        let edge = Edge {
            config: config.clone(),
            ports: ports.clone(),
            store: store.clone(),
            signer,
            metrics,
            public,
            admin,
        };
        let parts = TreeParts {
            store: store.clone(),
            ports: ports.clone(),
            options: tree_options(config),
            clock: Arc::new(SystemClock),
            edge: Box::new(move |handles| edge.spec(handles)),
        };
        let tree = oxherd_actors::start(parts).await?;
        let drain = tree.handles.drain.clone();
        Ok(Self { tree, store, ports, drain, public: public_at, admin: admin_at, sandbox })
    }

    /// What the tree offers to the rest of the program.
    pub(crate) fn handles(&self) -> &Handles {
        &self.tree.handles
    }

    /// Runs until the tree has ended, then closes the stores.
    pub(crate) async fn run(self) -> Exit {
        let exit = self.tree.wait().await;
        self.store.close().await;
        exit
    }
}

/// How many connections may wait to be accepted; Linux cuts it to `net.core.somaxconn`. With fewer a
/// burst of clients is dropped by the kernel, unseen by this program.
const BACKLOG: u32 = 4096;

fn bind(setting: &str, listen: SocketAddr) -> anyhow::Result<TcpListener> {
    let open = || -> std::io::Result<TcpListener> {
        let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(listen)?;
        socket.listen(BACKLOG)?.into_std()
    };
    open().with_context(|| {
        format!(
            "cannot listen on {listen} ({setting}); is another service there? choose another port"
        )
    })
}

async fn open_store(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let clock = Arc::new(SystemClock);
    if config.redis.url.is_empty() {
        let folder = config.data_dir.join("queue");
        let open = move || EmbeddedStore::open(&folder, clock);
        return Ok(tokio::task::spawn_blocking(open).await??);
    }
    Ok(RedisStore::connect(config.redis.options(), clock).await?)
}

/// Refuses a catalog and a queue that do not belong together: jobs would find no entities.
async fn same_installation(catalog: &str, store: &dyn Store) -> anyhow::Result<()> {
    let queue = store.installation(catalog).await?;
    if queue != catalog {
        bail!(
            "the catalog in the data folder belongs to installation {catalog}, the queues to \
             {queue}; use the data folder that belongs to these queues, or another redis.prefix"
        );
    }
    Ok(())
}

fn parser_options(config: &Config) -> anyhow::Result<ParserOptions> {
    let usual = ParserOptions::this_program().context("cannot find this program's own file")?;
    Ok(ParserOptions {
        wall_max: Duration::from_secs(config.parser.seconds),
        memory: config.parser.memory_mib << 20,
        ..usual
    })
}

fn tree_options(config: &Config) -> TreeOptions {
    let worker = WorkerOptions {
        lock: Duration::from_secs(config.worker.lock_seconds),
        renew_every: Duration::from_secs(config.worker.renew_seconds),
        stalled_every: Duration::from_secs(config.worker.stalled_seconds),
        stalled_max: config.worker.stalled_max,
        job_deadline: Duration::from_secs(config.worker.deadline_seconds),
        expires_after: Duration::from_secs(config.worker.expires_hours * 3600),
        grace: Duration::from_secs(config.shutdown.grace_seconds),
        ..WorkerOptions::default()
    };
    let plans = worker.clone().with_concurrency(config.worker.plan_concurrency);
    TreeOptions {
        material_processing: worker.with_concurrency(config.material_concurrency()),
        plan_generation: plans,
        grace: Duration::from_secs(config.shutdown.grace_seconds),
        in_queue_max: config.limits.jobs_in_queue_per_user,
        faults: config.testing.faults,
        ..TreeOptions::default()
    }
}

/// What the edge is made of, until the handles exist.
struct Edge {
    config: Config,
    ports: Ports,
    store: Arc<dyn Store>,
    signer: Signer,
    metrics: PrometheusHandle,
    public: TcpListener,
    admin: TcpListener,
}

impl Edge {
    fn spec(self, handles: &Handles) -> EdgeSpec {
        let metrics = self.metrics;
        let api = Api::new(ApiParts {
            intake: handles.intake.clone(),
            status: handles.status.clone(),
            cancel: handles.cancel.clone(),
            tree: handles.tree.clone(),
            faults: handles.faults.clone(),
            drain: handles.drain.clone(),
            ports: self.ports,
            store: self.store,
            signer: self.signer,
            metrics: Arc::new(move || metrics.render()),
            settings: ApiSettings {
                cors_origins: self.config.http.cors_origins,
                tokenless: self.config.auth.mode == AuthMode::None,
                samples: samples::ALL.to_vec(),
                ..ApiSettings::default()
            },
        });
        let routers = [
            ("public", oxherd_api::public_router(&api)),
            ("admin", oxherd_api::admin_router(&api)),
        ];
        let listeners = [("public", self.public), ("admin", self.admin)]
            .map(|(name, socket)| Listener { name: name.to_owned(), socket });
        EdgeSpec {
            listeners: listeners.into(),
            serve: Arc::new(move |name, socket, drain| {
                let router = router_of(&routers, &name);
                Box::pin(oxherd_api::serve::serve(socket, router, drain))
            }),
        }
    }
}

fn router_of(routers: &[(&str, Router)], name: &str) -> Router {
    let found = routers.iter().find(|(known, _)| *known == name);
    found.map_or_else(Router::new, |(_, router)| router.clone())
}
