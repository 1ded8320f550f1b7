//! One real Redis server for all cases of this process, on a free port.
//!
//! It dies with this process, however that ends: a shell holds it and waits for our end of a pipe.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

struct Server {
    url: String,
    _shell: Child,
    _folder: tempfile::TempDir,
}

static SERVER: OnceLock<Option<Server>> = OnceLock::new();

/// Returns the address of the server, starting it for the first caller; nothing when it is not
/// installed, which is said once.
pub(crate) fn url() -> Option<&'static str> {
    let server = SERVER.get_or_init(|| {
        if Command::new("redis-server").arg("--version").output().is_err() {
            println!(
                "SKIPPED: the cases on Redis need the program redis-server, not installed here"
            );
            return None;
        }
        Some(start())
    });
    server.as_ref().map(|server| server.url.as_str())
}

fn start() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!(
        "redis-server --bind 127.0.0.1 --port {port} --save '' --dir '{}' --loglevel warning",
        folder.path().display()
    );
    let shell = Command::new("sh")
        .arg("-c")
        .arg(format!("{server} </dev/null & read _; kill $!; wait"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until_it_answers(port);
    Server { url: format!("redis://127.0.0.1:{port}"), _shell: shell, _folder: folder }
}

fn wait_until_it_answers(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            let mut answer = [0; 7];
            if stream.write_all(b"PING\r\n").is_ok() && stream.read_exact(&mut answer).is_ok() {
                return;
            }
        }
        std::thread::yield_now();
    }
    panic!("redis-server on port {port} did not answer within 10 s");
}
