//! What a supervisor does when its children fail.

use std::sync::atomic::{AtomicU32, Ordering};

use oxherd_queue::clock::SystemClock;
use tokio::task::JoinHandle;

use super::*;

/// A child that counts its starts and fails where it is told to.
struct Scripted(Arc<Script>);

#[derive(Default)]
struct Script {
    starts: AtomicU32,
    fail_pre_start: AtomicU32,
    fail_post_start: AtomicU32,
}

impl Script {
    fn starts(&self) -> u32 {
        self.starts.load(Ordering::SeqCst)
    }

    fn take(counter: &AtomicU32) -> bool {
        counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

impl Actor for Scripted {
    type Msg = Envelope<()>;
    type State = ();
    type Arguments = Arc<Mailbox<()>>;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        mailbox: Self::Arguments,
    ) -> Result<(), ActorProcessingErr> {
        mailbox.bind(&myself);
        self.0.starts.fetch_add(1, Ordering::SeqCst);
        assert!(!Script::take(&self.0.fail_pre_start), "pre_start broke");
        Ok(())
    }

    async fn post_start(
        &self,
        _: ActorRef<Self::Msg>,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if Script::take(&self.0.fail_post_start) { Err("post_start broke".into()) } else { Ok(()) }
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        message.open();
        Ok(())
    }
}

fn clock() -> SharedClock {
    Arc::new(SystemClock)
}

fn child(name: &str, script: &Arc<Script>) -> ChildSpec {
    let mailbox = Mailbox::new();
    let branch = Arc::new(Branch::new(name, "Child", &clock(), &mailbox));
    let script = Arc::clone(script);
    ChildSpec::permanent(branch, move || (Scripted(Arc::clone(&script)), Arc::clone(&mailbox)))
}

struct Running {
    branch: Arc<Branch>,
    actor: ActorRef<Envelope<Message>>,
    ended: JoinHandle<()>,
}

impl Running {
    async fn start(intensity: Intensity, children: Vec<ChildSpec>) -> Self {
        let spec = SupervisorSpec::new("top", "Supervisor", &clock(), intensity, children);
        let branch = Arc::clone(&spec.branch);
        let (actor, ended) = Actor::spawn(None, Supervisor, Arc::new(spec)).await.unwrap();
        Self { branch, actor, ended }
    }

    /// Crashes a child, and waits until it was counted and the restart is done.
    async fn crash(&self, path: &str) {
        let name = path.split('/').next().unwrap();
        let children = self.branch.children();
        let child = children.iter().find(|child| child.name() == name).unwrap();
        let before = child.document().restarts;
        assert!(self.branch.crash_at(path));
        while child.document().restarts == before || child.state() != NodeState::Running {
            if self.ended.is_finished() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn a_crash_restarts_exactly_the_part_that_crashed() {
    let (one, two) = (Arc::new(Script::default()), Arc::new(Script::default()));
    let top = Running::start(Intensity::BRANCH, vec![child("one", &one), child("two", &two)]).await;

    top.crash("one").await;

    assert_eq!((one.starts(), two.starts()), (2, 1));
    let document = top.branch.document();
    let failed = &document.children[0];
    assert_eq!((failed.restarts, failed.restarts_in_window, failed.restarts_allowed), (1, 1, 5));
    assert!(failed.last_failure.as_ref().unwrap().reason.contains("crashed on request"));
    assert!(document.children[1].last_failure.is_none());
}

#[tokio::test]
async fn a_child_that_cannot_start_has_crashed_and_is_tried_again() {
    for (pre_start, post_start) in [(2, 0), (0, 2)] {
        let script = Arc::new(Script::default());
        script.fail_pre_start.store(pre_start, Ordering::SeqCst);
        script.fail_post_start.store(post_start, Ordering::SeqCst);
        let top = Running::start(Intensity::BRANCH, vec![child("one", &script)]).await;
        while script.starts() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(top.branch.crash_at("one"), "the third start was the last");
        assert_eq!(top.branch.document().children[0].restarts, 2);
    }
}

#[tokio::test]
async fn one_failure_over_the_intensity_ends_the_supervisor_and_its_children() {
    let script = Arc::new(Script::default());
    let top = Running::start(Intensity::BRANCH, vec![child("one", &script)]).await;

    for _ in 0..5 {
        top.crash("one").await;
    }
    assert!(!top.ended.is_finished());
    top.crash("one").await;

    tokio::time::timeout(Duration::from_secs(1), top.ended).await.unwrap().unwrap();
    assert!(!top.branch.crash_at("one"), "no child outlives its supervisor");
}

#[tokio::test]
async fn a_supervisor_that_gives_up_is_restarted_by_its_own_with_all_its_children() {
    let script = Arc::new(Script::default());
    let branch = SupervisorSpec::new(
        "queue",
        "QueueSupervisor",
        &clock(),
        Intensity { failures_max: 1, within: Duration::from_secs(30) },
        vec![child("one", &script)],
    );
    let top = Running::start(Intensity::ROOT, vec![branch.into_child()]).await;

    while top.branch.children()[0].document().restarts == 0 {
        top.branch.crash_at("queue/one");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    while script.starts() < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    let document = top.branch.document();
    assert_eq!(document.children[0].restarts, 1);
    assert_eq!(document.children[0].children[0].state, NodeState::Running);
    let reason = &document.children[0].last_failure.as_ref().unwrap().reason;
    assert!(reason.contains("too many failures: one: "), "{reason}");
}

#[tokio::test]
async fn failures_that_jobs_paid_for_never_escalate() {
    let script = Arc::new(Script::default());
    let free = child("one", &script).weighed(|_| Weight::Free);
    let top = Running::start(Intensity::BRANCH, vec![free]).await;
    for _ in 0..100 {
        top.crash("one").await;
    }
    assert_eq!(script.starts(), 101);
    assert_eq!(top.branch.document().children[0].restarts_in_window, 0);
    assert!(!top.ended.is_finished());
}

#[tokio::test]
async fn a_crash_loop_waits_longer_and_longer_between_starts() {
    let script = Arc::new(Script::default());
    script.fail_post_start.store(u32::MAX, Ordering::SeqCst);
    let lenient = Intensity { failures_max: u32::MAX, within: Duration::from_secs(60) };
    let _top = Running::start(lenient, vec![child("one", &script)]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Without pauses there would be tens of thousands.
    assert!((3..60).contains(&script.starts()), "{} starts", script.starts());
}

#[tokio::test]
async fn children_stop_in_reverse_order() {
    let (one, two) = (Arc::new(Script::default()), Arc::new(Script::default()));
    let top = Running::start(Intensity::BRANCH, vec![child("one", &one), child("two", &two)]).await;

    top.actor.stop(None);
    top.ended.await.unwrap();

    for child in top.branch.children() {
        assert_eq!(child.state(), NodeState::Stopped);
        assert!(!top.branch.crash_at(child.name()));
    }
}
