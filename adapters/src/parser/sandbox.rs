//! What a parser child takes away from itself before it looks at a document.
//!
//! Everything happens inside the child, after its start and before it reads the document; nothing
//! here touches the parent. What the system does not offer is left out and reported.
//!
//! | layer | what it takes away | where |
//! |---|---|---|
//! | limits | memory, processor time, open files, file sizes, core dumps | Unix |
//! | privileges | gaining any by starting a program | Linux |
//! | parent-death | living on when the parent is killed | Linux |
//! | landlock | every path, TCP, signals to and sockets of others | Linux 5.13 and later |
//! | seccomp | every system call that reading and writing pipes and memory does not need | Linux |

#[cfg(target_os = "linux")]
mod filter;

/// How much a child may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of address space.
    pub memory: u64,
    /// Seconds of processor time.
    pub cpu_seconds: u64,
}

/// Enters the sandbox and returns the names of the layers that are in force.
pub(super) fn enter(limits: Limits) -> Vec<String> {
    // In this order: the last one closes the calls that the others make.
    let layers = [
        ("limits", limit(limits)),
        ("privileges", drop_privileges()),
        ("parent-death", die_with_parent()),
        ("landlock", close_paths()),
        ("seccomp", close_system_calls()),
    ];
    layers.into_iter().filter(|(_, applied)| *applied).map(|(name, _)| name.to_owned()).collect()
}

/// The layers that a system of this kind should offer.
pub(super) fn expected() -> &'static [&'static str] {
    if cfg!(target_os = "linux") {
        &["limits", "privileges", "parent-death", "landlock", "seccomp"]
    } else if cfg!(unix) {
        &["limits"]
    } else {
        &[]
    }
}

#[cfg(unix)]
fn limit(limits: Limits) -> bool {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let exactly = |value| Rlimit { current: Some(value), maximum: Some(value) };
    // The first limit sends a signal that names the cause, the second one kills.
    let cpu = Rlimit { current: Some(limits.cpu_seconds), maximum: Some(limits.cpu_seconds + 1) };
    [
        (Resource::Core, exactly(0)),
        (Resource::Fsize, exactly(0)),
        (Resource::Nofile, exactly(16)),
        (Resource::Cpu, cpu),
        (Resource::As, exactly(limits.memory)),
    ]
    .into_iter()
    .all(|(resource, limit)| setrlimit(resource, limit).is_ok())
}

#[cfg(not(unix))]
fn limit(_: Limits) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn drop_privileges() -> bool {
    rustix::thread::set_no_new_privs(true).is_ok()
}

#[cfg(target_os = "linux")]
fn die_with_parent() -> bool {
    use rustix::process::{DumpableBehavior, Signal};

    let is_set = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).is_ok();
    // Nobody attaches to a process that holds a stranger's document.
    is_set && rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok()
}

#[cfg(target_os = "linux")]
fn close_paths() -> bool {
    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};

    // Newer kernels take more away, older ones what they know.
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V6)))
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    restricted.is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

#[cfg(target_os = "linux")]
fn close_system_calls() -> bool {
    filter::apply().is_ok()
}

#[cfg(not(target_os = "linux"))]
fn drop_privileges() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn close_paths() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn close_system_calls() -> bool {
    false
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs::File;
    use std::net::{TcpListener, UdpSocket};
    use std::process::Command;

    use super::*;

    /// Runs one of the ignored tests of this module in a process of its own, with its output.
    fn in_own_process(name: &str) -> std::process::Output {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                &format!("parser::sandbox::tests::{name}"),
            ])
            .output()
            .unwrap()
    }

    fn small() -> Limits {
        Limits { memory: 512 << 20, cpu_seconds: 1 }
    }

    #[test]
    fn nothing_can_be_opened_connected_or_started() {
        let output = in_own_process("inside");

        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        // A kernel without one of the layers still denies all of this.
        assert!(said.contains("1 passed") && said.contains("seccomp"), "{said}");
    }

    #[test]
    #[ignore = "confines its own process: the test above runs it"]
    fn inside() {
        let layers = enter(small());

        println!("{layers:?}");
        assert!(File::open("/etc/passwd").is_err());
        assert!(File::create("/tmp/parser-child-was-here").is_err());
        assert!(TcpListener::bind("127.0.0.1:0").is_err());
        assert!(UdpSocket::bind("127.0.0.1:0").is_err());
        assert!(Command::new("/bin/true").status().is_err());
        assert!(Vec::<u8>::new().try_reserve_exact(1 << 30).is_err());
    }

    #[test]
    fn a_loop_without_end_is_ended_by_its_processor_time() {
        let output = in_own_process("inside_a_loop");

        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        assert_eq!(signal, Some(libc::SIGXCPU), "{output:?}");
    }

    #[test]
    #[ignore = "never ends by itself: the test above runs it"]
    fn inside_a_loop() {
        enter(small());
        loop {
            std::hint::spin_loop();
        }
    }
}
