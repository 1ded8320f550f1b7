//! bull-board on the queues of a row, and a browser in front of it: what a person sees and presses.
//!
//! Never knows what the presses should do.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::peer::Client;
use crate::row::Row;
use crate::side::{Side, until_within};

/// How long anything is waited for: the page itself looks every five seconds.
const DEADLINE: Duration = Duration::from_secs(30);

/// The page of a row's board.
pub(crate) struct Board {
    side: Side,
}

/// Tells whether the browser that presses the buttons is installed.
pub(crate) fn is_drivable() -> bool {
    let program =
        std::env::var_os("CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
    let driver = crate::folder().join("../node/node_modules/playwright-core");
    program.exists() && driver.exists()
}

impl Board {
    /// Mounts a board on queues of the row and opens its page.
    pub(crate) async fn open(row: &Row, queues: &[&str]) -> Self {
        let side = row.own(Client::Board);
        let command = json!({ "command": "open", "queues": queues, "major": row.major });
        side.tell(command).await.unwrap();
        Self { side }
    }

    async fn page(&self, method: &str, args: Value) -> Value {
        let command = json!({ "command": "page", "method": method, "args": args });
        let told = self.side.tell(command).await;
        told.unwrap_or_else(|error| panic!("{method} {args} on the board: {error}"))
    }

    /// Goes to a tab of a queue.
    pub(crate) async fn tab(&self, queue: &str, status: &str) {
        self.page("tab", json!([queue, status])).await;
    }

    /// Goes to the page of a job.
    pub(crate) async fn job(&self, queue: &str, id: &str) {
        self.page("job", json!([queue, id])).await;
    }

    /// Presses a button of the queue that is shown, and says yes where it asks.
    pub(crate) async fn press(&self, button: &str) {
        self.page("press", json!([button])).await;
    }

    /// Presses a button of a job on the tab that is shown, and says yes.
    pub(crate) async fn press_on(&self, id: &str, button: &str) {
        self.page("pressOn", json!([id, button])).await;
    }

    /// Opens a form from the menu of the queue that is shown, fills it in and sends it.
    pub(crate) async fn send(&self, item: &str, button: &str, fields: Value) {
        self.page("choose", json!([item])).await;
        self.page("send", json!([button, fields])).await;
    }

    /// The same with a form of a job.
    pub(crate) async fn send_on(&self, id: &str, item: &str, button: &str, fields: Value) {
        self.page("opener", json!([id, item])).await;
        self.page("send", json!([button, fields])).await;
    }

    /// Waits until the page says something.
    pub(crate) async fn says(&self, text: &str) {
        until_within(&format!("the board says {text}"), DEADLINE, async || {
            let seen = self.page("see", json!([])).await;
            if seen["text"].as_str().unwrap().contains(text) { Ok(()) } else { Err(seen) }
        })
        .await;
    }

    /// Reads an address of the board's API, which must be there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let mut answer = self.page("get", json!([path])).await;
        assert_eq!(answer["status"], 200, "{path}: {answer}");
        answer["body"].take()
    }

    /// Waits until the tab of a state says so many jobs.
    pub(crate) async fn shows(&self, state: &str, count: u64) {
        until_within(&format!("the board shows {count} {state}"), DEADLINE, async || {
            let seen = self.page("see", json!([])).await;
            if seen["tabs"][state] == count { Ok(()) } else { Err(seen) }
        })
        .await;
    }
}
