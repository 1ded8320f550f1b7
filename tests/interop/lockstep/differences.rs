//! The differences that are meant, each with its reason. Whatever is not in this list has to be
//! equal.

use super::dump::{Content, Dump, Entry};

/// A difference that is meant.
struct Difference {
    #[expect(dead_code, reason = "read by people, and listed with the reason")]
    what: &'static str,
    #[expect(dead_code, reason = "read by people")]
    why: &'static str,
    /// Takes exactly this difference out of two dumps.
    settle: fn(package: &mut Dump, ours: &mut Dump),
}

const MEANT: [Difference; 2] = [
    Difference {
        what: "`version` and `library` of `meta`",
        why: "each client says there who it is; nothing decides by it",
        settle: |package, ours| {
            for dump in [package, ours] {
                for (name, entry) in dump {
                    if let (true, Content::Hash(fields)) =
                        (name.ends_with(":meta"), &mut entry.content)
                    {
                        fields.remove("version");
                        fields.remove("library");
                    }
                }
            }
        },
    },
    Difference {
        what: "no base marker where nothing waits",
        why: "the package writes `marker` 0 after every start, so that the next idle worker looks; \
              ours leaves it out where there is nothing to find, which saves idle workers a call",
        settle: |package, ours| {
            for queue in super::QUEUES {
                let key = |name: &str| format!("bull:{queue}:{name}");
                let nothing_waits =
                    !ours.contains_key(&key("wait")) && !ours.contains_key(&key("prioritized"));
                if nothing_waits && !has_base(ours, &key("marker")) {
                    take_base(package, &key("marker"));
                }
            }
        },
    },
];

/// Takes the differences that are meant out of two dumps.
pub(super) fn settle(package: &mut Dump, ours: &mut Dump) {
    for difference in &MEANT {
        (difference.settle)(package, ours);
    }
}

fn has_base(dump: &Dump, marker: &str) -> bool {
    let Some(Entry { content: Content::Ranked(members), .. }) = dump.get(marker) else {
        return false;
    };
    members.iter().any(|(member, _)| member == "0")
}

fn take_base(dump: &mut Dump, marker: &str) {
    let Some(Entry { content: Content::Ranked(members), .. }) = dump.get_mut(marker) else {
        return;
    };
    members.retain(|(member, _)| member != "0");
    if members.is_empty() {
        dump.remove(marker);
    }
}
