//! The Redis that others run: users, databases, TLS, and servers that hide some of their commands.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use faults::{RedisProcess, free_port};
use oxherd_queue::backend::redis::{RedisOptions, RedisStore};
use oxherd_queue::clock::SystemClock;
use oxherd_queue::error::Result;
use oxherd_queue::worker::{Handlers, Worker, WorkerOptions};
use oxherd_queue::{NewJob, Payload, QueueError, Store as _};

use crate::cell::play_in_turn;

async fn connect(options: RedisOptions) -> Result<Arc<RedisStore>> {
    RedisStore::connect(options, Arc::new(SystemClock)).await
}

/// What is refused is refused soon.
fn impatient(url: impl Into<String>) -> RedisOptions {
    RedisOptions { patience: Duration::from_millis(1500), ..RedisOptions::new(url) }
}

async fn refused(options: RedisOptions) -> String {
    let error = connect(options).await.err().unwrap();
    assert!(matches!(error, QueueError::Unusable { .. }), "{error}");
    error.to_string()
}

/// Adds a job and runs it: the worker waits on a blocking read of its own.
async fn serves(options: RedisOptions) {
    let store = connect(options).await.unwrap();
    let queue = store.queue("mail").await.unwrap();
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let handlers = Handlers::new().with_fn("send", move |text: String, _| {
        let tell = tell.clone();
        async move {
            let _ = tell.send(text).await;
            Ok(())
        }
    });
    let worker = Worker::new(Arc::clone(&queue), WorkerOptions::default()).unwrap();
    let worker = tokio::spawn(worker.run(handlers, std::future::pending()));
    // Long enough for the worker to be parked when the job comes.
    tokio::time::sleep(Duration::from_millis(300)).await;
    queue.add(vec![NewJob::new("send", Payload::encode(&"x").unwrap())]).await.unwrap();
    let ran = tokio::time::timeout(Duration::from_secs(20), told.recv()).await.unwrap();
    assert_eq!(ran.as_deref(), Some("x"));
    assert!(store.status().get(&[]).await.unwrap().is_empty());
    worker.abort();
    store.close().await;
}

#[test]
fn a_user_of_the_access_list_with_any_password_and_a_database_of_its_own() {
    play_in_turn([async {
        let password = "p@ss:w/o%rd #1é";
        let server = RedisProcess::start(&[
            "--user",
            "app:1",
            "on",
            &format!(">{password}"),
            "~{mine}*",
            "+@all",
            "-@dangerous",
            "+info",
        ])
        .await;
        let encoded = "p%40ss%3Aw%2Fo%25rd%20%231%C3%A9";
        let url =
            |password: &str| format!("redis://app%3A1:{password}@127.0.0.1:{}/5", server.port());
        let own = |url: String| RedisOptions { prefix: "{mine}".to_owned(), ..impatient(url) };
        serves(own(url(encoded))).await;
        assert!(server.ask("-n 5 KEYS *").await.contains("{mine}:mail:meta"));
        assert_eq!(server.ask("-n 0 DBSIZE").await, "0");

        let told = refused(own(url("wrong-secret"))).await;
        assert!(told.contains("WRONGPASS") && !told.contains("wrong-secret"), "{told}");
        let told = refused(own(url(encoded).replace("/5", "/99"))).await;
        assert!(told.contains("no database 99"), "{told}");
        let foreign = connect(impatient(url(encoded))).await.unwrap().queue("mail").await;
        let told = foreign.err().unwrap().to_string();
        assert!(told.contains("NOPERM") && told.contains("ACL"), "{told}");
        Ok("user, password, database".to_owned())
    }]);
}

#[test]
fn a_server_that_hides_commands_serves_with_what_is_left() {
    let hidden: [&[&str]; 3] = [
        &["--rename-command", "CONFIG", "", "--rename-command", "CLIENT", ""],
        &["--user", "default", "on", "nopass", "~*", "+@all", "-config", "-client|list"],
        &["--user", "default", "on", "nopass", "~*", "+@all", "-@dangerous", "-@admin", "-client"],
    ];
    play_in_turn(hidden.map(|settings| async move {
        let server = RedisProcess::start(settings).await;
        serves(impatient(server.url())).await;
        Ok(format!("serves with {settings:?}"))
    }));
}

#[test]
fn a_server_that_would_lose_jobs_or_is_a_replica_is_refused_with_the_fix() {
    play_in_turn([async {
        let evicts = RedisProcess::start(&["--maxmemory-policy", "allkeys-lru"]).await;
        let told = refused(impatient(evicts.url())).await;
        assert!(told.contains("maxmemory-policy is allkeys-lru"), "{told}");
        assert!(told.contains("CONFIG SET maxmemory-policy noeviction"), "{told}");

        let primary = evicts.port().to_string();
        let replica = RedisProcess::start(&["--replicaof", "127.0.0.1", &primary]).await;
        let told = refused(impatient(replica.url())).await;
        assert!(told.contains(&format!("a replica of 127.0.0.1:{primary}")), "{told}");
        Ok("refused: eviction, replica".to_owned())
    }]);
}

/// An authority, and what it has signed for this machine.
struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    /// Makes them with the program `openssl`; nothing where it is not installed.
    fn make() -> Option<Self> {
        Command::new("openssl").arg("version").output().ok()?;
        let folder = tempfile::tempdir().unwrap();
        let own = Self { folder };
        std::fs::write(own.path("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost").unwrap();
        for arguments in [
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
            "req -newkey rsa:2048 -nodes -subj /CN=redis -keyout redis.key -out redis.csr",
            "x509 -req -in redis.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile names -out redis.pem",
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout no.key -out other.pem",
        ] {
            let mut openssl = Command::new("openssl");
            openssl.args(arguments.split_whitespace()).current_dir(own.folder.path());
            let told = openssl.output().unwrap();
            assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        }
        Some(own)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Tells whether a process whose system trusts these authorities alone reaches the server.
    fn are_reached_by(&self, authorities: &str) -> bool {
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", "--ignored", "deployments::the_server_of_the_file_is_reached"]);
        test.env("SSL_CERT_FILE", self.path(authorities)).env_remove("SSL_CERT_DIR");
        let told = test.current_dir(self.folder.path()).output().unwrap();
        let text = String::from_utf8_lossy(&told.stdout);
        assert!(text.contains("running 1 test"), "{text}");
        told.status.success()
    }

    /// Starts a server that speaks TLS on the port that is returned.
    async fn server(&self) -> (RedisProcess, u16) {
        let port = free_port();
        let [certificate, key, ca] = ["redis.pem", "redis.key", "ca.pem"]
            .map(|name| self.path(name).to_str().unwrap().to_owned());
        let server = RedisProcess::start(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            "no",
            "--requirepass",
            "secret",
        ])
        .await;
        (server, port)
    }
}

/// The file in which the last test finds the server that it is to reach by the system's authorities.
const REACH: &str = "server-to-reach";

#[test]
fn tls_is_trusted_by_a_given_authority_or_by_the_system_and_by_no_other() {
    let Some(certificates) = Certificates::make() else {
        println!("SKIPPED: this test needs the program openssl, not installed here");
        return;
    };
    play_in_turn([async move {
        let (_server, port) = certificates.server().await;
        let by = |url: String, ca: &str| RedisOptions {
            ca_file: Some(certificates.path(ca)),
            ..impatient(url)
        };
        for host in ["127.0.0.1", "localhost"] {
            serves(by(format!("rediss://:secret@{host}:{port}"), "ca.pem")).await;
        }

        let told = refused(by(format!("rediss://:secret@127.0.0.1:{port}"), "other.pem")).await;
        assert!(told.contains("not trusted") && told.contains("redis.ca_file"), "{told}");
        let told = refused(by(format!("rediss://:secret@127.0.0.2:{port}"), "ca.pem")).await;
        assert!(told.contains("127.0.0.2"), "{told}");
        let told = refused(by("rediss://127.0.0.1:1".to_owned(), "missing.pem")).await;
        assert!(told.contains("missing.pem"), "{told}");

        let url = format!("rediss://:secret@localhost:{port}");
        std::fs::write(certificates.path(REACH), url).unwrap();
        assert!(certificates.are_reached_by("ca.pem"), "trusted by the system");
        assert!(!certificates.are_reached_by("other.pem"), "unknown to the system");
        Ok("TLS".to_owned())
    }]);
}

#[test]
#[ignore = "played by the test above, in an environment of its own"]
fn the_server_of_the_file_is_reached() {
    let Ok(url) = std::fs::read_to_string(REACH) else { return };
    play_in_turn([async move {
        connect(impatient(url)).await.map_err(|error| error.to_string())?;
        Ok("reached".to_owned())
    }]);
}
